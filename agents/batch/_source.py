"""The inputs of a batch that are not begun: read from where they come from only as far as there is work for."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sized
from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

import trio
from attrs import frozen

from actrio.agents.batch._outcome import BatchFull
from actrio.agents.batch._settings import LOOK_AHEAD, MOST_WAITING

InputT = TypeVar("InputT")


@frozen
class Item(Generic[InputT]):
    """One input, and which of the batch it is, from 0."""

    index: int
    value: InputT


def _check_inputs(inputs: object) -> None:
    if not isinstance(inputs, Iterable | AsyncIterable):
        raise TypeError(f"the inputs of a batch are an iterable or an async iterable, not {inputs!r}")


class Source(Generic[InputT]):
    """Inputs, the most urgent first, and of equals the first to come.

    Args:
        inputs: An iterable or an async iterable. The latter needs :meth:`feed` to run.
        priority: See `BatchSettings`.

    Attributes:
        read: How many there were so far, with those that were added.
        error: What the iterable raised.
    """

    def __init__(
        self, inputs: Iterable[InputT] | AsyncIterable[InputT], priority: Callable[[Any], float] | None
    ) -> None:
        _check_inputs(inputs)
        self._iterator: Iterator[InputT] | None = iter(inputs) if isinstance(inputs, Iterable) else None
        self._async_inputs: AsyncIterable[InputT] | None = None if isinstance(inputs, Iterable) else inputs
        self._size: int | None = len(inputs) if isinstance(inputs, Sized) else None
        self._priority = priority
        self._ahead: int = 1 if priority is None else LOOK_AHEAD
        self._heap: list[tuple[float, int, InputT]] = []
        self._added = 0
        self._room = trio.lowlevel.ParkingLot()
        self.read: int = 0
        self.error: Exception | None = None

    def __len__(self) -> int:
        """How many are read and not taken."""
        return len(self._heap)

    @property
    def ended(self) -> bool:
        """Whether there will be no more, unless some are added."""
        return self._iterator is None and self._async_inputs is None

    @property
    def total(self) -> int | None:
        """How many there are in all, those that were taken too; None if that cannot be known yet."""
        if self.ended:
            return self.read
        return None if self._size is None else self._size + self._added

    def add(self, value: InputT, priority: float | None) -> int:
        """One more. Raises: BatchFull."""
        if len(self._heap) >= MOST_WAITING:
            raise BatchFull(MOST_WAITING)
        index = self._push(value, priority)
        self._added += 1
        return index

    def take(self) -> Item[InputT] | None:
        """The next one; None if there is none now."""
        self.refill()
        if not self._heap:
            return None
        _, index, value = heappop(self._heap)
        if len(self._heap) < self._ahead:
            self._room.unpark_all()
        return Item(index, value)

    def refill(self) -> None:
        """Read on, as far as is read ahead. Only an iterable that is not async."""
        iterator = self._iterator
        while iterator is not None and len(self._heap) < self._ahead:
            try:
                self._push(next(iterator), None)
            except StopIteration:
                iterator = self._iterator = None
            except Exception as error:  # noqa: BLE001 - whoever reads the batch gets it
                iterator = None
                self._end(error)

    async def feed(self, pushed: Callable[[], None]) -> None:
        """Read an async iterable to its end, waiting while enough is read ahead."""
        if self._async_inputs is None:
            return
        iterator: AsyncIterator[InputT] = aiter(self._async_inputs)
        try:
            async for value in iterator:
                self._push(value, None)
                pushed()
                while len(self._heap) >= self._ahead:
                    await self._room.park()
        except Exception as error:  # noqa: BLE001 - whoever reads the batch gets it
            self._end(error)
        finally:
            self._async_inputs = None
            close = getattr(iterator, "aclose", None)
            if close is not None:
                with trio.move_on_after(_CLOSE_GRACE, shield=True):
                    await close()

    def stop(self) -> None:
        """Read no more. What was read stays to be taken."""
        self._iterator = self._async_inputs = None

    def _end(self, error: Exception) -> None:
        self.error = error
        self.stop()

    def _push(self, value: InputT, priority: float | None) -> int:
        if priority is None:
            priority = 0.0 if self._priority is None else self._priority(value)
        place = -priority
        index, self.read = self.read, self.read + 1
        heappush(self._heap, (place, index, value))
        return index


_CLOSE_GRACE = 5.0  # seconds that an async generator has to end
