"""What one reads of a turn while it happens: its text, its fields, its tool calls."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Generic, Self, TypeVar

import trio

from actrio.agents._events import AnswerRestarted, StepStarted, TextChunk, ToolCallFinished, TurnEvent
from actrio.agents._log import TurnLog
from actrio.agents.output import BrokenJson, FieldUpdate, JsonScanner
from actrio.agents.tools import ToolUse

T = TypeVar("T")

BATCH = 64  # events a reader takes before it lets other tasks run


class Reader(AsyncIterator[T], Generic[T]):
    """Reads a turn from its beginning to its end, and then raises what ended it early, once.

    A cancelled wait loses nothing. Several tasks may share one reader: each item goes to one of them.
    """

    __slots__ = ("_events", "_log", "_ready", "_told")

    def __init__(self, log: TurnLog) -> None:
        self._log: TurnLog = log
        self._events = log.subscribe()
        self._ready: deque[T] = deque()
        self._told: bool = False  # the end, to whoever reads here

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        ready = self._ready
        while not ready and not self._told:
            try:
                self._take(await self._events.receive_batch(BATCH), ready)
            except trio.EndOfChannel:
                break
        if ready:
            return ready.popleft()
        if not self._told:
            self._told = True
            self._log.raise_error()
        raise StopAsyncIteration

    def _take(self, events: Sequence[TurnEvent], ready: deque[T]) -> None:
        raise NotImplementedError


class TextReader(Reader[str]):
    """The text of a turn, piece by piece; see ``Turn.text``."""

    __slots__ = ()

    def _take(self, events: Sequence[TurnEvent], ready: deque[str]) -> None:
        ready += [event.text for event in events if type(event) is TextChunk]


class ToolReader(Reader[ToolUse]):
    """The tool calls of a turn, as they end; see ``Turn.tools``."""

    __slots__ = ()

    def _take(self, events: Sequence[TurnEvent], ready: deque[ToolUse]) -> None:
        ready += [event.use for event in events if isinstance(event, ToolCallFinished)]


class FieldReader(Reader[FieldUpdate]):
    """The fields of a turn's answer; see ``Turn.fields``."""

    __slots__ = ("_attempt", "_scanner")

    def __init__(self, log: TurnLog) -> None:
        super().__init__(log)
        self._attempt = -1
        self._scanner: JsonScanner | None = None  # None once the text is no JSON: nothing more comes of this attempt

    def _take(self, events: Sequence[TurnEvent], ready: deque[FieldUpdate]) -> None:
        for event in events:
            if isinstance(event, StepStarted | AnswerRestarted):
                self._attempt += 1
                self._scanner = JsonScanner(attempt=self._attempt)
            elif isinstance(event, TextChunk) and self._scanner is not None:
                try:
                    ready += self._scanner.feed(event.text)
                except BrokenJson:
                    # If the answer should have been JSON, the model is told so, or the turn ends with the error.
                    self._scanner = None
