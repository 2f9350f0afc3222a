from math import inf

import pytest
import trio
import trio.testing

from actrio.providers import (
    Fail,
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
from actrio.providers.policy import GovernedProvider, Limits, Retry, Timeouts

REQUEST = ModelRequest([User("Say hello.")])
NONE = Timeouts(connect_s=None, first_event_s=None, between_events_s=None)
BOUNDED = Timeouts(first_event_s=5, between_events_s=2)


async def read(provider: GovernedProvider) -> list[ModelEvent]:
    """The events of one answer."""
    async with provider.open() as connection, connection.stream(REQUEST) as stream:
        return [event async for event in stream]


async def failure_of(provider: GovernedProvider) -> tuple[str, float, str, float]:
    """What a time-out says of the one answer, and when it came."""
    with pytest.raises(ProviderTimeout) as caught:
        await read(provider)
    return caught.value.phase, caught.value.seconds, caught.value.received, trio.current_time()


async def test_an_answer_that_does_not_begin_is_an_error(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Stall())

    assert await failure_of(GovernedProvider(scripted, timeouts=BOUNDED)) == ("first event", 5, "", 5)
    assert scripted.statistics().streams_open == 0


async def test_a_provider_that_does_not_even_let_in_is_one_as_well(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(ProviderUnreachable("x", "late"), of=Say("word", delay_s=9)))

    assert await failure_of(GovernedProvider(scripted, timeouts=BOUNDED)) == ("first event", 5, "", 5)


async def test_an_answer_that_stalls_is_an_error_that_has_what_came(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Stall(after=3, of=Say("One two three four", token_s=1)))

    provider = GovernedProvider(scripted, timeouts=BOUNDED)

    assert await failure_of(provider) == ("between events", 2, "One two three", 2 + 2)
    assert scripted.statistics().streams_open == 0


async def test_an_answer_that_takes_its_time_within_the_bounds_is_none(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Say("One two three", delay_s=4.9, token_s=1.9))

    await read(GovernedProvider(scripted, timeouts=BOUNDED))

    assert trio.current_time() == pytest.approx(4.9 + 2 * 1.9)


async def test_only_waiting_for_the_provider_counts_not_what_the_reader_does(
    autojump_clock: trio.testing.MockClock,
) -> None:
    scripted = ScriptedProvider("One two three")

    async with GovernedProvider(scripted, timeouts=BOUNDED).open() as connection, connection.stream(REQUEST) as stream:
        await trio.sleep(100)
        async for _ in stream:
            await trio.sleep(100)

    assert scripted.statistics().streams_finished == 1


async def test_the_whole_call_is_bounded_from_its_begin_to_its_last_event(
    autojump_clock: trio.testing.MockClock,
) -> None:
    scripted = ScriptedProvider(Say("One two three four five six seven", delay_s=4, token_s=1.5))
    provider = GovernedProvider(scripted, timeouts=Timeouts(total_s=8))

    assert await failure_of(provider) == ("whole call", 8, "One two three", 8)


async def test_the_whole_call_is_bounded_also_while_it_waits_for_its_first_event(
    autojump_clock: trio.testing.MockClock,
) -> None:
    provider = GovernedProvider(ScriptedProvider(Stall()), timeouts=Timeouts(total_s=3))

    assert await failure_of(provider) == ("whole call", 3, "", 3)


async def test_the_whole_call_has_the_time_for_the_limits_in_it(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider("Hello.", cycle=True)
    provider = GovernedProvider(scripted, limits=Limits(requests_per_minute=1), timeouts=Timeouts(total_s=30))

    async with provider.open() as connection:
        async with connection.stream(REQUEST):
            pass
        with pytest.raises(ProviderTimeout, match="whole call"):
            async with connection.stream(REQUEST):
                pass

    assert (trio.current_time(), scripted.statistics().requests) == (30, 1)


async def test_the_time_for_the_limits_is_not_the_providers(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider("Hello.", cycle=True)
    provider = GovernedProvider(scripted, limits=Limits(requests_per_minute=1), timeouts=BOUNDED)

    async with provider.open() as connection:
        for _ in range(2):
            async with connection.stream(REQUEST) as stream:
                assert await anext(stream) == TextDelta("Hello.")

    assert trio.current_time() == pytest.approx(60)


async def test_no_pause_is_begun_that_does_not_end_within_the_whole_call(
    autojump_clock: trio.testing.MockClock,
) -> None:
    scripted = ScriptedProvider(Fail(lambda: ProviderUnreachable("x", "gone")), cycle=True)
    retry = Retry(attempts=9, delay_s=1, backoff=2, jitter=0)

    with pytest.raises(ProviderUnreachable):
        await read(GovernedProvider(scripted, retry=retry, timeouts=Timeouts(total_s=5)))

    assert (scripted.statistics().requests, trio.current_time()) == (3, 3)


async def test_a_reader_who_is_late_for_the_whole_call_is_told_so(autojump_clock: trio.testing.MockClock) -> None:
    provider = GovernedProvider(ScriptedProvider("One two"), timeouts=Timeouts(total_s=5))

    async with provider.open() as connection, connection.stream(REQUEST) as stream:
        await anext(stream)
        await trio.sleep(6)
        with pytest.raises(ProviderTimeout, match="whole call"):
            await anext(stream)
        await trio.sleep(1)  # the block itself is not cancelled


@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("retry", [None, Retry(after_events=True)])
async def test_who_is_cancelled_from_outside_in_the_same_moment_is_cancelled(
    after: int, retry: Retry | None, autojump_clock: trio.testing.MockClock
) -> None:
    provider = GovernedProvider(
        ScriptedProvider(Stall(after=after)), retry=retry, timeouts=Timeouts(first_event_s=5, between_events_s=5)
    )

    with trio.move_on_after(5) as outside:
        await read(provider)

    assert outside.cancelled_caught
    assert trio.current_time() == 5


async def test_a_deadline_of_the_caller_is_his_own_error(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(trio.TooSlowError), trio.fail_after(1):
        await read(GovernedProvider(ScriptedProvider(Stall(after=2)), timeouts=BOUNDED))


async def test_a_stalled_answer_leaves_its_place(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Stall(), Stall(after=1), "Hello.")
    provider = GovernedProvider(scripted, limits=Limits(concurrent_requests=1), timeouts=BOUNDED)

    async with provider.open() as connection:
        for _ in range(2):
            with pytest.raises(ProviderTimeout):
                async with connection.stream(REQUEST) as stream:
                    [event async for event in stream]
        async with connection.stream(REQUEST) as stream:
            assert await anext(stream) == TextDelta("Hello.")


async def test_without_a_policy_the_connection_is_the_providers_own() -> None:
    scripted = ScriptedProvider("Hello.")

    async with GovernedProvider(scripted, timeouts=NONE).open() as connection:
        assert type(connection).__module__ == "actrio.providers._scripted"


@pytest.mark.parametrize("setting", ["connect_s", "first_event_s", "between_events_s", "total_s"])
@pytest.mark.parametrize("value", [0, -1, inf, float("nan")])
def test_a_bound_that_is_none_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=setting):
        Timeouts(**{setting: value})
