"""What every provider promises, asked of each of them. A new provider joins by a line in `KINDS`."""

import json
from collections.abc import AsyncGenerator
from typing import Any, Final
from uuid import uuid4

import pytest
import trio
from attrs import evolve

from actrio.providers import (
    Connection,
    Fail,
    FallbackProvider,
    Finished,
    GovernedProvider,
    Limits,
    ModelEvent,
    ModelRequest,
    ModelStream,
    Provider,
    ProviderTimeout,
    RateLimited,
    ReasoningDelta,
    Retry,
    ScriptedProvider,
    ServerFailed,
    TextDelta,
    Timeouts,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
    User,
)
from tests.providers.aimock import add_fixtures
from tests.providers.contract.cases import (
    BROKEN,
    INTERRUPTED,
    JSON,
    LONG,
    SHORT,
    SLOW,
    THOUGHT,
    TOO_OFTEN,
    WARMER,
    Case,
    Kind,
    over_a_process,
    over_http,
    over_nothing,
    recording,
    replayed,
    with_results,
)
from tests.providers.contract.checkpoints import cancel_everywhere
from tests.providers.contract.speakers import SPEAKERS


def governed(provider: Provider) -> Provider:
    return GovernedProvider(
        provider, retry=Retry(), limits=Limits(concurrent_requests=3), timeouts=Timeouts(total_s=60)
    )


def restarting(provider: Provider) -> Provider:
    return GovernedProvider(provider, retry=Retry(after_events=True), timeouts=Timeouts())


def standing_in(provider: Provider) -> Provider:
    out_of_order = ScriptedProvider(Fail(lambda: ServerFailed("first", 500, "no"), after=0), cycle=True, name="first")
    return FallbackProvider(out_of_order, provider)


KINDS: Final[dict[str, Kind]] = {
    "scripted": over_nothing(),
    "governed": over_nothing(governed),
    "restarting": over_nothing(restarting),
    "fallback": over_nothing(standing_in),
    "recording": recording(),
    "replayed": replayed(),
    "local": over_a_process(),
    "openai": over_http(SPEAKERS["openai"].provider, "ids", "reasoning"),
    "openai-responses": over_http(SPEAKERS["openai-responses"].provider, "ids", "reasoning"),
    "anthropic": over_http(SPEAKERS["anthropic"].provider, "ids", "reasoning"),
    # As aimock plays it, it counts no tokens, gives calls no ids, and thinks under another name than Ollama's.
    "ollama": over_http(SPEAKERS["ollama"].provider, tokens=None),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> tuple[Kind, Any]:
    """A kind of provider, and what it needs."""
    kind = KINDS[request.param]
    return kind, None if kind.needs is None else request.getfixturevalue(kind.needs)


@pytest.fixture
async def case(kind: tuple[Kind, Any]) -> AsyncGenerator[Case]:
    kind_of_it, needed = kind
    async with kind_of_it.case(needed) as case:
        yield case


def only(ability: str) -> pytest.MarkDecorator:
    """The test is for providers whose models can do this."""
    return pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if ability in kind.can], indirect=True)


def with_policy(provider: Any, **policy: Any) -> Provider:
    """The provider with another policy, which all that are over HTTP have among their fields."""
    changed: Provider = evolve(provider, **policy)
    return changed


def reason_of(event: ModelEvent) -> str:
    assert isinstance(event, Finished)
    return event.reason


async def events_of(connection: Connection, request: ModelRequest = SHORT) -> list[ModelEvent]:
    async with connection.stream(request) as stream:
        return await rest_of(stream)


async def rest_of(stream: ModelStream) -> list[ModelEvent]:
    return [event async for event in stream]


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_it_is_a_provider_with_a_name(case: Case) -> None:
    assert isinstance(case.provider, Provider)
    assert case.provider.name


# Answers


async def test_an_answer_is_its_text_its_usage_and_one_finish_and_then_it_stops(case: Case) -> None:
    async with case.provider.open() as connection, connection.stream(SHORT) as stream:
        *events, end = await rest_of(stream)

        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    assert isinstance(end, Finished)
    assert end.reason == case.end
    reported = [event.usage for event in events if isinstance(event, UsageReported)]
    text = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(text) + len(reported) == len(events)
    assert all(text)
    assert len(text) > 1
    assert len(reported) <= 1
    if case.tokens is not None:
        assert isinstance(events[-1], UsageReported)
        assert reported[0].output_tokens == case.tokens
        assert reported[0].input_tokens > 0


