"""One reader's place in a broadcast, as a Trio receive channel."""

from typing import Any, Literal, Self, TypeVar

import trio
from attrs import frozen
from trio.lowlevel import Abort, RaiseCancelT, enable_ki_protection

from actrio.mailbox._bounds import check_whole
from actrio.mailbox._errors import ActrioError
from actrio.mailbox._ring import UNLIMITED, Ring

T_co = TypeVar("T_co", covariant=True)

SubscriberPolicy = Literal["wait", "lag", "disconnect"]

# A power of two; `async for` lets other tasks run before every item whose number it divides, so no counter is needed.
ITERATION_BUDGET = 64  # items


@frozen
class Lagged:
    """What a ``lag`` subscriber gets in place of the items that were dropped before it read them."""

    missed: int  # at least 1


class Disconnected(ActrioError, trio.BrokenResourceError):
    """A ``disconnect`` subscriber fell too far behind. It gets nothing more, not even what is still kept.

    Its position stays at the first item it missed: ``subscribe("lag", after=subscription.position - 1)`` goes on.

    Attributes: ``broadcast``, ``keep`` (in items), ``missed`` (how many items were gone when this was found).
    """

    def __init__(self, broadcast: str, keep: int, missed: int) -> None:
        self.broadcast = broadcast
        self.keep = keep
        self.missed = missed
        super().__init__(
            f"a subscriber of broadcast {broadcast!r} was disconnected: it was more than keep={keep} items behind and "
            f"{missed} it had not read are gone. Read faster, raise keep, or subscribe with policy 'lag' or 'wait'"
        )


@frozen
class SubscriptionStatistics:
    """A snapshot of one subscription."""

    policy: SubscriberPolicy
    position: int
    unread: int  # items sent and not yet received, kept or not
    missed: int  # items it was told it did not get
    closed: bool


