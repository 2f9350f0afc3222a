"""Which provider of a fallback answers, and what is raised if none does."""

import pytest
import trio
import trio.testing

from actrio.providers import (
    AuthenticationFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    Fail,
    KeyMissing,
    LocalProvider,
    ModelEvent,
    ModelNotLoaded,
    ModelRequest,
    NotFound,
    PackageMissing,
    ProtocolViolation,
    Provider,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    RequestRefused,
    Say,
    ScriptedProvider,
    ServerFailed,
    Stall,
    TextDelta,
    UnknownModel,
    User,
)
from actrio.providers._errors import FallbackExhausted
from actrio.providers.policy import (
    Breaker,
    CircuitState,
    FallbackProvider,
    GovernedProvider,
    Retry,
    Timeouts,
    another_may_do,
)
from tests.providers.policy.fallbacks import REQUEST, Closed, failing, scripted, states, text_of


@pytest.mark.parametrize(
    ("error", "another"),
    [
        (ProviderUnreachable("x", ""), True),
        (ProviderTimeout("x", "connect", 1), True),
        (ProviderTimeout("x", "first event", 1), True),
        (ProviderTimeout("x", "whole call", 1), True),
        (ConnectionLost("x", "", ""), True),
        (RateLimited("x", 429, ""), True),
        (RateLimited("x", 429, "", code="insufficient_quota"), True),
        (ServerFailed("x", 500, ""), True),
        (AuthenticationFailed("x", 401, ""), True),
        (NotFound("x", 404, ""), True),
        (RequestRefused("x", 0, ""), True),
        (ProtocolViolation("x", "", b""), True),
        (KeyMissing("x", "KEY"), True),
        (PackageMissing("x", "y", ()), True),
        (ModelNotLoaded("x", "y", ""), True),
        (BadRequest("x", 400, ""), False),
        (ContentRefused("x", 400, ""), False),
        (ProviderError("x", ""), False),
        (ValueError(), False),
    ],
)
def test_another_may_do_where_the_error_speaks_of_the_provider(error: Exception, another: bool) -> None:
    assert another_may_do(error) is another


async def test_the_first_that_works_answers_and_the_rest_are_not_even_opened() -> None:
    third = Closed(scripted("c", "Third."))
    async with FallbackProvider(failing("a"), scripted("b", "Second."), third).open() as connection:
        assert await text_of(connection) == "Second."

    assert third.opened == 0


async def test_what_speaks_of_the_request_is_raised_at_once() -> None:
    second = scripted("b", "Second.")
    for error in (BadRequest("a", 400, "what?"), ContentRefused("a", 400, "no")):
        async with FallbackProvider(failing("a", lambda error=error: error), second).open() as connection:  # type: ignore[misc]  # mypy cannot infer a default's type
            with pytest.raises(type(error)):
                await text_of(connection)

    assert second.statistics().requests == 0


async def test_after_the_first_event_it_stays_where_it_is() -> None:
    second = scripted("b", "Second.")
    first = failing("a", lambda: ConnectionLost("a", "reset", "word"), after=1)
    async with FallbackProvider(first, second).open() as connection, connection.stream(REQUEST) as stream:
        assert await anext(stream) == TextDelta("word")
        with pytest.raises(ConnectionLost):
            await anext(stream)

    assert second.statistics().requests == 0


async def test_an_error_of_the_block_itself_goes_nowhere_else() -> None:
    second, ours = scripted("b", "Second."), ProviderUnreachable("c", "asked inside the block")
    async with FallbackProvider(scripted("a", "First."), second).open() as connection:
        with pytest.raises(ProviderUnreachable) as caught:
            async with connection.stream(REQUEST):
                raise ours
        assert caught.value is ours
        assert [member.failed for member in connection.statistics()] == [0, 0]

    assert second.statistics().requests == 0


async def test_one_that_does_not_begin_in_time_is_passed_over(autojump_clock: trio.testing.MockClock) -> None:
    slow = GovernedProvider(scripted("a", Stall()), timeouts=Timeouts(first_event_s=5))
    async with FallbackProvider(slow, scripted("b", "Second.")).open() as connection:
        assert await text_of(connection) == "Second."

    assert trio.current_time() == 5


async def test_each_is_tried_as_its_own_policy_says_before_the_next(autojump_clock: trio.testing.MockClock) -> None:
    first = failing("a")
    patient = GovernedProvider(first, retry=Retry(attempts=3, delay_s=1, jitter=0))
    async with FallbackProvider(patient, scripted("b", "Second.")).open() as connection:
        assert await text_of(connection) == "Second."

    assert (first.statistics().requests, trio.current_time()) == (3, 3)


async def test_a_cancelled_request_goes_nowhere_else(autojump_clock: trio.testing.MockClock) -> None:
    second = scripted("b", "Second.")
    async with FallbackProvider(scripted("a", Stall()), second, breaker=Breaker(failures=1)).open() as connection:
        with trio.move_on_after(1):
            await text_of(connection)
        assert states(connection) == [CircuitState.CLOSED, CircuitState.CLOSED]

    assert second.statistics().requests == 0


