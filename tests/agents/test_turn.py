from collections import Counter

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actrio.actors import Runtime
from actrio.agents import (
    Agent,
    StepStarted,
    TextChunk,
    Turn,
    TurnCancelled,
    TurnCompleted,
    TurnFailed,
    TurnInterrupted,
    TurnStarted,
    TurnTooLong,
    TurnUsage,
)
from actrio.mailbox import ReplayUnavailable
from actrio.providers import ConnectionLost, Usage
from actrio.testing import Fail, Say, ScriptedProvider, Stall

SLOW = Say("one two three", token_s=1)
LOST = ConnectionLost("m", "gone", "word")


async def text_of(turn: Turn) -> str:
    return "".join([piece async for piece in turn.text()])


async def test_events_are_numbered_and_the_last_is_the_only_one_of_its_kind(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Say("one two", usage=Usage(3, 2)))))

    async with ref.run("Well?", conversation="u1") as turn:
        reply = await turn.result()

    assert [event async for event in turn.events()] == [
        TurnStarted(0, "a", "u1"),
        StepStarted(1, 1),
        TextChunk(2, "one"),
        TextChunk(3, " two"),
        TurnUsage(4, Usage(3, 2)),
        TurnCompleted(5, reply),
    ]


async def test_every_reader_gets_the_same_during_and_after_from_one_request(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    model = ScriptedProvider(SLOW)
    ref = await runtime.spawn(Agent("a", model))
    texts: list[str] = []

    async def read(turn: Turn, wait: float) -> None:
        await trio.sleep(wait)
        texts.append(await text_of(turn))

    async with ref.run("Well?") as turn, trio.open_nursery() as nursery:
        for wait in (0, 0.5, 1.5, 60):
            nursery.start_soon(read, turn, wait)
    texts.append(await text_of(turn))
    texts.append((await turn.result()).text)

    assert texts == ["one two three"] * 6
    assert len(model.requests) == 1


async def test_events_can_be_read_from_any_position(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider("one two")))
    async with ref.run("Well?") as turn:
        await turn.result()

    assert [event.sequence async for event in turn.events(after=3)] == [4, 5]
    with pytest.raises(ReplayUnavailable):
        turn.events(after=6)


async def test_a_cancelled_wait_loses_nothing(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(SLOW)))

    async with ref.run("Well?") as turn:
        reader, pieces = turn.text(), list[str]()
        while not turn.over:
            with trio.move_on_after(0.3):
                pieces.append(await anext(reader, "the end"))

    assert pieces == ["one", " two", " three", "the end"]


async def test_two_tasks_on_one_reader_share_the_text(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Say("a b c d", token_s=1))))
    pieces: list[str] = []

    async with ref.run("Well?") as turn, trio.open_nursery() as nursery:
        reader = turn.text()

        async def read() -> None:
            async for piece in reader:
                pieces.append(piece)  # noqa: PERF401 - two tasks add to one list

        nursery.start_soon(read)
        nursery.start_soon(read)

    assert sorted(pieces) == [" b", " c", " d", "a"]


async def test_a_failing_model_ends_every_reader_with_its_error_once(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Fail(LOST, after=1))))

    async with ref.run("Well?") as turn:
        for reader in (turn.text(), turn.text()):
            assert await anext(reader) == "word"
            with pytest.raises(ConnectionLost) as caught:
                await anext(reader)
            assert caught.value is LOST
            assert [piece async for piece in reader] == []
        with pytest.raises(ConnectionLost):
            await turn.result()

    *_, last = [event async for event in turn.events()]
    assert last == TurnFailed(3, LOST, "word")


async def test_a_turn_that_failed_can_be_left_in_peace(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Fail(LOST))))

    async with ref.run("Well?") as turn:
        await wait_all_tasks_blocked()

    assert turn.over


async def test_a_readers_traceback_does_not_grow_with_each_reading(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Fail(LOST))))
    depths: list[int] = []

    async with ref.run("Well?") as turn:
        for _ in range(3):
            with pytest.raises(ConnectionLost) as caught:
                await turn.result()
            depths.append(len(caught.traceback))

    assert len(set(depths)) == 1


async def test_cancelling_a_turn_stops_the_model_and_tells_every_reader(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    model = ScriptedProvider(SLOW)
    ref = await runtime.spawn(Agent("a", model))

    async with ref.run("Well?", conversation="u1") as turn:
        await trio.sleep(1.5)
        turn.cancel()
        with pytest.raises(TurnInterrupted, match=r"after 7 characters: turn\.cancel\(\) was called") as caught:
            await turn.result()
        assert model.statistics().streams_open == 0
        with pytest.raises(TurnInterrupted):
            await text_of(turn)

    assert (caught.value.text, caught.value.agent, caught.value.conversation) == ("one two", "a", "u1")
    *_, last = [event async for event in turn.events()]
    assert last == TurnCancelled(4, "turn.cancel() was called", "one two")


async def test_cancelling_a_turn_that_is_over_changes_nothing(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider("Yes.")))

    async with ref.run("Well?") as turn:
        reply = await turn.result()
        turn.cancel()

    assert await turn.result() is reply


async def test_a_cancel_at_once_sends_the_model_nothing(runtime: Runtime) -> None:
    model = ScriptedProvider("Yes.")
    ref = await runtime.spawn(Agent("a", model))

    async with ref.run("Well?") as turn:
        turn.cancel()
        with pytest.raises(TurnInterrupted):
            await turn.result()

    assert model.requests == ()


async def test_an_answer_in_more_pieces_than_are_kept_ends_the_turn(runtime: Runtime) -> None:
    model = ScriptedProvider("a b c d")
    ref = await runtime.spawn(Agent("a", model, max_events=4))

    async with ref.run("Well?") as turn:
        with pytest.raises(TurnTooLong, match=r"more than max_events=4 pieces.*Raise max_events"):
            await turn.result()
        assert model.statistics().streams_open == 0

    counts = Counter([type(event).__name__ async for event in turn.events()])
    assert counts == {"TurnStarted": 1, "StepStarted": 1, "TextChunk": 3, "TurnFailed": 1}


async def test_a_turn_says_where_it_is(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider("one", Stall())))

    async with ref.run("Well?", conversation="u1") as turn:
        assert repr(turn) == "<Turn of 'a', conversation 'u1': 0 events, waiting>"
        await turn.result()
        assert repr(turn) == "<Turn of 'a', conversation 'u1': 5 events, completed>"
        assert turn.conversation == "u1"

    async with ref.run("Well?") as turn:
        await wait_all_tasks_blocked()
        assert repr(turn) == "<Turn of 'a': 2 events, running>"
    assert repr(turn) == "<Turn of 'a': 3 events, ended by TurnInterrupted>"


async def test_a_long_answer_read_in_one_go_lets_other_tasks_run(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(" ".join(["word"] * 500))))
    async with ref.run("Well?") as turn:
        await turn.result()
    passes = 0

    async def count() -> None:
        nonlocal passes
        while True:
            passes += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await text_of(turn)
        nursery.cancel_scope.cancel()

    assert passes > 500 // 64
