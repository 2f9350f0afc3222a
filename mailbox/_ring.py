"""What a broadcast and its subscriptions share: the kept items, and the tasks that wait at either end of them."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Generic, Protocol, TypeVar

import outcome
import trio
from trio.lowlevel import Task, enable_ki_protection, reschedule

from actrio.mailbox._woken import WOKEN

T = TypeVar("T")

UNLIMITED = 2**63


class Reader(Protocol):
    """A place in the ring."""

    @property
    def position(self) -> int: ...


class Ring(Generic[T]):
    """The newest ``keep`` items of a stream, numbered from 0, with one producer side and any number of readers.

    An append writes one slot and wakes who is parked; where the readers stand matters to it only when the slot to be
    overwritten may still be wanted by a reader that the producer waits for (`blocking`). Then they are looked at
    once, and not again before they can have let go.
    """

    __slots__ = (
        "_in_the_way", "blocking", "disconnected_total", "ended", "error", "items", "keep", "lagged_total",
        "limit", "missed_total", "name", "next", "oldest", "parked", "senders", "subscribers", "traceback",
    )  # fmt: skip

    def __init__(self, name: str, keep: int) -> None:
        self.name: str = name
        self.keep: int = keep
        self.items: list[T] = []  # item n is at n % keep
        self.oldest: int = 0  # Invariant: max(0, next - keep)
        self.next: int = 0
        self.limit: int = UNLIMITED  # Invariant: at most keep + the lowest position in blocking; next never passes it
        self.blocking: dict[Reader, None] = {}  # Invariant: each one's position is at least oldest
        self.parked: dict[Task, Reader] = {}  # Invariant: empty once ended; each one's position is next
        self.senders: dict[Task, T] = {}  # Invariant: empty, or next is at the limit and the limit is exact
        self._in_the_way = 0  # Invariant: while there are senders, 1 to as many of blocking as stand at oldest
        self.subscribers: int = 0
        self.lagged_total: int = 0
        self.disconnected_total: int = 0
        self.missed_total: int = 0
        self.ended: bool = False
        self.error: Exception | None = None
        self.traceback: TracebackType | None = None

    def has_room(self, items: int = 1) -> bool:
        """Whether so many items more may be appended."""
        if self.next + items <= self.limit:
            return True
        positions = [reader.position for reader in self.blocking]
        lowest = min(positions, default=UNLIMITED)
        self.limit = lowest + self.keep
        self._in_the_way = positions.count(lowest)
        return self.next + items <= self.limit

    def append(self, item: T) -> int:
        """Add an item that there is room for, and return its number."""
        number = self.next
        if number < self.keep:
            self.items.append(item)
        else:
            self.items[number % self.keep] = item
            self.oldest += 1
        self.next = number + 1
        if self.parked:
            self._wake(self.parked)
            self.parked.clear()
        return number

    def extend(self, items: Sequence[T]) -> int:
        """Add items that there is room for, and return the number of the first."""
        number = self.next
        if number + len(items) > self.keep:
            for item in items:
                self.append(item)
            return number
        self.items.extend(items)
        self.next = number + len(items)
        if items and self.parked:
            self._wake(self.parked)
            self.parked.clear()
        return number

    def between(self, start: int, stop: int) -> list[T]:
        """The kept items ``start`` to ``stop - 1``, at least one."""
        first, last = start % self.keep, stop % self.keep
        return self.items[first:last] if first < last else self.items[first:] + self.items[:last]

    def block(self, reader: Reader) -> None:
        """From now on the producer waits for this reader."""
        self.blocking[reader] = None
        self.limit = min(self.limit, reader.position + self.keep)

    def advanced(self, position: int) -> None:
        """A reader the producer waits for has left ``position``, while there are senders."""
        # Counted, so that a thousand readers at one place do not each look where all the others are.
        if position == self.oldest:
            self._in_the_way -= 1
            if not self._in_the_way:
                self._admit()

    def _admit(self) -> None:
        while self.senders and self.has_room():
            task = next(iter(self.senders))
            reschedule(task, outcome.Value(self.append(self.senders.pop(task))))

    @enable_ki_protection
    def end(self, error: Exception | None) -> bool:
        """The one end; false, and nothing done, if it has been before."""
        if self.ended:
            return False
        self.ended = True
        if error is not None:
            self.error, self.traceback = error, error.__traceback__
        for task in self.senders:
            reschedule(task, outcome.Error(self.refusal()))
        self.senders.clear()
        self._wake(self.parked)
        self.parked.clear()
        return True

    def refusal(self) -> trio.ClosedResourceError:
        """What a sender gets after the end."""
        return trio.ClosedResourceError(f"broadcast {self.name!r} has ended: nothing more can be sent")

    def expel(self, reader: Reader) -> None:
        """Wake the tasks that are parked for this reader."""
        tasks = [task for task, of in self.parked.items() if of is reader]
        for task in tasks:
            del self.parked[task]
        self._wake(tasks)

    def _wake(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            reschedule(task, WOKEN)
