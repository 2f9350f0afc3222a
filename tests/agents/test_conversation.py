import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.actors import Runtime
from actrio.agents import Agent
from actrio.agents._conversation import Conversation, Conversations, as_sent
from actrio.providers import Assistant, Message, System, ToolCall, ToolResult, User
from actrio.testing import ScriptedProvider


def turn(number: int) -> tuple[Message, Message]:
    return User(f"{number}?"), Assistant(f"{number}.")


def test_turns_are_forgotten_as_a_whole_oldest_first() -> None:
    conversation = Conversation(5)

    for number in range(4):
        conversation.add(object(), *turn(number))

    assert conversation.messages == (*turn(2), *turn(3))


def test_a_turn_larger_than_the_limit_is_not_kept() -> None:
    conversation = Conversation(3)
    call = ToolCall("1", "search", "{}")

    conversation.add(object(), User("?"), Assistant(tool_calls=(call,)), ToolResult("1", "…"), Assistant("."))

    assert conversation.messages == ()


def test_only_the_turn_of_the_last_prompt_is_taken_back() -> None:
    conversation, first, last = Conversation(4), object(), object()
    conversation.add(first, *turn(0))
    conversation.add(last, *turn(1))
    left: list[int] = []

    for prompt in (first, last, last):
        conversation.take_back(prompt)
        left.append(len(conversation.messages))

    assert left == [4, 2, 2]


def test_the_longest_unused_conversation_is_forgotten_first(caplog: pytest.LogCaptureFixture) -> None:
    conversations = Conversations("a", most=2, limit=10)
    kept = {key: Conversation(10) for key in "abc"}
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
    conversation = Conversation(limit)
    for asked, answered in turns:
        conversation.add(object(), User(asked), Assistant(answered, interrupted="cut off"))

    sent = as_sent(instructions, conversation.messages, [User("?")])

    talk = sent[1:] if instructions else sent
    assert [type(message) for message in talk] == [(User, Assistant)[n % 2] for n in range(len(talk))]
    assert isinstance(talk[-1], User)
    assert all(message.text for message in talk)
    assert len(conversation.messages) <= limit
