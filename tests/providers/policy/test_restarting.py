import pytest
import trio
import trio.testing

from actrio.providers import (
    BadRequest,
    ConnectionLost,
    Fail,
    Finished,
    ModelEvent,
    ModelRequest,
    ProviderTimeout,
    ProviderUnreachable,
    Say,
    ScriptedProvider,
    Stall,
    TextDelta,
    User,
)
from actrio.providers._events import Restarted
from actrio.providers.policy import GovernedProvider, Limits, Retry, Timeouts

REQUEST = ModelRequest([User("Say hello.")])
RETRY = Retry(attempts=3, delay_s=1, backoff=2, jitter=0, after_events=True)


def lost() -> Exception:
    return ConnectionLost("x", "reset", "")


async def read(provider: GovernedProvider) -> list[ModelEvent]:
    """The text of one answer, and where it started over."""
    async with provider.open() as connection, connection.stream(REQUEST) as stream:
        return [event async for event in stream if isinstance(event, TextDelta | Restarted)]


async def test_an_answer_that_breaks_off_starts_over_and_says_so(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(lost, after=2), "Whole.")

    events = await read(GovernedProvider(scripted, retry=RETRY))

    assert events == [TextDelta("word"), TextDelta(" word"), Restarted(str(lost()), 2), TextDelta("Whole.")]
    assert trio.current_time() == 1
    assert scripted.statistics().streams_open == 0


async def test_what_fails_before_the_first_event_is_no_restart(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(lost), Fail(lost, after=1), "Whole.")

    assert await read(GovernedProvider(scripted, retry=RETRY)) == [
        TextDelta("word"),
        Restarted(str(lost()), 3),
        TextDelta("Whole."),
    ]


async def test_it_is_tried_as_often_as_said_and_then_raised(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(lost, after=1), cycle=True)
    provider = GovernedProvider(scripted, retry=RETRY)

    async with provider.open() as connection, connection.stream(REQUEST) as stream:
        events = [await anext(stream) for _ in range(5)]
        with pytest.raises(ConnectionLost):
            await anext(stream)

    assert [type(event) for event in events] == [TextDelta, Restarted, TextDelta, Restarted, TextDelta]
    assert (scripted.statistics().requests, trio.current_time()) == (3, 1 + 2)


async def test_an_answer_that_never_begins_is_an_error_on_entering(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(BadRequest("x", 400, "what?")))

    with pytest.raises(BadRequest):
        await read(GovernedProvider(scripted, retry=RETRY))


async def test_an_answer_that_stalls_starts_over(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Stall(after=1), "Whole.")
    provider = GovernedProvider(scripted, retry=RETRY, timeouts=Timeouts(between_events_s=5))

    assert [type(event) for event in await read(provider)] == [TextDelta, Restarted, TextDelta]
    assert trio.current_time() == 5 + 1


async def test_the_whole_call_is_bounded_over_all_tries(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(lost, after=3, of=Say("One two three", token_s=2)), Stall(after=1))
    provider = GovernedProvider(scripted, retry=RETRY, timeouts=Timeouts(total_s=10))

    with pytest.raises(ProviderTimeout, match="whole call") as caught:
        await read(provider)

    assert (caught.value.received, trio.current_time()) == ("word", 10)


async def test_no_pause_is_begun_that_does_not_end_before_the_callers_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    scripted = ScriptedProvider(Fail(lost, after=1), cycle=True)

    with pytest.raises(ConnectionLost), trio.fail_after(2.5):
        await read(GovernedProvider(scripted, retry=RETRY))

    assert (scripted.statistics().requests, trio.current_time()) == (2, 1)


async def test_no_place_is_held_in_a_pause(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(lost, after=1), "Other.", "Whole.")
    provider = GovernedProvider(scripted, retry=RETRY, limits=Limits(concurrent_requests=1))

    async with provider.open() as connection, connection.stream(REQUEST) as stream:
        assert await anext(stream) == TextDelta("word")
        async with connection.stream(REQUEST) as other:
            assert await anext(other) == TextDelta("Other.")
        assert trio.current_time() == 0
        assert isinstance(await anext(stream), Restarted)
        assert await anext(stream) == TextDelta("Whole.")


async def test_a_slow_reader_holds_the_provider_up(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(" ".join(["word"] * 1000))
    provider = GovernedProvider(scripted, retry=RETRY)

    async with provider.open() as connection, connection.stream(REQUEST) as stream:
        await trio.testing.wait_all_tasks_blocked()
        assert len(stream.received.split()) < 30  # type: ignore[attr-defined]  # an EventStream
        assert len([event async for event in stream]) == 1002


async def test_leaving_early_closes_the_stream_before_it_returns() -> None:
    scripted = ScriptedProvider(Stall(after=1))

    async with GovernedProvider(scripted, retry=RETRY).open() as connection:
        async with connection.stream(REQUEST) as stream:
            await anext(stream)
        assert scripted.statistics().streams_open == 0


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    scripted = ScriptedProvider(Stall(after=1))
    ours = ProviderUnreachable("another one", "asked inside the block")

    async with GovernedProvider(scripted, retry=RETRY).open() as connection:
        with pytest.raises(ProviderUnreachable) as caught:
            async with connection.stream(REQUEST):
                raise ours

    assert caught.value is ours
    assert scripted.statistics().requests == 1


async def test_a_reader_may_bound_each_of_his_waits(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(lost, after=1), "Whole.")

    async with GovernedProvider(scripted, retry=RETRY).open() as connection, connection.stream(REQUEST) as stream:
        events: list[ModelEvent] = []
        while not (events and isinstance(events[-1], Finished)):
            with trio.fail_after(30):
                events.append(await anext(stream))

    assert [type(event) for event in events[:3]] == [TextDelta, Restarted, TextDelta]
