"""Circles of asks are refused where they would close."""

from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import AskCycleError, Envelope, Inbox, WaitCycleError, ask, open_ask
from tests.mailbox.circles import Clock, acting, asks, inboxes, replying, ring, settle, yes
from tests.mailbox.mailroom import Question, start_ask


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
