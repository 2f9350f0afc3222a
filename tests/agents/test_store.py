"""A store whose calls take a while: what it has and what is remembered are the same, whatever happens meanwhile."""

import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from functools import partial
from random import Random

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actrio.actors import Runtime, open_runtime
from actrio.agents import Agent, AgentRef, StoreFailed, TurnMessages, TurnOver
from actrio.providers import Message
from actrio.testing import Say, ScriptedProvider
from tests.mailbox.mailroom import CancelAt, cancel_at_each_await


class SlowShelf:
    """A store each of whose calls takes some seconds: it reads at their beginning, and writes at their end."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.kept: dict[str, list[TurnMessages]] = {}
        self.fails: Exception | None = None
        self.busy: set[str] = set()

    async def _work(self, key: str) -> None:
        assert key not in self.busy  # one call a conversation
        self.busy.add(key)
        try:
            await trio.sleep(self.seconds)
        finally:
            self.busy.remove(key)
        if self.fails is not None:
            raise self.fails

    async def load(self, agent: str, key: str) -> list[TurnMessages]:
        found = list(self.kept.get(key, ()))
        await self._work(key)
        return found

    async def append(self, agent: str, key: str, turn: TurnMessages) -> None:
        await self._work(key)
        self.kept.setdefault(key, []).append(turn)

    async def replace(self, agent: str, key: str, turns: Iterable[TurnMessages]) -> None:
        await self._work(key)
        self.kept[key] = list(turns)

    def messages(self, key: str) -> tuple[Message, ...]:
        return tuple(message for turn in self.kept.get(key, ()) for message in turn)


def texts(messages: Iterable[Message]) -> list[str]:
    return [message.text for message in messages]


async def ask(ref: AgentRef, text: str, key: str = "u1") -> None:
    await ref.ask(text, conversation=key)


async def test_a_conversation_that_is_cleared_during_a_turn_has_that_turn_alone(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    shelf = SlowShelf(1)
    ref = await runtime.spawn(Agent("a", ScriptedProvider("1.", Say("2.", delay_s=5)), store=shelf))
    await ask(ref, "1?")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, ref, "2?")
        await trio.sleep(2)
        await ref.conversation("u1").clear()
        assert ref.history("u1") == ()

    assert texts(ref.history("u1")) == texts(shelf.messages("u1")) == ["2?", "2."]


@pytest.mark.parametrize("stored", [True, False])
async def test_a_turn_adds_to_the_fork_that_its_conversation_became_meanwhile(
    runtime: Runtime, autojump_clock: MockClock, stored: bool
) -> None:
    model = ScriptedProvider("1.", Say("2.", delay_s=5))
    ref = await runtime.spawn(Agent("a", model, store=SlowShelf() if stored else None))
    await ask(ref, "1?")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, ref, "2?", "u2")
        await trio.sleep(1)
        await ref.conversation("u1").fork("u2")

    assert texts(ref.history("u2")) == ["1?", "1.", "2?", "2."]


async def test_a_conversation_read_twice_at_once_loses_no_turn(runtime: Runtime, autojump_clock: MockClock) -> None:
    shelf = SlowShelf(9)
    ref = await runtime.spawn(Agent("a", ScriptedProvider("1."), store=shelf))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ref.conversation("u1").load)
        await trio.sleep(1)
        shelf.seconds = 0
        await ask(ref, "1?")

    assert texts(ref.history("u1")) == ["1?", "1."]


async def carry_out(ref: AgentRef, what: str, key: str, start: int, patience: int) -> None:
    await trio.sleep(start)
    other = "u2" if key == "u1" else "u1"
    deeds: dict[str, Callable[[], Awaitable[object]]] = {
        "ask": partial(ask, ref, f"at {start}?", key),
        "clear": ref.conversation(key).clear,
        "fork": partial(ref.conversation(key).fork, other),
        "load": ref.conversation(key).load,
    }
    with trio.move_on_after(patience if what == "ask" else 999):
        await deeds[what]()


deeds = st.tuples(
    st.sampled_from(["ask", "ask", "clear", "fork", "load"]),
    st.sampled_from(["u1", "u2"]),
    st.integers(0, 6),
    st.integers(0, 9),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(deeds, max_size=9), st.sampled_from([0, 0.2, 0.5]), st.integers(0, 99))  # less than 5 s for all
def test_whatever_is_done_to_conversations_at_once_the_store_has_what_is_remembered(
    the_deeds: list[tuple[str, str, int, int]], seconds: float, seed: int
) -> None:
    random = Random(seed)

    async def main() -> None:
        shelf = SlowShelf(seconds)
        model = ScriptedProvider(lambda _: Say("one two", token_s=random.randrange(3)), cycle=True)
        async with open_runtime(seed=seed) as runtime:
            ref = await runtime.spawn(Agent("a", model, store=shelf, concurrency=2))
            async with trio.open_nursery() as nursery:
                for deed in the_deeds:
                    nursery.start_soon(carry_out, ref, *deed)
            for key in ("u1", "u2"):
                await ref.conversation(key).load()
                assert ref.history(key) == shelf.messages(key)

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_a_turn_that_is_cancelled_at_any_await_is_in_the_store_as_it_is_remembered(
    autojump_clock: MockClock,
) -> None:
    async def scenario(cancel: CancelAt) -> None:
        shelf = SlowShelf(1)
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Agent("a", ScriptedProvider("1.", "2."), store=shelf))
            await cancel(partial(ask, ref, "1?"))
            assert ref.history("u1") == shelf.messages("u1")
            metrics = ref.metrics()
            assert sum(metrics.turns.values()) == metrics.handling.count

    assert await cancel_at_each_await(scenario) > 1


async def test_a_turn_that_is_cancelled_while_it_is_stored_is_stored(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    shelf = SlowShelf(3)
    ref = await runtime.spawn(Agent("a", ScriptedProvider("1."), store=shelf))
    began = trio.current_time()

    with trio.move_on_after(4):  # after it was read, and while it is written
        await ask(ref, "1?")

    assert trio.current_time() == began + 6
    assert texts(ref.history("u1")) == texts(shelf.messages("u1")) == ["1?", "1."]


async def test_turns_that_the_store_ended_are_counted(runtime: Runtime, autojump_clock: MockClock) -> None:
    shelf = SlowShelf()
    ref = await runtime.spawn(Agent("a", ScriptedProvider("1.", cycle=True), store=shelf))

    shelf.fails = OSError("disk")
    with pytest.raises(StoreFailed):  # it cannot be read
        await ask(ref, "1?")
    shelf.fails = None
    await ref.conversation("u1").load()
    shelf.fails = OSError("disk")
    with pytest.raises(StoreFailed):  # it cannot be written
        await ask(ref, "1?")
    shelf.fails, shelf.seconds = None, 9
    with trio.move_on_after(1):  # it is not read in time
        await ask(ref, "1?", "u2")

    assert ref.metrics().turns == {"failed": 2, "cancelled": 1}


async def test_nothing_can_be_said_to_a_turn_whose_answer_is_being_stored(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    model = ScriptedProvider("1.", "2.")
    ref = await runtime.spawn(Agent("a", model, store=SlowShelf(5)))

    async with ref.run("1?", conversation="u1") as turn:
        await trio.sleep(6)
        assert not turn.over
        assert ref.steer("More.") == 0
        with pytest.raises(TurnOver):
            turn.steer("More.")
        assert (await turn.result()).text == "1."


PROGRAM = """
import trio
from actrio.actors import open_runtime
from actrio.agents import Agent
from actrio.testing import ScriptedProvider

async def main():
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Agent("a", ScriptedProvider("1.")))
        print((await ref.sequence(["1?"])).replies[0].conversation)

trio.run(main)
"""


def test_sequences_of_two_programs_have_no_conversation_in_common() -> None:
    # What one has left in a store, for it was killed, the other would go on with.
    keys = {subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True).stdout for _ in range(2)}

    assert len(keys) == 2


@pytest.mark.parametrize("how", ["fails", "stalls"])
async def test_a_store_that_cannot_forget_a_sequence_does_not_take_its_answers(
    runtime: Runtime, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    shelf = SlowShelf()
    ref = await runtime.spawn(Agent("a", ScriptedProvider("1.", "2."), store=shelf))

    async def messages() -> AsyncGenerator[str]:  # noqa: ASYNC900 - what users may give
        yield "1?"
        shelf.seconds, shelf.fails = (99, None) if how == "stalls" else (0, OSError("disk"))

    sequence = await ref.sequence(messages())

    assert [reply.text for reply in sequence.result()] == ["1."]
    assert ref.history(sequence.replies[0].conversation or "") == ()
    assert "its store did not forget" in caplog.text