async def test_one_that_keeps_failing_is_left_alone_and_then_probed(autojump_clock: trio.testing.MockClock) -> None:
    down = Fail(lambda: ServerFailed("a", 500, ""))
    first = ScriptedProvider(down, down, down, "First.", "First.", name="a")
    provider = FallbackProvider(first, scripted("b", "Second."), breaker=Breaker(failures=2, cooldown_s=10))

    async with provider.open() as connection:
        assert [await text_of(connection) for _ in range(4)] == ["Second."] * 4
        assert (first.statistics().requests, states(connection)[0]) == (2, CircuitState.OPEN)

        await trio.sleep(10)
        assert [await text_of(connection) for _ in range(2)] == ["Second."] * 2
        assert (first.statistics().requests, states(connection)[0]) == (3, CircuitState.OPEN)

        await trio.sleep(10)
        assert [await text_of(connection) for _ in range(2)] == ["First."] * 2
        assert states(connection)[0] is CircuitState.CLOSED


async def test_while_one_probes_the_others_go_on_to_the_next(autojump_clock: trio.testing.MockClock) -> None:
    first = ScriptedProvider(
        Fail(lambda: ServerFailed("a", 500, "")), Say("First one.", delay_s=5, token_s=5), "First.", name="a"
    )
    provider = FallbackProvider(first, scripted("b", "Second."), breaker=Breaker(failures=1, cooldown_s=10))
    got: list[tuple[str, float]] = []

    async with provider.open() as connection, trio.open_nursery() as nursery:

        async def ask() -> None:
            text = await text_of(connection)
            got.append((text, trio.current_time()))

        for at in (0, 10, 11, 16):  # the probe's first event comes at 15 and closes the circuit, its end at 20
            await trio.sleep_until(at)
            nursery.start_soon(ask)

    assert got == [("Second.", 0), ("Second.", 11), ("First.", 16), ("First one.", 20)]


async def test_an_answer_that_breaks_off_counts_against_its_provider() -> None:
    first = failing("a", lambda: ConnectionLost("a", "reset", ""), after=1)
    async with FallbackProvider(first, scripted("b", "Second."), breaker=Breaker(failures=2)).open() as connection:
        for _ in range(2):
            with pytest.raises(ConnectionLost):
                await text_of(connection)
        assert await text_of(connection) == "Second."


async def test_if_none_answers_the_error_has_them_all() -> None:
    async with FallbackProvider(failing("a"), failing("b"), name="both").open() as connection:
        with pytest.raises(FallbackExhausted, match="'both': no provider answered") as caught:
            await text_of(connection)

    assert [error.provider for error in caught.value.errors] == ["a", "b"]
    assert caught.value.__cause__ is caught.value.errors[1]
    assert caught.value.retry_after_s == 0
    assert "nobody there" in str(caught.value)


async def test_if_all_are_left_alone_the_error_says_for_how_long(autojump_clock: trio.testing.MockClock) -> None:
    first, second = failing("a"), failing("b")
    async with FallbackProvider(first, second, breaker=Breaker(failures=1, cooldown_s=30)).open() as connection:
        with pytest.raises(FallbackExhausted):
            await text_of(connection)
        await trio.sleep(10)
        with pytest.raises(FallbackExhausted, match="None is asked again for 20 s") as caught:
            await text_of(connection)

    assert [error.provider for error in caught.value.errors] == ["a", "b"]
    assert caught.value.retry_after_s == 20
    assert first.statistics().requests == 1


async def test_what_is_said_in_the_terms_of_one_provider_goes_to_the_first_alone() -> None:
    first, second = failing("a"), scripted("b", "Second.")
    request = ModelRequest([User("Hi.")], model="gpt-5", extra_body={"tier": "flex"}, temperature=0.5)
    async with FallbackProvider(first, second, breaker=Breaker(failures=1)).open() as connection:
        await text_of(connection, request)
        await text_of(connection, request)  # the first is left alone by now

    assert first.requests == (request,)
    assert second.requests == 2 * (ModelRequest([User("Hi.")], temperature=0.5),)


async def test_a_fallback_may_stand_in_a_fallback() -> None:
    inner = FallbackProvider(failing("a"), failing("b"))
    async with FallbackProvider(inner, scripted("c", "Third.")).open() as connection:
        assert await text_of(connection) == "Third."


def test_a_fallback_is_a_provider_and_a_value_named_after_its_own() -> None:
    first, second = scripted("a"), scripted("b")
    provider = FallbackProvider(first, second)

    assert isinstance(provider, Provider)
    assert provider.name == "a or b"
    assert {provider} == {FallbackProvider(first, second)}
    assert provider != FallbackProvider(second, first)


def test_a_fallback_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FallbackProvider()


async def test_events_arrive_as_they_come(autojump_clock: trio.testing.MockClock) -> None:
    got: list[tuple[ModelEvent, float]] = []
    async with (
        FallbackProvider(scripted("a", Say("One two", delay_s=1, token_s=2))).open() as connection,
        connection.stream(REQUEST) as stream,
    ):
        got.extend([(event, trio.current_time()) async for event in stream])

    assert got[:2] == [(TextDelta("One"), 1), (TextDelta(" two"), 3)]


def test_a_fallback_may_be_of_names() -> None:
    local = LocalProvider()
    assert FallbackProvider("local:", "local:/a.gguf").providers == (local, LocalProvider("/a.gguf"))
    with pytest.raises(UnknownModel, match="openai:gpt-5-mini"):
        FallbackProvider(local, "gpt-5-mini")
