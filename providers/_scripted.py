"""A provider that says what its script says: for tests, demonstrations and benchmarks."""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Literal

import trio
from attrs import define, frozen

from actrio.providers._errors import ScriptExhausted
from actrio.providers._events import Finished, ModelEvent, TextDelta
from actrio.providers._request import ModelRequest
from actrio.providers._script import (
    Fail,
    Line,
    LineLike,
    Stall,
    as_line,
    check_line,
    error_of,
    events_of,
    is_token,
    saying_of,
)
from actrio.providers._stream import EventStream

_KEPT_REQUESTS: Final = 1000


@frozen
class ScriptedStatistics:
    """How often a scripted provider was used.

    At every instant `streams_opened == streams_open + streams_finished + streams_failed + streams_left_early`.
    A request that failed at once, with `Fail(after=0)`, opened no stream.
    """

    connections_open: int
    requests: int
    streams_opened: int
    streams_open: int
    streams_finished: int
    streams_failed: int
    streams_left_early: int


@define
class _Counts:
    connections_open: int = 0
    requests: int = 0
    streams_opened: int = 0
    streams_finished: int = 0
    streams_failed: int = 0
    streams_left_early: int = 0


class ScriptedProvider:
    """A model that plays a script, a line a request, with its timing on Trio's clock.

    The same script and the same order of requests give the same events, and with Trio's `MockClock` at the same times.

        ScriptedProvider("Hello there.", Say("Slow words.", token_s=0.1), Fail(TimeoutError, after=1), Stall(after=2))
        ScriptedProvider(lambda request: f"You said {request.messages[-1].text}", cycle=True)

    It keeps what it was asked, and counts its streams, so that a test can assert that each was closed.

    Args:
        lines: The script, played in this order, whoever asks. A text stands for `Say(text)`; a function is given the
            request and makes the line.
        cycle: Start over when the script has run out. Otherwise the next request raises `ScriptExhausted`.
        name: The provider's name.
    """

    def __init__(self, *lines: LineLike, cycle: bool = False, name: str = "scripted") -> None:
        for number, line in enumerate(lines, start=1):
            check_line(number, line)
        self._name = name
        self._lines = lines
        self._cycle = cycle
        self._counts = _Counts()
        self._requests: deque[ModelRequest] = deque(maxlen=_KEPT_REQUESTS)

    @property
    def name(self) -> str:
        """The name that errors and metrics give it."""
        return self._name

    @property
    def requests(self) -> tuple[ModelRequest, ...]:
        """What was asked, oldest first; the last 1,000."""
        return tuple(self._requests)

    def statistics(self) -> ScriptedStatistics:
        """The counts at this instant."""
        counts = self._counts
        return ScriptedStatistics(
            connections_open=counts.connections_open,
            requests=counts.requests,
            streams_opened=counts.streams_opened,
            streams_open=(
                counts.streams_opened - counts.streams_finished - counts.streams_failed - counts.streams_left_early
            ),
            streams_finished=counts.streams_finished,
            streams_failed=counts.streams_failed,
            streams_left_early=counts.streams_left_early,
        )

    def __repr__(self) -> str:
        now = self.statistics()
        return (
            f"<ScriptedProvider {self._name!r}: {now.requests} requests, {len(self._lines)} lines"
            f"{' in a cycle' if self._cycle else ''}, {now.streams_open} streams open>"
        )

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["_ScriptedConnection"]:
        """Open it; see `Provider.open`. The script goes on where it was."""
        await trio.lowlevel.checkpoint()
        connection = _ScriptedConnection(self._name, self._play)
        self._counts.connections_open += 1
        try:
            yield connection
        finally:
            connection.closed = True
            self._counts.connections_open -= 1

    def _next_line(self, request: ModelRequest) -> Line:
        lines, played = self._lines, self._counts.requests
        if not lines or (played >= len(lines) and not self._cycle):
            raise ScriptExhausted(self._name, len(lines))
        self._counts.requests += 1
        self._requests.append(request)
        return as_line(lines[played % len(lines)], request)

    @asynccontextmanager
    async def _play(self, request: ModelRequest) -> AsyncGenerator[EventStream]:
        line = self._next_line(request)
        if isinstance(line, Fail) and line.after == 0:
            await trio.sleep(saying_of(line).delay_s)
            raise error_of(line)
        await trio.lowlevel.checkpoint()
        counts, performance = self._counts, _Performance(line, request)
        stream = EventStream(performance.next_event, received=performance.received)
        counts.streams_opened += 1
        try:
            yield stream
        finally:
            stream.close()
            counts.streams_finished += performance.outcome == "finished"
            counts.streams_failed += performance.outcome == "failed"
            counts.streams_left_early += performance.outcome == "left early"


class _ScriptedConnection:
    def __init__(self, name: str, play: Callable[[ModelRequest], AbstractAsyncContextManager[EventStream]]) -> None:
        self._name = name
        self._play = play
        self.closed = False

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[EventStream]:
        """Play the next line; see `Connection.stream`."""
        if self.closed:
            raise trio.ClosedResourceError(f"provider {self._name!r} is not open any more")
        async with self._play(request) as stream:
            yield stream


class _Performance:
    """One line being played: an event a time, each after its wait."""

    def __init__(self, line: Line, request: ModelRequest) -> None:
        say = saying_of(line)
        self._line = line
        self._events: Iterator[ModelEvent] = events_of(line, request)
        self._first = True
        self._said: list[str] = []
        self._delay_s = say.delay_s
        self._token_s = say.token_s
        self.outcome: Literal["finished", "failed", "left early"] = "left early"

    async def next_event(self, arrived: Callable[[ModelEvent], None]) -> None:
        event = next(self._events, None)
        if event is None and isinstance(self._line, Stall):
            await trio.sleep_forever()
        await trio.sleep(self._pause_before(event))
        if event is None:
            self.outcome = "failed"
            assert isinstance(self._line, Fail), "a Say ends with Finished, after which no event is asked for"
            raise error_of(self._line)
        if isinstance(event, Finished):
            self.outcome = "finished"
        if isinstance(event, TextDelta):
            self._said.append(event.text)
        arrived(event)

    def received(self) -> str:
        return "".join(self._said)

    def _pause_before(self, event: ModelEvent | None) -> float:
        if self._first:
            self._first = False
            return self._delay_s
        return self._token_s if event is None or is_token(event) else 0.0
