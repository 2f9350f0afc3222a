from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from math import inf
from random import Random

import pytest
import trio
import trio.testing

from actrio.providers import (
    Arrived,
    AuthenticationFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    EventStream,
    Fail,
    ModelEvent,
    ModelRequest,
    ModelStream,
    NotFound,
    Overloaded,
    ProtocolViolation,
    Provider,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    RequestRefused,
    Say,
    ScriptedProvider,
    ServerFailed,
    Stall,
    TextDelta,
    User,
)
from actrio.providers.policy import GovernedProvider, Limits, Retry, worth_retrying
from actrio.providers.wire import decode_refusal

REQUEST = ModelRequest([User("Say hello.")])
STEADY = Retry(attempts=4, delay_s=1, backoff=2, jitter=0)


def down() -> Exception:
    return ProviderUnreachable("x", "nobody there")


def slow_down(seconds: float) -> Callable[[], Exception]:
    return lambda: RateLimited("x", 429, "slow", retry_after_s=seconds)


class Unsteady:
    """A provider whose answers break off before their first event, once or always."""

    name = "unsteady"

    def __init__(self, provider: Provider, *, always: bool = False) -> None:
        self._provider = provider
        self._breaks = True
        self._always = always

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["Unsteady"]:
        async with self._provider.open() as self._connection:
            yield self

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelStream]:
        async with self._connection.stream(request) as stream:
            yield EventStream(self._break) if self._breaks else stream

    async def _break(self, arrived: Arrived) -> None:
        await trio.lowlevel.checkpoint()
        self._breaks = self._always
        raise ConnectionLost("x", "reset", "")


async def read(provider: GovernedProvider) -> list[ModelEvent]:
    """The events of one answer."""
    async with provider.open() as connection, connection.stream(REQUEST) as stream:
        return [event async for event in stream]


async def text_of(provider: GovernedProvider) -> str:
    return "".join(event.text for event in await read(provider) if isinstance(event, TextDelta))


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        (ProviderUnreachable("x", "refused"), True),
        (ProviderTimeout("x", "connect", 1), True),
        (ProviderTimeout("x", "between events", 1), True),
        (ProviderTimeout("x", "first event", 1), False),
        (ProviderTimeout("x", "whole call", 1), False),
        (ConnectionLost("x", "reset", ""), True),
        (ServerFailed("x", 500, ""), True),
        (Overloaded("x", 529, ""), True),
        (RateLimited("x", 429, ""), True),
        (RateLimited("x", 429, "", code="insufficient_quota"), False),
        (BadRequest("x", 400, ""), False),
        (AuthenticationFailed("x", 401, ""), False),
        (NotFound("x", 404, ""), False),
        (ContentRefused("x", 400, ""), False),
        (RequestRefused("x", 0, ""), False),
        (ProtocolViolation("x", "json", b"<html>"), False),
        (ValueError("a bug"), False),
    ],
)
def test_worth_trying_again_is_what_may_pass(error: Exception, worth: bool) -> None:
    assert worth_retrying(error) is worth


@pytest.mark.parametrize(
    ("status", "worth"),
    [
        *((status, False) for status in (302, 400, 401, 403, 404, 413, 422)),
        *((status, True) for status in (408, 409, 429, 500, 502, 503, 504, 529)),
    ],
)
def test_worth_trying_again_by_status(status: int, worth: bool) -> None:
    assert worth_retrying(decode_refusal("x", status, b"")) is worth


def next_pause(retry: Retry, error: Exception) -> float | None:
    return retry.next_pause(1, error, now=0, deadline=inf, random=Random(1))


def test_the_servers_word_is_the_least_pause() -> None:
    assert next_pause(STEADY, slow_down(0.2)()) == 1
    assert next_pause(STEADY, slow_down(7)()) == 7
    assert next_pause(Retry(max_delay_s=1), slow_down(7)()) == 7


def test_a_server_that_wants_too_long_a_pause_is_not_asked_again() -> None:
    assert next_pause(Retry(max_retry_after_s=60), slow_down(60)()) == 60
    assert next_pause(Retry(max_retry_after_s=60), slow_down(61)()) is None


def test_what_is_tried_again_can_be_said() -> None:
    assert next_pause(Retry(on=lambda error: isinstance(error, ValueError)), ValueError()) is not None
    assert next_pause(Retry(on=lambda error: isinstance(error, ValueError)), down()) is None


async def test_it_is_tried_until_an_answer_begins_with_growing_pauses(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(down), Fail(down), Fail(down), "Hello.")

    assert await text_of(GovernedProvider(scripted, retry=STEADY)) == "Hello."
    assert trio.current_time() == 1 + 2 + 4
    assert scripted.statistics().requests == 4


