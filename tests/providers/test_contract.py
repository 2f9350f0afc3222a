"""What every provider promises, asked of each of those in `tests.providers.contract.kinds.KINDS`."""

import json

import pytest
import trio

from actrio.providers import (
    Connection,
    Finished,
    ModelStream,
    Provider,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from tests.providers.contract.cases import (
    INTERRUPTED,
    JSON,
    LONG,
    SHORT,
    THOUGHT,
    WARMER,
    Case,
    with_results,
)
from tests.providers.contract.checkpoints import cancel_everywhere
from tests.providers.contract.kinds import KINDS, events_of, only, reason_of, rest_of, text_of


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
