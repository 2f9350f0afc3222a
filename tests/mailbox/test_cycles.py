"""Waits that would never end are refused where they would close the circle, and no other wait is."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from types import NoneType
from typing import Any

import pytest
import trio
import trio.testing
from attrs import frozen

from actrio.actors import Actor, ActorRef, handles, open_runtime
from actrio.mailbox import (
    ActrioError,
    AskCycleError,
    Envelope,
    Inbox,
    MailboxFull,
    Request,
    TellCycleError,
    WaitCycleError,
    ask,
    open_ask,
)
from tests.mailbox.mailroom import Asked, Body, Question, consume, start_ask

settle = trio.testing.wait_all_tasks_blocked
Clock = trio.testing.MockClock


def inboxes(names: str, **settings: Any) -> tuple[Inbox[Any], ...]:
    """One for each letter."""
    return tuple(Inbox(name, **settings) for name in names)


@asynccontextmanager
async def acting(actors: dict[Inbox[Any], Body]) -> AsyncGenerator[None]:
    """These actors, for the time of the block. Whoever would wait for ever gives a TooSlowError."""
    with trio.fail_after(1_000):
        async with trio.open_nursery() as nursery:
            for inbox, body in actors.items():
                nursery.start_soon(consume, inbox, body)
            yield
            nursery.cancel_scope.cancel()


def replying(work: Callable[[Envelope[Any]], Awaitable[Any]]) -> Body:
    """An actor that answers each ask with what the work on it gives or raises, and works on what is told, too."""

    async def body(inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            with letter.work():
                try:
                    reply = await work(letter)
                except ActrioError as error:
                    letter.fail(error)
                else:
                    if letter.is_ask:
                        letter.reply(reply)

    return body


def asks(target: Inbox[Any]) -> Body:
    """An actor that passes each ask on and answers with the answer."""
    return replying(lambda _: ask(target, Question()))


async def yes(_: Envelope[Any]) -> str:
    """Work that takes a second."""
    await trio.sleep(1)
    return "yes"


def ring(error: WaitCycleError) -> str:
    """The names on the cycle, from the least on."""
    *names, last = error.cycle
    assert last == names[0]
    start = names.index(min(names))
    return "".join(names[start:] + names[:start])


# Circles


@pytest.mark.parametrize("names", ["a", "ab", "abc", "abcdefgh"])
async def test_a_circle_of_asks_is_refused_and_named(names: str, autojump_clock: Clock) -> None:
    boxes = inboxes(names)
    async with acting({box: asks(target) for box, target in zip(boxes, boxes[1:] + boxes[:1], strict=True)}):
        with pytest.raises(AskCycleError) as caught:
            await ask(boxes[0], Question())
    assert ring(caught.value) == names
    assert " -> ".join(caught.value.cycle) in str(caught.value)
    assert "tell_nowait()" in str(caught.value)
    assert all(box.statistics().balanced for box in boxes)


async def test_a_circle_of_six_hundred_actors_is_refused_like_any_other(autojump_clock: Clock) -> None:
    boxes = tuple(Inbox[Any](str(number)) for number in range(600))
    async with acting({box: asks(target) for box, target in zip(boxes, boxes[1:] + boxes[:1], strict=True)}):
        with pytest.raises(AskCycleError) as caught:
            await ask(boxes[0], Question())
    assert len(caught.value.cycle) == 601


async def test_only_the_wait_that_would_close_the_circle_is_refused_and_the_others_go_on(autojump_clock: Clock) -> None:
    a, b = inboxes("ab")

    async def cope(_: Envelope[Any]) -> str:
        with pytest.raises(AskCycleError):
            await ask(a, Question())
        return "without a"

    async with acting({a: asks(b), b: replying(cope)}):
        assert await ask(a, Question()) == "without a"
        assert await ask(a, Question()) == "without a"


async def test_an_actor_that_is_not_on_the_circle_but_waits_for_it_is_not_named(autojump_clock: Clock) -> None:
    a, b, c = inboxes("abc")
    async with acting({a: asks(b), b: asks(c), c: asks(b)}):
        with pytest.raises(AskCycleError) as caught:
            await ask(a, Question())
    assert ring(caught.value) == "bc"


async def test_a_circle_through_one_of_several_asks_at_once_is_refused(autojump_clock: Clock) -> None:
    a, b, c = inboxes("abc")

    async def ask_both(_: Envelope[Any]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, c, Question())
            nursery.start_soon(cope, b)

    errors: list[WaitCycleError] = []

    async def cope(target: Inbox[Any]) -> None:
        try:
            await ask(target, Question())
        except AskCycleError as error:
            errors.append(error)

    async with acting({a: replying(ask_both), b: asks(a), c: replying(yes)}):
        await ask(a, Question())
    assert [ring(error) for error in errors] == ["ab"]


async def test_a_circle_through_an_open_ask_is_refused(autojump_clock: Clock) -> None:
    a, b = inboxes("ab")

    async def open_it(_: Envelope[Any]) -> Any:
        async with open_ask(b, Question()) as pending:
            return await pending.answer()

    async with acting({a: replying(open_it), b: asks(a)}):
        with pytest.raises(AskCycleError) as caught:
            await ask(a, Question())
    assert ring(caught.value) == "ab"


async def test_asks_that_wait_in_queues_behind_each_other_are_refused(autojump_clock: Clock) -> None:
    a, b = inboxes("ab")

    async def ask_later(_: Envelope[Any]) -> str:
        await trio.sleep(1)
        return await ask(b, Question())

    async with acting({a: replying(ask_later), b: asks(a)}), trio.open_nursery() as nursery:
        first = await start_ask(nursery, a)
        second = await start_ask(nursery, b)
        assert a.statistics().queued == 1
    assert [ring(asked.end) for asked in (first, second)] == ["ab", "ab"]


async def test_an_actor_that_asks_itself_before_its_first_message_is_refused(autojump_clock: Clock) -> None:
    (a,) = inboxes("a")
    errors: list[WaitCycleError] = []

    async def body(inbox: Inbox[Any]) -> None:
        with pytest.raises(AskCycleError) as caught:
            await ask(inbox, Question())
        errors.append(caught.value)

    async with acting({a: body}):
        await settle()
    assert [ring(error) for error in errors] == ["a"]


async def test_an_actor_that_has_answered_and_then_asks_in_a_circle_is_refused(autojump_clock: Clock) -> None:
    a, b = inboxes("ab")
    errors: list[WaitCycleError] = []

    async def answer_first(inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            letter.reply("yes")
            try:
                await ask(b, Question())
            except AskCycleError as error:
                errors.append(error)

    async with acting({a: answer_first, b: asks(a)}):
        assert await ask(a, Question()) == "yes"
        await trio.sleep(1)
    assert [ring(error) for error in errors] == ["ab"]


async def test_an_actor_with_a_batch_in_hand_that_asks_itself_is_refused(autojump_clock: Clock) -> None:
    (a,) = inboxes("a")
    errors: list[WaitCycleError] = []

    async def body(inbox: Inbox[Any]) -> None:
        inbox.receive_batch_nowait()
        with pytest.raises(AskCycleError) as caught:
            await ask(inbox, Question())
        errors.append(caught.value)

    for value in "xyz":
        a.send_nowait(value)
    async with acting({a: body}):
        await settle()
    assert [ring(error) for error in errors] == ["a"]


async def test_an_actor_whose_asker_has_gone_and_that_asks_itself_is_refused(autojump_clock: Clock) -> None:
    (a,) = inboxes("a")
    errors: list[WaitCycleError] = []

    async def body(inbox: Inbox[Any]) -> None:
        await inbox.receive()
        await trio.sleep(5)
        with pytest.raises(AskCycleError) as caught:
            await ask(inbox, Question())
        errors.append(caught.value)

    async with acting({a: body}):
        with trio.move_on_after(1):
            await ask(a, Question())
        await trio.sleep(10)
    assert [ring(error) for error in errors] == ["a"]


# Tells that wait for room


async def fill(inbox: Inbox[Any]) -> None:
    """Let everybody wait, then fill the mailbox."""
    await settle()
    while inbox.queued < inbox.capacity:
        inbox.send_nowait("in the way")


async def test_an_actor_that_waits_for_room_in_its_own_full_mailbox_is_refused(autojump_clock: Clock) -> None:
    (a,) = inboxes("a", capacity=2)

    async def tell_itself(letter: Envelope[Any]) -> None:
        await fill(a)
        await a.send("one more")

    async with acting({a: replying(tell_itself)}):
        with pytest.raises(TellCycleError) as caught:
            await ask(a, Question())
    assert ring(caught.value) == "a"
    assert "this tell would close a cycle" in str(caught.value)


async def test_full_mailboxes_that_wait_for_each_other_are_refused(autojump_clock: Clock) -> None:
    a, b = inboxes("ab", capacity=1)
    refused: list[WaitCycleError] = []

    async def tell(target: Inbox[Any], inbox: Inbox[Any]) -> None:
        await inbox.receive()
        await fill(target)
        try:
            await target.send("one more")
        except TellCycleError as error:
            refused.append(error)

    for box in (a, b):
        box.send_nowait("begin")
    async with acting({a: partial(tell, b), b: partial(tell, a)}):
        await trio.sleep(1)
    assert [ring(error) for error in refused] == ["ab"]


async def test_a_circle_of_an_ask_and_a_tell_that_waits_for_room_is_refused_at_the_tell(autojump_clock: Clock) -> None:
    a, b = inboxes("ab", capacity=1)

    async def tell_back(_: Envelope[Any]) -> None:
        await fill(a)
        await a.send("one more")

    async with acting({a: asks(b), b: replying(tell_back)}):
        with pytest.raises(TellCycleError) as caught:
            await ask(a, Question())
    assert ring(caught.value) == "ab"


async def test_a_circle_of_a_tell_that_waits_for_room_and_an_ask_is_refused_at_the_ask(autojump_clock: Clock) -> None:
    a, b = inboxes("ab", capacity=1)

    async def tell_on(_: Envelope[Any]) -> None:
        await b.send("one more")

    async def ask_back(inbox: Inbox[Any]) -> None:
        await inbox.receive()
        await fill(inbox)
        a.send_nowait("begin")
        await settle()
        with pytest.raises(AskCycleError) as caught:
            await ask(a, Question())
        assert ring(caught.value) == "ab"
        inbox.close()

    b.send_nowait("begin")
    async with acting({a: told(tell_on), b: ask_back}):
        await trio.sleep(1)
    assert b.stopped


def told(work: Callable[[Envelope[Any]], Awaitable[Any]]) -> Body:
    """An actor that does this for each letter, and nothing more once its peer has stopped."""

    async def body(inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            try:
                await work(letter)
            except trio.BrokenResourceError:
                return

    return body


async def test_an_ask_that_waits_for_room_closes_a_circle_too(autojump_clock: Clock) -> None:
    a, b = inboxes("ab", capacity=1)

    async def fill_and_ask(_: Envelope[Any]) -> Any:
        await fill(a)
        return await ask(a, Question())

    async with acting({a: asks(b), b: replying(fill_and_ask)}):
        with pytest.raises(AskCycleError):
            await ask(a, Question())


@pytest.mark.parametrize("overflow", ["reject", "drop_oldest", "drop_newest"])
async def test_a_tell_that_does_not_wait_is_never_refused_as_a_circle(overflow: Any, autojump_clock: Clock) -> None:
    (a,) = inboxes("a", capacity=1, overflow=overflow)

    async def tell_itself(_: Envelope[Any]) -> None:
        await fill(a)
        await a.send("one more")

    async with acting({a: replying(tell_itself)}):
        asked = Asked()
        await asked.run(a, Question())
    assert isinstance(asked.end, MailboxFull if overflow == "reject" else NoneType)


# No circles


async def test_a_chain_is_no_circle(autojump_clock: Clock) -> None:
    a, b, c = inboxes("abc")
    async with acting({a: asks(b), b: asks(c), c: replying(yes)}):
        assert await ask(a, Question()) == "yes"


async def test_two_that_wait_for_the_same_actor_are_no_circle(autojump_clock: Clock) -> None:
    a, b, c, d = inboxes("abcd")

    async def ask_both(_: Envelope[Any]) -> str:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, b, Question())
            nursery.start_soon(ask, c, Question())
        return "both"

    async with acting({a: replying(ask_both), b: asks(d), c: asks(d), d: replying(yes)}):
        assert await ask(a, Question()) == "both"


async def test_a_busy_actor_is_waited_for_as_long_as_it_waits_for_nobody(autojump_clock: Clock) -> None:
    a, b = inboxes("ab")
    async with acting({a: asks(b), b: replying(yes)}):
        async with trio.open_nursery() as nursery:
            for box in (a, b, a, b):
                nursery.start_soon(ask, box, Question())
        assert trio.current_time() == 4


async def test_an_actor_may_ask_back_whom_it_has_answered(autojump_clock: Clock) -> None:
    a, b = inboxes("ab")
    replies: list[Any] = []

    async def answer_and_ask_back(inbox: Inbox[Any]) -> None:
        (await inbox.receive()).reply("yes")
        replies.append(await ask(a, Question()))

    async def ask_then_answer(inbox: Inbox[Any]) -> None:
        await inbox.receive()
        replies.append(await ask(b, Question()))
        (await inbox.receive()).reply("and you?")

    a.send_nowait("begin")
    async with acting({a: ask_then_answer, b: answer_and_ask_back}):
        await settle()
    assert replies == ["yes", "and you?"]


async def test_an_actor_may_be_asked_back_once_it_has_given_up_waiting(autojump_clock: Clock) -> None:
    a, b = inboxes("ab")
    replies: list[Any] = []

    async def give_up(_: Envelope[Any]) -> str:
        with trio.move_on_after(1):
            await ask(b, Question())
        return "gave up"

    async def be_slow(inbox: Inbox[Any]) -> None:
        await inbox.receive()
        await trio.sleep(2)
        replies.append(await ask(a, Question()))

    a.send_nowait("begin")
    async with acting({a: told(give_up_then_answer(give_up)), b: be_slow}):
        await trio.sleep(5)
    assert replies == ["gave up"]


def give_up_then_answer(work: Callable[[Envelope[Any]], Awaitable[str]]) -> Callable[[Envelope[Any]], Awaitable[None]]:
    """Do the work for what is told; answer what is asked."""

    async def handle(letter: Envelope[Any]) -> None:
        if letter.is_ask:
            letter.reply("gave up")
        else:
            await work(letter)

    return handle


async def test_a_wait_that_was_cancelled_a_moment_ago_closes_no_circle(autojump_clock: Clock) -> None:
    (a,) = inboxes("a")
    (b,) = inboxes("b", capacity=1)
    scope = trio.CancelScope()
    replies: list[Any] = []

    async def wait_for_room(letter: Envelope[Any]) -> str:
        with scope:
            await b.send("one more")
        return "gave up"

    async def cancel_and_ask(inbox: Inbox[Any]) -> None:
        await inbox.receive()
        await fill(inbox)
        a.send_nowait("begin")
        await settle()
        scope.cancel()  # a has not run since
        replies.append(await ask(a, Question()))

    b.send_nowait("begin")
    async with acting({a: told(give_up_then_answer(wait_for_room)), b: cancel_and_ask}):
        await trio.sleep(1)
    assert replies == ["gave up"]


async def test_a_wait_that_the_end_of_the_other_actor_ended_a_moment_ago_closes_no_circle(
    autojump_clock: Clock,
) -> None:
    (a,) = inboxes("a")
    (b,) = inboxes("b", capacity=1)
    replies: list[Any] = []

    async def wait_for_room(_: Envelope[Any]) -> str:
        with pytest.raises(trio.BrokenResourceError):
            await b.send("one more")
        return "gave up"

    async def close_and_ask(inbox: Inbox[Any]) -> None:
        await inbox.receive()
        await fill(inbox)
        a.send_nowait("begin")
        await settle()
        inbox.close()  # a has not run since
        replies.append(await ask(a, Question()))

    b.send_nowait("begin")
    async with acting({a: told(give_up_then_answer(wait_for_room)), b: close_and_ask}):
        await trio.sleep(1)
    assert replies == ["gave up"]


async def test_a_tell_that_got_its_room_keeps_nobody_waiting(autojump_clock: Clock) -> None:
    a, b = inboxes("ab", capacity=1)
    replies: list[Any] = []

    async def wait_for_room_then_work(letter: Envelope[Any]) -> str:
        await b.send("one more")
        return await yes(letter)

    async def ask_back(inbox: Inbox[Any]) -> None:
        await inbox.receive()
        await fill(inbox)
        a.send_nowait("begin")
        await settle()
        await inbox.receive()
        await settle()
        replies.append(await ask(a, Question()))

    b.send_nowait("begin")
    async with acting({a: told(give_up_then_answer(wait_for_room_then_work)), b: ask_back}):
        await trio.sleep(5)
    assert replies == ["gave up"]


async def test_what_a_task_from_elsewhere_asks_keeps_no_message_in_hand_and_closes_no_circle(
    autojump_clock: Clock,
) -> None:
    a, b = inboxes("ab")
    replies: list[Any] = []

    async def background() -> None:
        replies.append(await ask(b, Question()))

    async with trio.open_nursery() as elsewhere:

        async def start_background(inbox: Inbox[Any]) -> None:
            await inbox.receive()
            elsewhere.start_soon(background)
            await settle()
            (await inbox.receive()).reply("yes")

        a.send_nowait("begin")
        async with acting({a: start_background, b: asks(a)}):
            await trio.sleep(1)
    assert replies == ["yes"]


@pytest.mark.parametrize("busy", [False, True])
async def test_what_a_coroutine_actor_asks_beside_its_loop_closes_no_circle(busy: bool, autojump_clock: Clock) -> None:
    a, b = inboxes("ab")
    replies: list[Any] = []

    async def background() -> None:
        await settle()
        replies.append(await ask(b, Question()))

    async def loop_and_background(inbox: Inbox[Any]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(background)
            await replying(yes)(inbox)

    async with acting({a: loop_and_background, b: asks(a)}):
        if busy:
            a.send_nowait("keep busy")
        await trio.sleep(5)
    assert replies == ["yes"]


async def test_a_refused_wait_is_not_remembered(autojump_clock: Clock) -> None:
    a, b = inboxes("ab")
    replies: list[Any] = []

    async def try_then_ask(letter: Envelope[Any]) -> str:
        with pytest.raises(AskCycleError):
            await ask(a, Question())
        replies.append(await ask(b, Question()))
        return "tried"

    async with acting({a: replying(try_then_ask), b: replying(yes)}):
        assert await ask(a, Question()) == "tried"
    assert replies == ["yes"]
    assert a.statistics().asks_in_flight == 0


async def test_looking_for_a_circle_takes_no_longer_for_many_asks_at_once_at_every_level(autojump_clock: Clock) -> None:
    boxes = inboxes("abcdefgh")
    (watcher,) = inboxes("w")
    took: list[float] = []

    def fan_out(target: Inbox[Any]) -> Body:
        async def body(_: Envelope[Any]) -> None:
            async with trio.open_nursery() as nursery:
                for text in "abcdef":
                    nursery.start_soon(ask, target, Question(text))

        return replying(body)

    async def look(_: Envelope[Any]) -> None:
        began = time.process_time()
        with trio.move_on_after(0):
            await ask(boxes[0], Question())
        took.append(time.process_time() - began)

    actors = {box: fan_out(target) for box, target in pairwise(boxes)}
    async with acting({**actors, boxes[-1]: replying(yes), watcher: replying(look)}), trio.open_nursery() as nursery:
        nursery.start_soon(ask, boxes[0], Question())
        await settle()
        await ask(watcher, Question())
        nursery.cancel_scope.cancel()
    assert took[0] < 0.05


# Actors in a runtime


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