async def test_it_is_tried_as_often_as_said_and_the_last_error_comes_out(
    autojump_clock: trio.testing.MockClock,
) -> None:
    scripted = ScriptedProvider(*(Fail(ProviderUnreachable("x", str(number))) for number in range(9)))

    with pytest.raises(ProviderUnreachable, match="3"):
        await read(GovernedProvider(scripted, retry=STEADY))

    assert scripted.statistics().requests == 4
    assert trio.current_time() == 1 + 2 + 4


async def test_without_a_retry_it_is_tried_once(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(down), "Hello.")

    with pytest.raises(ProviderUnreachable):
        await read(GovernedProvider(scripted, limits=Limits(concurrent_requests=1)))

    assert scripted.statistics().requests == 1


async def test_what_is_not_worth_it_is_raised_at_once(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(BadRequest("x", 400, "what?")), "Hello.")

    with pytest.raises(BadRequest):
        await read(GovernedProvider(scripted, retry=STEADY))

    assert (scripted.statistics().requests, trio.current_time()) == (1, 0)


async def test_an_answer_that_fails_before_its_first_event_is_tried_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    scripted = ScriptedProvider("Not read.", "Hello.")

    assert await text_of(GovernedProvider(Unsteady(scripted), retry=STEADY)) == "Hello."
    assert trio.current_time() == 1


async def test_after_the_first_event_it_is_never_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(ConnectionLost("x", "reset", "word"), after=1), "Hello.")

    async with GovernedProvider(scripted, retry=STEADY).open() as connection, connection.stream(REQUEST) as stream:
        assert await anext(stream) == TextDelta("word")
        with pytest.raises(ConnectionLost) as caught:
            await anext(stream)

    assert caught.value.received == "word"
    assert (scripted.statistics().requests, trio.current_time()) == (1, 0)


async def test_an_error_of_the_block_itself_is_never_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider("Hello.", "Again.")
    ours = ProviderUnreachable("another one", "asked inside the block")

    async with GovernedProvider(scripted, retry=STEADY).open() as connection:
        with pytest.raises(ProviderUnreachable) as caught:
            async with connection.stream(REQUEST):
                raise ours

    assert caught.value is ours
    assert scripted.statistics().requests == 1


@pytest.mark.parametrize(("seconds", "tries", "ends_at"), [(0.9, 1, 0), (1.1, 2, 1), (3.1, 3, 3)])
async def test_no_pause_is_begun_that_does_not_end_before_the_callers_deadline(
    seconds: float, tries: int, ends_at: float, autojump_clock: trio.testing.MockClock
) -> None:
    scripted = ScriptedProvider(Fail(down), cycle=True)

    with pytest.raises(ProviderUnreachable), trio.fail_after(seconds):
        await read(GovernedProvider(scripted, retry=STEADY))

    assert (scripted.statistics().requests, trio.current_time()) == (tries, ends_at)


async def test_a_call_cancelled_in_a_pause_is_not_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Fail(down), "Hello.")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, GovernedProvider(scripted, retry=STEADY))
        await trio.sleep(0.5)
        nursery.cancel_scope.cancel()

    assert (scripted.statistics().requests, trio.current_time()) == (1, 0.5)


async def test_a_call_cancelled_before_its_answer_is_not_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    scripted = ScriptedProvider(Stall(), "Hello.")

    with trio.move_on_after(3) as scope:
        await read(GovernedProvider(scripted, retry=STEADY))

    assert scope.cancelled_caught
    assert scripted.statistics().requests == 1


async def test_each_try_closes_its_stream_before_the_next_begins(autojump_clock: trio.testing.MockClock) -> None:
    open_at_start: list[int] = []

    def line(request: ModelRequest) -> Say:
        open_at_start.append(scripted.statistics().streams_open)
        return Say("Hello.")

    scripted = ScriptedProvider(line, cycle=True)

    with pytest.raises(ConnectionLost):
        await read(GovernedProvider(Unsteady(scripted, always=True), retry=STEADY))

    assert open_at_start == [0, 0, 0, 0]


async def test_the_same_seed_makes_the_same_pauses(autojump_clock: trio.testing.MockClock) -> None:
    async def duration(seed: int) -> float:
        began = trio.current_time()
        provider = GovernedProvider(ScriptedProvider(Fail(down), Fail(down), "Hello."), retry=Retry(), seed=seed)
        await read(provider)
        return round(trio.current_time() - began, 9)

    assert await duration(1) == await duration(1)
    assert await duration(1) != await duration(2)


def test_a_pause_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="max_retry_after_s"):
        Retry(max_retry_after_s=float("nan"))
