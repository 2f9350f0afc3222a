"""Circles of actors in a runtime."""

from typing import Any

import pytest
import trio
import trio.testing
from attrs import frozen

from actrio.actors import Actor, ActorRef, handles, open_runtime
from actrio.mailbox import AskCycleError, Inbox, Request
from tests.mailbox.circles import Clock, ring, settle
from tests.mailbox.mailroom import Question


async def pass_on(inbox: Inbox[Any], to: list[ActorRef[Any]]) -> None:
    """A coroutine actor that asks the one it was given last."""
    async for letter in inbox:
        try:
            letter.reply(await to[-1].ask(Question()))
        except AskCycleError as error:
            letter.fail(error)


async def test_coroutine_actors_that_ask_in_a_circle_are_refused(autojump_clock: Clock) -> None:
    with trio.fail_after(1_000):
        async with open_runtime() as runtime:
            known: list[ActorRef[Any]] = []
            a = await runtime.spawn(pass_on, known, name="a")
            b = await runtime.spawn(pass_on, [a], name="b")
            known.append(b)
            with pytest.raises(AskCycleError) as caught:
                await a.ask(Question())
    assert ring(caught.value) == "ab"


@frozen
class Pass(Request[str]):
    """Ask these, one after the other, the last one for an answer."""

    to: tuple[ActorRef[Any], ...] = ()
    conversation: str | None = None


class Passer(Actor):
    """Passes a question on, and answers when there is nobody left to ask."""

    @handles
    async def passed(self, message: Pass) -> str:
        await trio.sleep(1)
        if not message.to:
            return "yes"
        return await message.to[0].ask(Pass(message.to[1:], message.conversation))

    def conversation(self, message: Any) -> str | None:
        return message.conversation if isinstance(message, Pass) else None


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
async def test_class_actors_that_ask_in_a_circle_are_refused(names: str, autojump_clock: Clock) -> None:
    with trio.fail_after(1_000):
        async with open_runtime() as runtime:
            refs = tuple([await runtime.spawn(Passer, name=name) for name in names])
            with pytest.raises(AskCycleError) as caught:
                await refs[0].ask(Pass((*refs[1:], refs[0])))
    assert ring(caught.value) == names


async def test_a_class_actor_with_a_free_slot_may_ask_itself(autojump_clock: Clock) -> None:
    with trio.fail_after(1_000):
        async with open_runtime() as runtime:
            a = await runtime.spawn(Passer, concurrency=2)
            assert await a.ask(Pass((a,))) == "yes"


async def test_a_class_actor_that_asks_itself_until_no_slot_is_free_is_refused(autojump_clock: Clock) -> None:
    with trio.fail_after(1_000):
        async with open_runtime() as runtime:
            a = await runtime.spawn(Passer, concurrency=2)
            with pytest.raises(AskCycleError):
                await a.ask(Pass((a, a)))


async def test_a_class_actor_with_a_slot_whose_message_will_end_is_waited_for(autojump_clock: Clock) -> None:
    with trio.fail_after(1_000):
        async with open_runtime() as runtime, trio.open_nursery() as nursery:
            a = await runtime.spawn(Passer, concurrency=2)
            nursery.start_soon(a.ask, Pass())
            assert await a.ask(Pass((a,))) == "yes"


@pytest.mark.parametrize("between", [0, 1])
async def test_a_conversation_that_asks_for_its_own_next_turn_is_refused(between: int, autojump_clock: Clock) -> None:
    with trio.fail_after(1_000):
        async with open_runtime() as runtime:
            a = await runtime.spawn(Passer, name="a", concurrency=4)
            b = await runtime.spawn(Passer, name="b", concurrency=4)
            with pytest.raises(AskCycleError) as caught:
                await a.ask(Pass((b, a) if between else (a,), "u1"))
    assert ring(caught.value) == ("ab" if between else "a")


async def test_a_conversation_that_waits_for_room_behind_its_own_next_turns_is_refused(autojump_clock: Clock) -> None:
    with trio.fail_after(1_000):
        async with open_runtime() as runtime, trio.open_nursery() as nursery:
            a = await runtime.spawn(Switcher, concurrency=2, capacity=1)
            nursery.start_soon(fill_conversation, a)
            with pytest.raises(AskCycleError):
                await a.ask(Pass((a,), "u1"))


class Switcher(Passer):
    """Asks for the next turn in another conversation."""

    @handles(raises=(AskCycleError,))
    async def passed(self, message: Pass) -> str:
        await trio.sleep(1)
        return await message.to[0].ask(Pass((), "u2")) if message.to else "yes"


async def fill_conversation(ref: ActorRef[Any]) -> None:
    """While its first turn is at work, send its next: it has to wait, and fills the mailbox."""
    await settle()
    await ref.ask(Pass((), "u1"))


async def test_a_conversation_may_ask_for_a_turn_of_another(autojump_clock: Clock) -> None:
    with trio.fail_after(1_000):
        async with open_runtime() as runtime:
            a = await runtime.spawn(Switcher, concurrency=2)
            assert await a.ask(Pass((a,), "u1")) == "yes"