@only("tools")
async def test_calls_in_parallel_come_in_pieces_that_join_to_the_whole(case: Case) -> None:
    async with case.provider.open() as connection:
        events = await events_of(connection, WARMER)

    finished = [event for event in events if isinstance(event, ToolCallFinished)]
    assert [(call.name, json.loads(call.arguments)["city"]) for call in finished] == [
        ("weather", "Oslo"),
        ("weather", "Rome"),
    ]
    assert len({call.call_id for call in finished}) == 2
    for call in finished:
        own = [event for event in events if getattr(event, "call_id", None) == call.call_id]
        assert own[0] == ToolCallStarted(call.call_id, call.name)
        assert "".join(event.arguments for event in own if isinstance(event, ToolCallDelta)) == call.arguments
        assert own[-1] == call
    assert reason_of(events[-1]) == "tool_calls"


@only("ids")
async def test_calls_have_the_ids_that_the_model_gave_them(case: Case) -> None:
    async with case.provider.open() as connection:
        events = await events_of(connection, WARMER)

    ids = [event.call_id for event in events if isinstance(event, ToolCallFinished)]
    assert ids == ["call_oslo", "call_rome"]


@only("tools")
async def test_the_results_of_calls_go_back_and_the_model_goes_on(case: Case) -> None:
    async with case.provider.open() as connection:
        events = await events_of(connection, WARMER)
        calls = [ToolCall(e.call_id, e.name, e.arguments) for e in events if isinstance(e, ToolCallFinished)]
        events = await events_of(connection, with_results(calls))

    assert text_of(events) == "Yes, by 17 degrees."
    assert reason_of(events[-1]) == "stop"


@only("reasoning")
async def test_what_the_model_thinks_comes_before_what_it_says(case: Case) -> None:
    async with case.provider.open() as connection:
        events = await events_of(connection, THOUGHT)

    thoughts = [event.text for event in events if isinstance(event, ReasoningDelta)]
    assert "".join(thoughts) == "One, two, three, four."
    assert isinstance(events[0], ReasoningDelta)
    assert text_of(events) == "Four."


async def test_an_answer_in_json_is_text_that_is_json(case: Case) -> None:
    async with case.provider.open() as connection:
        events = await events_of(connection, JSON)

    assert set(json.loads(text_of(events))) == {"city", "country"}


async def test_a_conversation_goes_on_after_an_answer_that_was_interrupted(case: Case) -> None:
    async with case.provider.open() as connection:
        events = await events_of(connection, INTERRUPTED)

    assert isinstance(events[-1], Finished)


# Refusals


@only("errors")
async def test_too_many_requests_are_an_error_that_says_how_long_to_wait(case: Case) -> None:
    async with case.provider.open() as connection:
        with pytest.raises(RateLimited, match="Too many requests") as caught:
            await events_of(connection, TOO_OFTEN)
        await case.settle(connection)

    assert caught.value.status == 429
    assert caught.value.retry_after_s == 7
    assert caught.value.provider == case.provider.name


@only("errors")
async def test_a_failing_server_is_an_error_with_its_words(case: Case) -> None:
    async with case.provider.open() as connection:
        with pytest.raises(ServerFailed, match="It broke down") as caught:
            await events_of(connection, BROKEN)
        assert reason_of((await events_of(connection))[-1]) == case.end

    assert caught.value.status == 500


@pytest.fixture
def refused_once(aimock: str) -> ModelRequest:
    """A request that is refused the first time, for 0.2 seconds."""
    words = f"Ask once too often, {uuid4()}."
    error = {"error": {"message": "Too many.", "type": "rate_limit_error"}, "status": 429, "retryAfter": 0.2}
    add_fixtures(
        aimock,
        {"match": {"userMessage": words, "sequenceIndex": 0}, "response": error},
        {"match": {"userMessage": words, "sequenceIndex": 1}, "response": {"content": "Now."}},
    )
    return ModelRequest([User(words)], max_tokens=4)


@only("errors")
async def test_a_retry_waits_as_long_as_the_server_asks(case: Case, refused_once: ModelRequest) -> None:
    async with with_policy(case.provider, retry=Retry(delay_s=0)).open() as connection:
        begun = trio.current_time()
        assert text_of(await events_of(connection, refused_once)) == "Now."

    assert trio.current_time() - begun > 0.2


@only("errors")
async def test_a_retry_that_would_end_after_the_deadline_is_not_begun(case: Case, refused_once: ModelRequest) -> None:
    async with with_policy(case.provider, retry=Retry(delay_s=0)).open() as connection:
        with trio.fail_after(0.15), pytest.raises(RateLimited):
            await events_of(connection, refused_once)


@only("slow")
async def test_an_answer_that_stalls_is_a_time_out_with_what_had_come(case: Case) -> None:
    async with with_policy(case.provider, timeouts=Timeouts(between_events_s=0.05)).open() as connection:
        with pytest.raises(ProviderTimeout, match="stalled") as caught:
            await events_of(connection, SLOW)
        await case.settle(connection)

    assert caught.value.phase == "between events"
    assert "Slow and slower.".startswith(caught.value.received)


# Leaving and cancelling


