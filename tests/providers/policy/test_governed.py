import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from attrs import define, field

from actrio.providers import (
    ConnectionLost,
    EventStream,
    Fail,
    Finished,
    ModelEvent,
    ModelRequest,
    Provider,
    Quota,
    RateLimited,
    Say,
    ScriptedProvider,
    TextDelta,
    Usage,
    UsageReported,
    User,
)
from actrio.providers.policy import GovernedConnection, GovernedProvider, Limits, Retry, Timeouts, govern

REQUEST = ModelRequest([User("Say hello.")], max_tokens=10)
RETRY = Retry(attempts=3, delay_s=1, jitter=0)
TIMEOUTS = Timeouts(first_event_s=5, between_events_s=2, total_s=60)
LIMITS = Limits(requests_per_minute=600, tokens_per_minute=60_000, concurrent_requests=2)


def slow() -> Exception:
    return RateLimited("x", 429, "slow", retry_after_s=4)


@asynccontextmanager
async def governed(
    provider: Provider, *, retry: Retry = RETRY, limits: Limits = LIMITS, timeouts: Timeouts = TIMEOUTS
) -> AsyncGenerator[GovernedConnection]:
    async with GovernedProvider(provider, retry=retry, limits=limits, timeouts=timeouts).open() as connection:
        assert isinstance(connection, GovernedConnection)
        yield connection


async def read(connection: GovernedConnection) -> list[ModelEvent]:
    async with connection.stream(REQUEST) as stream:
        return [event async for event in stream]


async def test_the_events_are_those_of_the_provider(autojump_clock: trio.testing.MockClock) -> None:
    async with ScriptedProvider("One two three.").open() as raw, raw.stream(REQUEST) as stream:
        expected = [event async for event in stream]

    async with governed(ScriptedProvider("One two three.")) as connection:
        assert await read(connection) == expected


async def test_entering_waits_for_the_first_event_and_gives_it_out(autojump_clock: trio.testing.MockClock) -> None:
    async with (
        governed(ScriptedProvider(Say("One two", delay_s=3))) as connection,
        connection.stream(REQUEST) as stream,
    ):
        assert trio.current_time() == 3
        assert stream.received == "One"
        with trio.testing.assert_no_checkpoints():
            assert await anext(stream) == TextDelta("One")


