from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from actrio.actors import Runtime
from actrio.agents import Agent, AgentRef, TurnInterrupted
from actrio.providers import (
    Assistant,
    Message,
    ModelEvent,
    ModelRequest,
    ProtocolViolation,
    RequestRefused,
    System,
    TextDelta,
    User,
)
from actrio.testing import Fail, Say, ScriptedProvider, Stall


def check_acceptable(messages: Sequence[Message]) -> None:
    """What the strictest providers ask for: user and assistant in turn, a user last, nothing empty, no open calls."""
    talk = [message for message in messages if not isinstance(message, System)]
    assert [type(message) for message in talk] == [(User, Assistant)[n % 2] for n in range(len(talk))]
    assert isinstance(talk[-1], User)
    assert all(message.text for message in talk)


# What ends a turn


@pytest.mark.parametrize("passes", range(24))
@pytest.mark.parametrize("live", [False, True])
async def test_a_turn_cancelled_at_any_await_leaves_no_stream_and_a_valid_conversation(
    runtime: Runtime, passes: int, live: bool
) -> None:
    model = ScriptedProvider("one two three", "Yes.")
    ref = await runtime.spawn(Agent("a", model, "Be brief.", concurrency=1))

    async def talk(scope: trio.CancelScope) -> None:
        with scope:
            if not live:
                await ref.ask("Well?", conversation="u1")
                return
            async with ref.run("Well?", conversation="u1") as turn:
                async for _ in turn.text():
                    pass

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(talk, scope)
        for _ in range(passes):
            await trio.lowlevel.checkpoint()
        scope.cancel()

    assert model.statistics().streams_open == 0
    history = ref.history("u1")
    await ref.ask("And now?", conversation="u1")
    check_acceptable(model.requests[-1].messages)
    assert [type(message) for message in history] in ([], [User, Assistant])


@pytest.mark.parametrize(
    ("line", "said", "why"),
    [
        (Fail(RequestRefused("m", 400, "no")), "", "RequestRefused: provider 'm': the server refused"),
        (
            Fail(RequestRefused("m", 400, "no"), after=2),
            "word word",
            "RequestRefused: provider 'm': the server refused",
        ),
        (Stall(), "", "its deadline passed"),
        (Stall(after=2), "word word", "its deadline passed"),
    ],
)
async def test_what_was_said_before_the_end_is_kept_and_marked(
    runtime: Runtime, autojump_clock: MockClock, line: Fail | Stall, said: str, why: str
) -> None:
    model = ScriptedProvider(line, "Yes.", "Yes.")
    ref = await runtime.spawn(Agent("a", model))

    with pytest.raises((RequestRefused, trio.TooSlowError)), trio.fail_after(5):
        await ref.ask("Well?", conversation="u1")

    question, answer = ref.history("u1")
    assert isinstance(answer, Assistant)
    assert (question, answer.text) == (User("Well?"), said)
    assert (answer.interrupted or "").startswith(why)
    for text in ("And now?", "And then?"):
        await ref.ask(text, conversation="u1")
        check_acceptable(model.requests[-1].messages)


async def test_a_bug_in_a_provider_is_a_crash_that_its_asker_gets_and_conversations_survive(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    model = ScriptedProvider("One.", Fail(ZeroDivisionError, after=1), "Three.")
    ref = await runtime.spawn(Agent("a", model), restart="transient")
    await ref.ask("First?", conversation="u1")

    with pytest.raises(ZeroDivisionError):
        async with ref.run("Second?", conversation="u1") as turn:
            await turn.result()
    await ref.ask("Third?", conversation="u1")

    assert ref.metrics().restarts == 1
    texts = [message.text for message in model.requests[-1].messages]
    assert texts == ["First?", "One.", "Second?", "word", "Third?"]


async def test_a_redelivered_prompt_is_answered_once_and_remembered_once(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    model = ScriptedProvider(Fail(ZeroDivisionError, after=1), "Yes.")
    ref = await runtime.spawn(Agent("a", model), restart="transient", redeliver=True)

    assert (await ref.ask("Well?", conversation="u1")).text == "Yes."

    assert ref.history("u1") == (User("Well?"), Assistant("Yes."))
    assert model.requests[1].messages == (User("Well?"),)


async def test_a_redelivered_live_turn_does_not_begin_again(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(Fail(ZeroDivisionError, after=1), "Yes.")
    ref = await runtime.spawn(Agent("a", model), restart="transient", redeliver=True)

    async with ref.run("Well?") as turn:
        with pytest.raises(ZeroDivisionError):
            await turn.result()
        await trio.sleep(1)

    assert [type(event).__name__ async for event in turn.events()] == [
        "TurnStarted",
        "StepStarted",
        "TextChunk",
        "TurnFailed",
    ]
    assert len(model.requests) == 1


async def test_a_crash_ends_the_other_turns_in_hand(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(Stall(after=1), Fail(ZeroDivisionError, after=1), "Yes.")
    ref = await runtime.spawn(Agent("a", model), restart="transient")

    async with ref.run("First?", conversation="u1") as turn:
        await trio.sleep(1)
        with pytest.raises(ZeroDivisionError):
            await ref.ask("Second?", conversation="u2")
        with pytest.raises(Exception, match="has stopped"):
            await turn.result()

    assert model.statistics().streams_open == 0
    assert (await ref.ask("Third?", conversation="u1")).text == "Yes."


# Providers other than the scripted one


class Bare:
    """A provider that says what it is given, right or wrong, and cannot be hashed."""

    name = "bare"
    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def __init__(self, *events: ModelEvent) -> None:
        self._events = events
        self.opened = 0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["Bare"]:
        self.opened += 1
        yield self

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator["Bare"]:
        self._left = iter(self._events)
        yield self

    def __aiter__(self) -> "Bare":
        return self

    async def __anext__(self) -> ModelEvent:
        await trio.lowlevel.checkpoint()
        for event in self._left:
            return event
        raise StopAsyncIteration


async def test_an_answer_without_an_end_is_the_providers_fault(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", Bare(TextDelta("Well"))))

    with pytest.raises(ProtocolViolation, match=r"provider 'bare'.*expected Finished"):
        await ref.ask("Well?")


async def test_a_provider_that_cannot_be_hashed_is_opened_once_too(runtime: Runtime) -> None:
    model = Bare()
    refs: list[AgentRef] = [await runtime.spawn(Agent(name, model)) for name in "ab"]

    for ref in refs:
        with pytest.raises(ProtocolViolation):
            await ref.ask("Well?")

    assert model.opened == 1


class Unopenable:
    name = "shut"

    def __init__(self) -> None:
        self.tried = 0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Bare]:
        self.tried += 1
        if self.tried:
            raise RequestRefused("shut", 401, "no key")
        yield Bare()


async def test_a_provider_that_cannot_be_opened_is_tried_again_at_the_next_turn(runtime: Runtime) -> None:
    model = Unopenable()
    ref = await runtime.spawn(Agent("a", model))

    for _ in range(2):
        with pytest.raises(RequestRefused):
            await ref.ask("Well?")

    assert model.tried == 2
    assert ref.metrics().restarts == 0


async def test_a_cancelled_turn_says_what_had_come(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Say("one two", token_s=1))))

    async with ref.run("Well?", conversation="u1") as turn:
        await trio.sleep(0.5)

    with pytest.raises(TurnInterrupted) as caught:
        await turn.result()
    assert caught.value.text == "one"
    assert ref.history("u1")[1] == Assistant("one", interrupted="its block was left")
