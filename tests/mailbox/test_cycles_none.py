"""Waits that will end are not taken for a circle."""

import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import AskCycleError, Envelope, Inbox, ask
from tests.mailbox.circles import Clock, acting, asks, fill, inboxes, replying, settle, told, yes
from tests.mailbox.mailroom import Body, Question


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
