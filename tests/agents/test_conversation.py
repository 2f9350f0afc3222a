import logging
from collections.abc import Iterable

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actrio.actors import Runtime, open_runtime
from actrio.agents import Agent, Reply, StoreFailed, TurnMessages
from actrio.agents._conversation import Conversations, HistoryLimit, Remembered, as_sent
from actrio.providers import Assistant, Message, RequestRefused, System, ToolCall, ToolResult, User
from actrio.testing import Fail, ScriptedProvider, Stall


def turn(number: int) -> tuple[Message, Message]:
    return User(f"{number}?"), Assistant(f"{number}.")


def test_turns_are_forgotten_as_a_whole_oldest_first() -> None:
    conversation = Remembered(HistoryLimit(5))

    for number in range(4):
        conversation.add(object(), *turn(number))

    assert conversation.messages == (*turn(2), *turn(3))


def test_a_turn_larger_than_the_limit_is_not_kept() -> None:
    conversation = Remembered(HistoryLimit(3))
    call = ToolCall("1", "search", "{}")

    conversation.add(object(), User("?"), Assistant(tool_calls=(call,)), ToolResult("1", "…"), Assistant("."))

    assert conversation.messages == ()


def test_only_the_turn_of_the_last_prompt_is_taken_back() -> None:
    conversation, first, last = Remembered(HistoryLimit(4)), object(), object()
    conversation.add(first, *turn(0))
    conversation.add(last, *turn(1))
    left: list[int] = []

    for prompt in (first, last, last):
        conversation.take_back(prompt)
        left.append(len(conversation.messages))

    assert left == [4, 2, 2]


def test_the_longest_unused_conversation_is_forgotten_first(caplog: pytest.LogCaptureFixture) -> None:
    conversations = Conversations("a", most=2, limit=HistoryLimit(10))
    kept = {key: Remembered(HistoryLimit(10)) for key in "abc"}
    with caplog.at_level(logging.INFO, "actrio.agents"):
        for key in "abac":
            kept[key].add(object(), *turn(0))
            conversations.keep(key, kept[key])

    assert [conversations.get(key) is kept[key] for key in "abc"] == [True, False, True]
    assert caplog.messages == ["agent a: more than 2 conversations, forgot the longest unused"]


async def test_the_history_limit_holds_for_what_is_sent(runtime: Runtime) -> None:
    model = ScriptedProvider("0.", "1.", "2.")
    ref = await runtime.spawn(Agent("a", model, "Be brief.", history_limit=2))

    for number in range(3):
        await ref.ask(f"{number}?", conversation="u1")

    assert model.requests[-1].messages == (System("Be brief."), *turn(1), User("2?"))


async def test_a_history_limit_of_zero_remembers_nothing(runtime: Runtime) -> None:
    model = ScriptedProvider("0.", "1.")
    ref = await runtime.spawn(Agent("a", model, history_limit=0))

    for number in range(2):
        await ref.ask(f"{number}?", conversation="u1")

    assert model.requests[-1].messages == (User("1?"),)
    assert ref.history("u1") == ()


async def test_the_history_of_an_unknown_conversation_is_empty_and_not_remembered(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider()))

    assert ref.history("nobody") == ()


def test_questions_left_unanswered_are_sent_as_one() -> None:
    history: list[Message] = [
        User("One?"),
        Assistant("", interrupted="its deadline passed"),
        User("Two?"),
        Assistant(""),
    ]

    assert as_sent("", history, [User("Three?")]) == [User("One?\n\nTwo?\n\nThree?")]


def test_an_answer_that_only_calls_tools_is_sent() -> None:
    calling = Assistant(tool_calls=(ToolCall("1", "search", "{}"),))
    history: list[Message] = [User("One?"), calling, ToolResult("1", "found"), Assistant("Two.")]

    assert as_sent("", history, [User("Three?")]) == [*history, User("Three?")]


# As many turns as there are pairs: what was asked, and what was answered before the turn ended.
@given(st.lists(st.tuples(st.text(min_size=1), st.text())), st.text(), st.integers(0, 9))
def test_whatever_ended_the_turns_what_is_sent_alternates(
    turns: list[tuple[str, str]], instructions: str, limit: int
) -> None:
    conversation = Remembered(HistoryLimit(limit))
    for asked, answered in turns:
        conversation.add(object(), User(asked), Assistant(answered, interrupted="cut off"))

    sent = as_sent(instructions, conversation.messages, [User("?")])

    talk = sent[1:] if instructions else sent
    assert [type(message) for message in talk] == [(User, Assistant)[n % 2] for n in range(len(talk))]
    assert isinstance(talk[-1], User)
    assert all(message.text for message in talk)
    assert len(conversation.messages) <= limit


