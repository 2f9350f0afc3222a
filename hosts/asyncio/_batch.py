"""A batch at work, read in asyncio."""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Generic, Self, TypeVar

import actrio.agents.batch as native
from actrio.agents.batch import Outcome, Progress
from actrio.hosts._streams import stay, take_into
from actrio.hosts.asyncio._crossing import Crossing, Reader

InputT = TypeVar("InputT")
ValueT = TypeVar("ValueT")


class Batch(Generic[InputT, ValueT]):
    """A batch: see :class:`actrio.agents.batch.Batch`, whose methods these are. It begins when its block is entered.

    ``async with ref.open_batch(questions) as batch: async for outcome in batch``. Outcomes wait in the runtime until
    they are asked for, so a slow reader holds the batch back, and a wait that is given up loses none. To write how
    inputs ended to a file, open it with ``resume=path``.
    """

    __slots__ = ("_begin", "_crossing", "_inside", "_native", "_taken")

    def __init__(
        self, crossing: Crossing, begin: Callable[[], AbstractAsyncContextManager[native.Batch[InputT, ValueT]]]
    ) -> None:
        self._crossing = crossing
        self._begin = begin
        self._inside: Reader[native.Batch[InputT, ValueT]] | None = None
        self._native: native.Batch[InputT, ValueT] | None = None
        self._taken: deque[Outcome[ValueT]] = deque()  # at most one for each who waits, or gave up waiting

    async def add(self, value: InputT, *, priority: float | None = None) -> int:
        """Give it one more input, and get the input's index. As :meth:`actrio.agents.batch.Batch.add`."""
        return await self._crossing.do(self._batch.add, value, priority=priority)

    async def stop(self) -> None:
        """Cancel what is at work and begin no more. As :meth:`actrio.agents.batch.Batch.stop`."""
        await self._crossing.do(self._batch.stop)

    async def progress(self) -> Progress:
        """How far it is."""
        return await self._crossing.do(lambda: self._batch.progress)

    @property
    def read(self) -> int:
        """How many inputs were read so far."""
        return self._batch.read

    @property
    def stopped(self) -> bool:
        """Whether it was stopped, by `stop` or by a failure."""
        return self._batch.stopped

    @property
    def _batch(self) -> native.Batch[InputT, ValueT]:
        if self._native is None:
            raise RuntimeError("the batch has not begun. Enter it first, with its block")
        return self._native

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[ValueT]:
        while True:
            with suppress(IndexError):
                return self._taken.popleft()
            if not await self._crossing.call(take_into, self._taken, self._batch):
                raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        if self._inside is not None:
            raise RuntimeError("a batch is entered once. Call open_batch() again for another")
        self._inside = self._crossing.read(stay, self._begin)
        self._native = await self._inside.__anext__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._inside is not None:
            await self._inside.leave()  # noqa: ASYNC102 - waits for what it ends, as a nursery does

    def __repr__(self) -> str:
        return "<Batch, not begun>" if self._native is None else f"<Batch, {self.read} inputs read>"