async def test_leaving_early_ends_the_models_work(case: Case) -> None:
    async with case.provider.open() as connection:
        async with connection.stream(LONG) as stream:
            await anext(stream)
            assert case.at_work is None or await case.at_work(connection) == 1
        await case.settle(connection)


async def test_leaving_before_the_first_event_ends_the_models_work(case: Case) -> None:
    async with case.provider.open() as connection:
        async with connection.stream(LONG):
            pass
        await case.settle(connection)


async def test_a_stream_that_was_left_is_closed(case: Case) -> None:
    async with case.provider.open() as connection:
        async with connection.stream(LONG) as stream:
            await anext(stream)
        with pytest.raises(trio.ClosedResourceError):
            await anext(stream)


async def test_an_error_of_the_body_passes_through_as_it_is_and_ends_the_models_work(case: Case) -> None:
    async with case.provider.open() as connection:
        with pytest.raises(KeyError, match="mine"):  # noqa: PT012 - where it is raised is the point
            async with connection.stream(LONG) as stream:
                await anext(stream)
                raise KeyError("mine")
        await case.settle(connection)


async def test_cancelling_while_it_waits_ends_the_models_work_and_the_next_stream_works(case: Case) -> None:
    async with case.provider.open() as connection:
        with trio.CancelScope() as scope:
            async with connection.stream(LONG) as stream:
                async for _ in stream:
                    scope.cancel()
        assert scope.cancelled_caught
        await case.settle(connection)
        assert reason_of((await events_of(connection))[-1]) == case.end


async def test_cancelled_at_any_checkpoint_it_ends_the_models_work_and_the_next_stream_works(case: Case) -> None:
    async with case.provider.open() as connection:

        async def use() -> None:
            assert reason_of((await events_of(connection))[-1]) == case.end

        assert await cancel_everywhere(use, case.step) >= 3
        await case.settle(connection)
        await use()


# Not the local one: each time it would load a model, see test_local.py.
@pytest.mark.parametrize("kind", [name for name in KINDS if name != "local"], indirect=True)
async def test_cancelled_at_any_checkpoint_as_it_opens_and_closes_it_leaves_nothing(case: Case) -> None:
    async def use() -> None:
        async with case.provider.open() as connection:
            await events_of(connection)

    # What would be left, the fixture for all tests finds.
    assert await cancel_everywhere(use) >= 3
    await use()


async def test_cancelling_streams_some_of_which_wait_for_room_leaves_room_for_the_next(case: Case) -> None:
    begun = trio.Event()

    async def run(connection: Connection) -> None:
        async with connection.stream(LONG) as stream:
            async for _ in stream:
                begun.set()

    async with case.provider.open() as connection:
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(run, connection)
            await begun.wait()
            nursery.cancel_scope.cancel()
        await case.settle(connection)
        assert reason_of((await events_of(connection))[-1]) == case.end


async def test_a_cancelled_wait_ends_the_stream(case: Case) -> None:
    async with case.provider.open() as connection, connection.stream(LONG) as stream:
        with trio.CancelScope() as scope:
            async for _ in stream:
                scope.cancel()

        assert scope.cancelled_caught
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


# More than one


async def test_a_second_reader_is_told_that_a_stream_has_one(case: Case) -> None:
    told: list[trio.BusyResourceError] = []

    async def read(stream: ModelStream, scope: trio.CancelScope) -> None:
        try:
            async for _ in stream:
                await trio.lowlevel.checkpoint()
        except trio.BusyResourceError as error:
            told.append(error)
            scope.cancel()

    async with case.provider.open() as connection, connection.stream(LONG) as stream, trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(read, stream, nursery.cancel_scope)

    assert len(told) == 1


async def test_more_streams_at_once_than_the_model_has_room_for_all_come_to_their_end(case: Case) -> None:
    ends: list[str] = []

    async def run(connection: Connection) -> None:
        ends.append(reason_of((await events_of(connection))[-1]))

    async with case.provider.open() as connection, trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(run, connection)

    assert ends == [case.end] * 6


async def test_it_can_be_open_twice_at_once_and_again_after_that(case: Case) -> None:
    usages: list[Usage] = []
    for _ in range(2):
        async with case.provider.open() as one, case.provider.open() as other:
            for connection in (one, other):
                events = await events_of(connection)
                assert reason_of(events[-1]) == case.end
                usages += [event.usage for event in events if isinstance(event, UsageReported)]

    assert len(usages) == (0 if case.tokens is None else 4)


# The open provider


async def test_a_connection_whose_block_was_left_is_closed(case: Case) -> None:
    async with case.provider.open() as connection:
        pass

    with pytest.raises(trio.ClosedResourceError, match="not open any more"):
        async with connection.stream(SHORT):
            pytest.fail("the stream opened")


async def test_what_the_body_of_an_open_provider_raises_passes_through_as_it_is(case: Case) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with case.provider.open():
            raise KeyError("mine")
