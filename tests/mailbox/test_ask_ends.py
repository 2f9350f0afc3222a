"""Asking: every ask has exactly one end."""

from typing import Any, assert_type

import pytest
import trio
import trio.testing

from actrio.mailbox import ActorStopped, ActrioError, AlreadyAnswered, DeadReason, Inbox, NotAnswered, Stage, ask
from tests.mailbox.askers import ends, settle
from tests.mailbox.mailroom import Question, ask_in_hand, consume, start_ask


async def test_an_ask_ends_with_the_reply(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        assert letter.is_ask
        letter.reply("yes")
    assert asked.end == "yes"
    assert letter.stage is Stage.HANDLED
    assert ends(ada) == (1, 0, 0, 0)


async def test_a_reply_of_none_is_a_reply(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        letter.reply(None)
    assert asked.end is None


async def test_an_ask_is_typed_by_its_request(ada: Inbox[Any]) -> None:
    async def answer(inbox: Inbox[Any]) -> None:
        (await inbox.receive()).reply("yes")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, ada, answer)
        reply = await ask(ada, Question())
    assert_type(reply, str)
    assert reply == "yes"


async def test_an_ask_ends_with_the_error_it_is_failed_with(ada: Inbox[Any]) -> None:
    error = LookupError("no such book")
    async with ask_in_hand(ada) as (asked, letter):
        letter.fail(error)
    assert asked.end is error
    assert ends(ada) == (0, 1, 0, 0)


async def test_an_ask_ends_with_the_handlers_own_error_and_the_runtime_learns_that_it_was_taken(
    ada: Inbox[Any],
) -> None:
    error = ZeroDivisionError()
    async with ask_in_hand(ada) as (asked, letter):
        assert letter.break_off(error) is True
    assert asked.end is error
    assert ends(ada) == (0, 1, 0, 0)


async def test_an_ask_whose_work_is_cut_off_ends_with_actor_stopped_that_says_why(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        letter.cut("it restarts")
    assert isinstance(asked.end, ActorStopped)
    assert (asked.end.actor, asked.end.reason) == ("ada", "it restarts")
    assert ends(ada) == (0, 1, 0, 0)


async def test_an_ask_that_nobody_takes_ends_with_actor_stopped_when_the_inbox_closes(ada: Inbox[Any]) -> None:
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, ada)
        ada.close("worn out")
    assert isinstance(asked.end, ActorStopped)
    assert ends(ada) == (0, 0, 1, 0)


async def test_asking_a_closed_inbox_ends_with_actor_stopped_at_once(ada: Inbox[Any]) -> None:
    ada.close("worn out")
    with pytest.raises(ActorStopped, match="worn out"):
        await ask(ada, Question())
    assert ada.statistics().sent == 0


async def test_an_ask_for_which_there_is_no_handler_ends_with_the_error_that_says_so(ada: Inbox[Any]) -> None:
    error = LookupError("no handler")
    async with ask_in_hand(ada) as (asked, letter):
        letter.die(DeadReason.UNHANDLED, error)
    assert asked.end is error
    assert ends(ada) == (0, 0, 1, 0)


async def test_an_ask_that_its_actor_forgot_ends_with_not_answered_at_the_next_receive(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (asked, _):
        with pytest.raises(trio.WouldBlock):
            ada.receive_nowait()
    assert isinstance(asked.end, NotAnswered)
    assert (asked.end.actor, asked.end.message_type) == ("ada", "Question")
    assert "letter.reply(value)" in str(asked.end)
    assert ends(ada) == (0, 1, 0, 0)


async def test_an_ask_that_its_actor_forgot_ends_with_not_answered_when_the_actor_returns(ada: Inbox[Any]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, ada, Inbox[Any].receive)
        asked = await start_ask(nursery, ada)
    assert isinstance(asked.end, NotAnswered)


async def test_a_second_answer_is_an_error_and_the_first_stands(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        letter.reply("first")
        with pytest.raises(AlreadyAnswered, match="has already ended as handled") as caught:
            letter.reply("second")
        with pytest.raises(AlreadyAnswered):
            letter.fail(ValueError())
    error = caught.value
    assert (error.actor, error.message_type, error.ended_as) == ("ada", "Question", "handled")
    assert asked.end == "first"
    assert ends(ada) == (1, 0, 0, 0)


async def test_ask_is_a_checkpoint_even_if_the_answer_is_there_at_once(ada: Inbox[Any]) -> None:
    full: Inbox[Any] = Inbox("full", capacity=1, overflow="drop_newest")
    full.send_nowait("a")
    with trio.testing.assert_checkpoints(), pytest.raises(ActrioError):
        await ask(full, Question())


async def test_what_an_actor_asks_carries_its_ref_and_counts_as_in_flight_until_it_ends(ada: Inbox[Any]) -> None:
    bob: Inbox[Any] = Inbox("bob")

    async def asks(_: Inbox[Any]) -> None:
        async with trio.open_nursery() as nursery:
            for text in "abc":
                nursery.start_soon(ask, bob, Question(text))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, ada, asks)
        for left in (3, 2, 1):
            await settle()
            assert ada.statistics().asks_in_flight == left
            letter = bob.receive_nowait()
            assert letter.sender == "ref of ada"
            letter.reply("yes")
    assert ada.statistics().asks_in_flight == 0