class Subscription(trio.abc.ReceiveChannel[T_co]):
    """One reader's place in a :class:`Broadcast`, opened by `Broadcast.subscribe`.

    Leaving its ``with`` block closes it, and lets go a producer that it held up. A receive either gives an item or
    raises Cancelled and leaves the subscription as it was; a cancelled reader can go on later and misses nothing.

    ``async for`` ends when the broadcast was closed and all is read, and raises its error if it failed. It waits when
    there is nothing, and else lets other tasks run at least once every 64 items, not at each.

    Several tasks may receive from one subscription: each item goes to one of them.
    """

    __slots__ = ("_closed", "_missed", "_parked", "_policy", "_position", "_ring")

    def __init__(self, ring: Ring[Any], policy: SubscriberPolicy, position: int) -> None:
        self._ring = ring
        self._policy: SubscriberPolicy = policy
        self._position = position
        self._missed = 0
        self._parked = 0  # tasks in `_wait` that are parked, or woken and have not run yet
        self._closed = False

    @property
    def position(self) -> int:
        """The number of the next item; the item just received has one less. Stays readable after `close`."""
        return self._position

    @enable_ki_protection
    def receive_nowait(self) -> T_co:
        """The next item, without waiting; under ``lag`` it may be :class:`Lagged`.

        Raises:
            trio.WouldBlock: there is none yet.
            trio.EndOfChannel: all is read and the broadcast was closed. If it failed: its error.
            Disconnected: under ``disconnect``, more than ``keep`` items behind.
            trio.ClosedResourceError: this subscription is closed.
        """
        ring, position = self._ring, self._position
        if self._closed or not ring.oldest <= position < ring.next:
            lagged: T_co = self._lagged_or_raise()
            return lagged
        value: T_co = ring.items[position % ring.keep]
        self._position = position + 1
        if ring.senders and self._policy == "wait":
            ring.advanced(position)
        return value

    @enable_ki_protection
    async def receive(self) -> T_co:
        """The next item, waiting for one. Always a checkpoint. Raises: as `receive_nowait`, but never WouldBlock."""
        await self._wait()
        return self.receive_nowait()

    @enable_ki_protection
    def receive_batch_nowait(self, limit: int = UNLIMITED) -> list[T_co]:
        """All that is there, at least one item and up to ``limit``; :class:`Lagged` comes first and counts as one.

        Raises: as `receive_nowait`, when there is nothing to give.
        """
        check_whole(self._ring.name, "limit", limit)
        ring, batch = self._ring, list[T_co]()
        if self._closed or not ring.oldest <= self._position < ring.next:
            batch.append(self._lagged_or_raise())
        start = self._position
        stop = min(ring.next, start + limit - len(batch))
        if start < stop:
            batch += ring.between(start, stop)
            self._position = stop
            if ring.senders and self._policy == "wait":
                ring.advanced(start)
        return batch

    @enable_ki_protection
    async def receive_batch(self, limit: int = UNLIMITED) -> list[T_co]:
        """All that is there, waiting until something is. Always a checkpoint. Raises: as `receive`."""
        await self._wait()
        return self.receive_batch_nowait(limit)

    @enable_ki_protection
    async def __anext__(self) -> T_co:
        ring, position = self._ring, self._position
        if not (position % ITERATION_BUDGET and ring.oldest <= position < ring.next):
            await self._wait()
            if ring.ended and ring.error is None and self._position == ring.next and not self._closed:
                raise StopAsyncIteration
        return self.receive_nowait()

    @enable_ki_protection
    async def _wait(self) -> None:
        """A checkpoint that ends when `receive_nowait` has something to give or to raise."""
        ring = self._ring
        if self._position != ring.next or ring.ended or self._closed:
            await trio.lowlevel.checkpoint()
        parked, task = ring.parked, trio.lowlevel.current_task()

        def abort(_: RaiseCancelT) -> Abort:
            del parked[task]
            return Abort.SUCCEEDED

        # A loop, for another task of this subscription may have taken the item that woke this one.
        while self._position == ring.next and not ring.ended and not self._closed:
            parked[task] = self
            self._parked += 1
            try:
                await trio.lowlevel.wait_task_rescheduled(abort)
            finally:
                self._parked -= 1

    def _lagged_or_raise(self) -> Any:
        ring = self._ring
        if self._closed:
            raise trio.ClosedResourceError(f"this subscription to broadcast {ring.name!r} is closed")
        if self._position < ring.oldest:
            return self._fall_behind(ring.oldest - self._position)
        if not ring.ended:
            raise trio.WouldBlock
        if ring.error is not None:
            raise ring.error.with_traceback(ring.traceback)
        raise trio.EndOfChannel

    def _fall_behind(self, missed: int) -> Lagged:
        ring = self._ring
        if self._policy == "lag":
            self._position = ring.oldest
            self._missed += missed
            ring.missed_total += missed
            ring.lagged_total += 1
            return Lagged(missed)
        if not self._missed:  # the first time; its position stays behind, so every later receive comes here too
            self._missed = missed
            ring.missed_total += missed
            ring.disconnected_total += 1
        raise Disconnected(ring.name, ring.keep, self._missed)

    @enable_ki_protection
    def close(self) -> None:
        """Leave. A sender this one held up goes on; a task that receives from it gets ClosedResourceError.

        Never a checkpoint. Closing again does nothing.
        """
        if self._closed:
            return
        self._closed = True
        ring = self._ring
        ring.subscribers -= 1
        if self._policy == "wait":
            del ring.blocking[self]
            if ring.senders:
                ring.advanced(self._position)
        if self._parked:
            ring.expel(self)

    async def aclose(self) -> None:
        """`close`, then a checkpoint."""
        self.close()
        await trio.lowlevel.checkpoint()

    def __enter__(self) -> Self:
        return self

    @enable_ki_protection
    def __exit__(self, *_: object) -> None:
        self.close()

    def statistics(self) -> SubscriptionStatistics:
        """A frozen snapshot."""
        return SubscriptionStatistics(
            policy=self._policy,
            position=self._position,
            unread=self._ring.next - self._position,
            missed=self._missed,
            closed=self._closed,
        )

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return (
            f"<Subscription to {self._ring.name!r}: {self._policy}, at {self._position} of {self._ring.next}, {state}>"
        )