async def test_leaving_closes_the_stream_below_and_frees_the_place(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider("One two", cycle=True)
    async with governed(scripted) as connection:
        async with connection.stream(REQUEST):
            assert scripted.statistics().streams_open == 1
        assert scripted.statistics().streams_left_early == 1
        limits = connection.statistics().limits
        assert limits is not None
        assert limits.in_flight == 0


async def test_no_place_is_held_in_a_pause(autojump_clock: trio.testing.MockClock) -> None:
    lost = ConnectionLost("x", "reset", "")
    scripted = ScriptedProvider(Fail(lost), "First.", "Second.", "Third.")
    async with governed(scripted, limits=Limits(concurrent_requests=1)) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(read, connection)
        await trio.sleep(0.1)
        now = connection.statistics()
        assert now.limits is not None
        assert (now.requests, now.tries, now.limits.in_flight) == (1, 1, 0)
        assert TextDelta("First.") in await read(connection)

    assert trio.current_time() == 1


async def test_a_refusal_stops_all_for_as_long_as_the_server_says(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(slow), "Second.", "First.")
    ends: list[float] = []
    async with governed(scripted) as connection, trio.open_nursery() as nursery:

        async def ask() -> None:
            await read(connection)
            ends.append(trio.current_time())

        nursery.start_soon(ask)
        await trio.sleep(1)
        nursery.start_soon(ask)

    assert ends == [4, 4]
    assert scripted.statistics().requests == 3


async def test_what_an_answer_cost_is_settled_with_the_limits(autojump_clock: trio.testing.MockClock) -> None:
    costly = Say("Words.", usage=Usage(50_000, 1000))
    async with governed(ScriptedProvider(costly, cycle=True)) as connection:
        await read(connection)
        now = connection.statistics().limits
        assert now is not None
        assert now.tokens_available == 9000


async def test_an_answer_that_says_nothing_is_left_holds_the_next_request(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Frugal:
        @asynccontextmanager
        async def stream(self, request: ModelRequest) -> AsyncGenerator[EventStream]:
            async def more(arrived: Callable[[ModelEvent], None]) -> None:
                await trio.lowlevel.checkpoint()
                arrived(Finished("stop"))

            yield EventStream(more, quota=lambda: Quota(requests_left=0, requests_reset_s=7))

    connection = govern("frugal", Frugal(), retry=None, limits=Limits(), timeouts=None)
    for _ in range(2):
        async with connection.stream(REQUEST) as stream:
            assert isinstance(stream, EventStream)
            assert stream.quota == Quota(requests_left=0, requests_reset_s=7)

    assert trio.current_time() == 7


async def test_a_refusal_in_mid_stream_is_told_to_the_limits(autojump_clock: trio.testing.MockClock) -> None:
    async with governed(ScriptedProvider(Fail(slow, after=1))) as connection:
        with pytest.raises(RateLimited):
            await read(connection)
        now = connection.statistics().limits
        assert now is not None
        assert (now.refusals, now.closed_for_s) == (1, 4)


async def test_a_refusal_of_somebody_else_inside_the_block_is_not(autojump_clock: trio.testing.MockClock) -> None:
    async with governed(ScriptedProvider("Hello.")) as connection:
        with pytest.raises(RateLimited):
            async with connection.stream(REQUEST):
                raise slow()
        now = connection.statistics().limits
        assert now is not None
        assert (now.refusals, now.closed_for_s) == (0, 0)


@define
class Bare:
    """A provider of somebody else's making: its streams are of the protocol and no more."""

    events: list[ModelEvent]
    name: str = "bare"
    closed: int = field(default=0, init=False)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["Bare"]:
        yield self

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator["BareStream"]:
        try:
            yield BareStream(list(self.events))
        finally:
            self.closed += 1


@define
class BareStream:
    events: list[ModelEvent]

    def __aiter__(self) -> "BareStream":
        return self

    async def __anext__(self) -> ModelEvent:
        await trio.lowlevel.checkpoint()
        if not self.events:
            raise StopAsyncIteration
        return self.events.pop(0)


async def test_any_stream_of_the_protocol_will_do(autojump_clock: trio.testing.MockClock) -> None:
    events: list[ModelEvent] = [TextDelta("One"), UsageReported(Usage(1, 1)), Finished("stop")]
    bare = Bare(events)

    async with governed(bare) as connection:
        assert await read(connection) == events

    assert bare.closed == 1


async def test_a_stream_that_stops_without_its_end_is_lost(autojump_clock: trio.testing.MockClock) -> None:
    async with governed(Bare([TextDelta("One")])) as connection, connection.stream(REQUEST) as stream:
        assert await anext(stream) == TextDelta("One")
        with pytest.raises(ConnectionLost) as caught:
            await anext(stream)

    assert caught.value.received == "One"


class CancelAt(trio.abc.Instrument):
    """Cancels a scope after so many steps of tasks, of whichever."""

    def __init__(self, step: int) -> None:
        self.scope = trio.CancelScope()
        self.left = step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()


async def cancelled_at(step: int, call: Callable[[], Awaitable[object]]) -> bool:
    """Run the call in a scope that is cancelled at that step of it; whether it came so far."""
    instrument = CancelAt(step)
    trio.lowlevel.add_instrument(instrument)
    try:
        with instrument.scope:
            await call()
    finally:
        trio.lowlevel.remove_instrument(instrument)
    return instrument.left <= 0


@pytest.mark.parametrize("after_events", [False, True])
async def test_cancelled_at_whichever_step_it_leaves_everything_whole(
    after_events: bool, autojump_clock: trio.testing.MockClock
) -> None:
    def line(request: ModelRequest) -> Say | Fail:
        return next(lines)

    scripted = ScriptedProvider(line, cycle=True)
    retry = Retry(attempts=3, delay_s=1, jitter=0, after_events=after_events)
    limits = Limits(requests_per_minute=4, tokens_per_minute=60_000, concurrent_requests=1)
    step = 0
    async with governed(scripted, retry=retry, limits=limits, timeouts=Timeouts(total_s=600)) as connection:
        came_so_far = True
        while came_so_far:
            step += 1
            whole = Say("One two", delay_s=1, token_s=1)
            lines: Iterator[Say | Fail] = iter([Fail(slow), Fail(ConnectionLost("x", "reset", "")), whole])
            came_so_far = await cancelled_at(step, lambda: read(connection))
            left = connection.statistics().limits
            assert left is not None
            assert (left.in_flight, left.waiting, scripted.statistics().streams_open) == (0, 0, 0), step
            lines = iter([Say("Still there.")])
            assert TextDelta("Still") in await read(connection), step

    assert step > 10


async def test_many_requests_take_no_more_memory_than_few(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider("Hi.", cycle=True)
    async with governed(scripted, limits=Limits(requests_per_minute=10**9, tokens_per_minute=10**9)) as connection:

        async def taken(times: int) -> int:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(times):
                await read(connection)
            return tracemalloc.get_traced_memory()[0] - before

        tracemalloc.start()
        try:
            # The script keeps its last thousand requests, and Trio some thousand deadlines that were lifted.
            await taken(2000)
            assert await taken(2000) < 20_000
        finally:
            tracemalloc.stop()


async def test_a_governed_provider_is_a_provider_and_a_value() -> None:
    scripted = ScriptedProvider("Hello.")
    provider = GovernedProvider(scripted, retry=RETRY, limits=LIMITS, timeouts=TIMEOUTS)

    assert isinstance(provider, Provider)
    assert provider.name == "scripted"
    assert {provider} == {GovernedProvider(scripted, retry=RETRY, limits=LIMITS, timeouts=TIMEOUTS)}
