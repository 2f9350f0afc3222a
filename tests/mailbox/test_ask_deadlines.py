"""Deadlines and context variables follow an ask; detached ones go their own way."""

from contextvars import ContextVar
from math import inf
from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import AskEnvelope, DeadlinePassed, Inbox, ask
from tests.mailbox.askers import Clock, ends, settle
from tests.mailbox.mailroom import Question, ask_in_hand, consume, start_ask

trace: ContextVar[str] = ContextVar("trace", default="none")


# Deadlines


@pytest.mark.parametrize("deadline", [5, inf])
async def test_the_deadline_of_the_asker_travels_with_the_message(
    ada: Inbox[Any], mock_clock: Clock, deadline: float
) -> None:
    async with ask_in_hand(ada, deadline=deadline) as (_, letter):
        assert letter.deadline == deadline
        letter.reply("yes")


async def test_the_nearest_deadline_that_is_in_effect_travels(ada: Inbox[Any], mock_clock: Clock) -> None:
    async def asks() -> None:
        with trio.fail_after(9), trio.fail_after(3), trio.fail_after(6):
            await ask(ada, Question())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(asks)
        await settle()
        letter = ada.receive_nowait()
        assert letter.deadline == 3
        letter.reply("yes")


async def test_work_is_cancelled_at_the_deadline_of_its_asker(ada: Inbox[Any], autojump_clock: Clock) -> None:
    ended: list[float] = []

    async def work(inbox: Inbox[Any]) -> None:
        with (await inbox.receive()).work():
            try:
                await trio.sleep_forever()
            finally:
                ended.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, ada, work)
        with pytest.raises(trio.TooSlowError), trio.fail_after(30):
            await ask(ada, Question())
    assert ended == [30]
    assert ends(ada) == (0, 0, 0, 1)


async def test_an_asker_whose_deadline_was_moved_learns_that_the_work_ended_at_the_old_one(
    ada: Inbox[Any], autojump_clock: Clock
) -> None:
    async with ask_in_hand(ada, deadline=5) as (asked, letter):
        asked.scope.deadline = 100
        with letter.work():
            await trio.sleep(50)
        assert trio.current_time() == 5
    assert isinstance(asked.end, DeadlinePassed)
    assert isinstance(asked.end, trio.TooSlowError)
    assert (asked.end.actor, asked.end.deadline) == ("ada", 5)
    assert ends(ada) == (0, 1, 0, 0)


# Detached


async def test_a_detached_ask_has_no_deadline(ada: Inbox[Any], mock_clock: Clock) -> None:
    async with ask_in_hand(ada, deadline=5, detached=True) as (_, letter):
        assert letter.deadline == inf
        letter.reply("yes")


async def test_detached_work_goes_on_without_its_asker_and_its_reply_is_dropped(
    ada: Inbox[Any], autojump_clock: Clock
) -> None:
    async def work(inbox: Inbox[Any]) -> None:
        letter = await inbox.receive()
        with letter.work():
            await trio.sleep(100)
        letter.reply("done")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, ada, work)
        asked = await start_ask(nursery, ada, detached=True)
        asked.scope.cancel()
        await settle()
        assert asked.end is trio.Cancelled
        assert trio.current_time() == 0
    assert trio.current_time() == 100
    assert ends(ada) == (1, 0, 0, 0)


async def test_a_detached_ask_that_is_queued_is_handled_though_its_asker_is_gone(ada: Inbox[Any]) -> None:
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, ada, detached=True)
        asked.scope.cancel()
    letter = ada.receive_nowait()
    assert not letter.abandoned
    letter.reply("done")
    assert ends(ada) == (1, 0, 0, 0)


async def test_an_error_out_of_detached_work_without_an_asker_reached_nobody(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada, detached=True) as (asked, letter):
        asked.scope.cancel()
        await settle()
        assert letter.break_off(ValueError()) is False


async def test_a_detached_ask_answers_an_asker_that_is_still_there(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada, detached=True) as (asked, letter):
        letter.reply("yes")
    assert asked.end == "yes"


# Context variables


async def test_context_variables_follow_an_ask_and_what_is_set_there_does_not_come_back(ada: Inbox[Any]) -> None:
    async with trio.open_nursery() as nursery:
        trace.set("of the asker")
        nursery.start_soon(ask, ada, Question())
        await settle()
        letter = ada.receive_nowait()
        trace.set("later")
        assert isinstance(letter, AskEnvelope)
        assert letter.context[trace] == "of the asker"
        letter.context.run(trace.set, "of the handler")
        assert trace.get() == "later"
        letter.reply("yes")