def test_the_limit_in_tokens_holds_too_and_turns_stay_whole() -> None:
    conversation = Remembered(HistoryLimit(100, tokens=20))
    call = ToolCall("1", "search", "x" * 16)

    conversation.add(None, User("y" * 40), Assistant(tool_calls=(call,)), ToolResult("1", "z" * 16), Assistant("."))
    assert conversation.tokens == 18
    conversation.add(None, *turn(1))
    conversation.add(None, User("y" * 12), Assistant("y" * 4))

    assert conversation.messages == (*turn(1), User("y" * 12), Assistant("y" * 4))


async def test_a_conversation_can_be_looked_at_cleared_and_forked(runtime: Runtime) -> None:
    model = ScriptedProvider(lambda request: f"{len(request.messages)}.", cycle=True)
    ref = await runtime.spawn(Agent("a", model))
    talk = ref.conversation("u1")
    await ref.ask("One?", conversation="u1")

    fork = await talk.fork("u2")
    await ref.ask("Two?", conversation="u2")
    await talk.clear()

    assert talk.messages == ()
    assert fork.messages == (User("One?"), Assistant("1."), User("Two?"), Assistant("3."))
    assert repr(fork) == "<Conversation 'u2': 2 turns, 4 messages, about 2 tokens>"
    assert (await ref.ask("Three?", conversation="u1")).text == "1."


class Shelf:
    """A store that can fail."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], list[TurnMessages]] = {}
        self.fails: Exception | None = None
        self.stalls = False

    async def _work(self) -> None:
        if self.stalls:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        if self.fails:
            raise self.fails

    async def load(self, agent: str, key: str) -> list[TurnMessages]:
        await self._work()
        return list(self.kept.get((agent, key), ()))

    async def append(self, agent: str, key: str, turn: TurnMessages) -> None:
        await self._work()
        self.kept.setdefault((agent, key), []).append(turn)

    async def replace(self, agent: str, key: str, turns: Iterable[TurnMessages]) -> None:
        await self._work()
        self.kept[agent, key] = list(turns)


async def test_a_store_has_every_turn_and_the_next_runtime_reads_it() -> None:
    shelf = Shelf()
    for number in range(2):
        model = ScriptedProvider(f"{number}.", Fail(RequestRefused("m", 400, "no"), after=1))
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Agent("a", model, store=shelf))
            await ref.ask(f"{number}?", conversation="u1")
            with pytest.raises(RequestRefused):
                await ref.ask("And?", conversation="u1")
            assert (await ref.conversation("u1").load()).messages[-1].text == "word"

    assert [message.text for message in model.requests[0].messages] == ["0?", "0.", "And?", "word", "1?"]
    assert len(shelf.kept["a", "u1"]) == 4


async def test_clearing_and_forking_reach_the_store(runtime: Runtime) -> None:
    shelf = Shelf()
    ref = await runtime.spawn(Agent("a", ScriptedProvider("1."), store=shelf))
    await ref.ask("1?", conversation="u1")

    await ref.conversation("u1").fork("u2")
    await ref.conversation("u1").clear()

    assert shelf.kept == {("a", "u1"): [], ("a", "u2"): [(User("1?"), Assistant("1."))]}


async def test_a_store_that_cannot_read_ends_the_turn_before_the_model_is_called(runtime: Runtime) -> None:
    shelf = Shelf()
    shelf.fails = OSError("disk")
    model = ScriptedProvider("1.")
    ref = await runtime.spawn(Agent("a", model, store=shelf))

    with pytest.raises(StoreFailed, match="store failed: OSError: disk") as caught:
        await ref.ask("1?", conversation="u1")

    assert isinstance(caught.value.__cause__, OSError)
    assert model.requests == ()


async def test_a_store_that_cannot_keep_a_turn_ends_it_with_the_answer(runtime: Runtime) -> None:
    shelf = Shelf()

    def answer(_: object) -> str:
        shelf.fails = OSError("disk")
        return "1."

    ref = await runtime.spawn(Agent("a", ScriptedProvider(answer), store=shelf))

    with pytest.raises(StoreFailed) as caught:
        await ref.ask("1?", conversation="u1")

    assert isinstance(caught.value.reply, Reply)
    assert caught.value.reply.text == "1."
    assert ref.history("u1") == (User("1?"), Assistant("1."))


async def test_a_store_that_stalls_holds_up_a_cancelled_turn_for_so_long_only(
    runtime: Runtime, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf()
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Stall(after=1)), store=shelf))
    began = trio.current_time()

    with trio.move_on_after(1):
        async with ref.run("1?", conversation="u1") as turn:
            async for _ in turn.text():
                shelf.stalls = True

    assert trio.current_time() - began == 1 + 5
    assert "did not keep an interrupted turn within 5 s" in caplog.text
