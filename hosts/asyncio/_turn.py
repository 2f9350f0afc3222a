"""A turn of an agent, read in asyncio."""

from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType
from typing import Any, Generic

from typing_extensions import TypeVar

import actrio.agents as native
from actrio.agents import Reply, TurnEvent
from actrio.agents.output import FieldUpdate
from actrio.agents.tools import ToolUse
from actrio.hosts._streams import pump, pump_from, stay
from actrio.hosts.asyncio._crossing import Crossing, Reader

OutputT = TypeVar("OutputT", default=str)


class Turn(Generic[OutputT]):
    """One turn of an agent: see :class:`actrio.Turn`, whose methods these are."""

    __slots__ = ("_crossing", "_native")

    def __init__(self, crossing: Crossing, turn: native.Turn[OutputT]) -> None:
        self._crossing = crossing
        self._native = turn

    @property
    def conversation(self) -> str | None:
        """The key of its conversation; None if it stands for itself."""
        return self._native.conversation

    @property
    def over(self) -> bool:
        """Whether the turn has ended: nothing will be added to it."""
        return self._native.over

    @property
    def waiting_for_approval(self) -> tuple[str, ...]:
        """The ids of the calls that wait for approval."""
        return self._native.waiting_for_approval

    def events(self, *, after: int = -1) -> Reader[TurnEvent]:
        """All events, in order: ``async for event in turn.events()``. As :meth:`actrio.Turn.events`."""
        return self._crossing.read(pump, partial(self._native.events, after=after))

    def text(self) -> Reader[str]:
        """The text as it arrives: ``async for piece in turn.text()``. As :meth:`actrio.Turn.text`."""
        return self._crossing.read(pump, self._native.text)

    def fields(self) -> Reader[FieldUpdate]:
        """The fields of a structured answer while they grow. As :meth:`actrio.Turn.fields`."""
        return self._crossing.read(pump, self._native.fields)

    def tools(self) -> Reader[ToolUse]:
        """The tool calls, each when it has ended. As :meth:`actrio.Turn.tools`."""
        return self._crossing.read(pump, self._native.tools)

    async def result(self) -> Reply[OutputT]:
        """The whole answer, when it is there. As :meth:`actrio.Turn.result`."""
        return await self._crossing.call(self._native.result)

    async def steer(self, text: str) -> None:
        """Say something to the model while it works. As :meth:`actrio.Turn.steer`."""
        await self._crossing.do(self._native.steer, text)

    async def approve(self, call_id: str) -> None:
        """Let a call go on that waits for approval. As :meth:`actrio.Turn.approve`."""
        await self._crossing.do(self._native.approve, call_id)

    async def deny(self, call_id: str, reason: str = "") -> None:
        """Have a call that waits for approval not made. As :meth:`actrio.Turn.deny`."""
        await self._crossing.do(self._native.deny, call_id, reason)

    async def cancel(self) -> None:
        """Stop the model. As :meth:`actrio.Turn.cancel`."""
        await self._crossing.do(self._native.cancel)

    def __repr__(self) -> str:
        return repr(self._native)


class Run(Generic[OutputT]):
    """A turn that begins when it is entered, ``async with ref.run("Hello.") as turn``, or when it is read.

    Without a block, ``async for piece in ref.run("Hello.").text()``, the turn is cancelled when the reader is closed or
    dropped; each such reader is a turn of its own.
    """

    __slots__ = ("_begin", "_crossing", "_inside")

    def __init__(
        self, crossing: Crossing, begin: Callable[[], AbstractAsyncContextManager[native.Turn[OutputT]]]
    ) -> None:
        self._crossing = crossing
        self._begin = begin
        self._inside: Reader[native.Turn[OutputT]] | None = None

    async def __aenter__(self) -> Turn[OutputT]:
        if self._inside is not None:
            raise RuntimeError("a run is entered once. Call run() again for another turn")
        self._inside = self._crossing.read(stay, self._begin)
        return Turn(self._crossing, await self._inside.__anext__())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._inside is not None:
            await self._inside.leave()  # noqa: ASYNC102 - waits for what it ends, as a nursery does

    def events(self, *, after: int = -1) -> Reader[TurnEvent]:
        """As :meth:`Turn.events`, of a turn of its own."""
        return self._read(lambda turn: turn.events(after=after))

    def text(self) -> Reader[str]:
        """As :meth:`Turn.text`, of a turn of its own."""
        return self._read(lambda turn: turn.text())

    def fields(self) -> Reader[FieldUpdate]:
        """As :meth:`Turn.fields`, of a turn of its own."""
        return self._read(lambda turn: turn.fields())

    def tools(self) -> Reader[ToolUse]:
        """As :meth:`Turn.tools`, of a turn of its own."""
        return self._read(lambda turn: turn.tools())

    def _read(self, source: Callable[[native.Turn[OutputT]], AsyncIterable[object]]) -> Reader[Any]:
        return self._crossing.read(pump_from, self._begin, source)
