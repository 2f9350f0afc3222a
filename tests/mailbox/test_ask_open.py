"""Asks that are not waited for at once."""

from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import ActorStopped, ActrioError, AlreadyAnswered, Inbox, open_ask
from tests.mailbox.askers import Clock, ends, settle
from tests.mailbox.mailroom import Question, consume


async def test_open_ask_gives_the_answer_when_it_is_asked_for(ada: Inbox[Any]) -> None:
    async with open_ask(ada, Question()) as pending:
        letter = ada.receive_nowait()
        before = pending.ended
        letter.reply("yes")
        assert (before, pending.ended) == (False, True)
        assert await pending.answer() == "yes"
        assert await pending.answer() == "yes"
    assert ends(ada) == (1, 0, 0, 0)


async def test_open_ask_waits_for_an_answer_that_is_not_there_yet(ada: Inbox[Any]) -> None:
    async def reply() -> None:
        await settle()
        ada.receive_nowait().reply("yes")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reply)
        async with open_ask(ada, Question()) as pending:
            assert await pending.answer() == "yes"


async def test_open_ask_is_withdrawn_from_the_queue_when_the_block_is_left_early(ada: Inbox[Any]) -> None:
    async with open_ask(ada, Question()):
        assert ada.statistics().queued == 1
    assert ends(ada) == (0, 0, 0, 1)
    with pytest.raises(trio.WouldBlock):
        ada.receive_nowait()


async def test_open_ask_left_early_cancels_the_work_and_waits_for_its_end(
    ada: Inbox[Any], autojump_clock: Clock
) -> None:
    async def work(inbox: Inbox[Any]) -> None:
        with (await inbox.receive()).work():
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(5)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, ada, work)
        async with open_ask(ada, Question()):
            await trio.sleep(1)
        assert trio.current_time() == 6
    assert ends(ada) == (0, 0, 0, 1)


async def test_open_ask_left_by_an_error_gives_the_ask_up_and_the_error_comes_out(ada: Inbox[Any]) -> None:
    with pytest.raises(LookupError):
        async with open_ask(ada, Question()):
            raise LookupError
    assert ends(ada) == (0, 0, 0, 1)


async def test_open_ask_left_by_cancellation_gives_the_ask_up(ada: Inbox[Any], autojump_clock: Clock) -> None:
    with trio.move_on_after(1) as scope:
        async with open_ask(ada, Question()) as pending:
            assert ada.receive_nowait().deadline == 1
            await pending.answer()
    assert scope.cancelled_caught
    assert ends(ada) == (0, 0, 0, 1)


async def test_open_ask_left_early_raises_what_the_work_raised_while_it_ended(ada: Inbox[Any]) -> None:
    async def work(inbox: Inbox[Any]) -> None:
        letter = await inbox.receive()
        with letter.work():
            try:
                await trio.sleep_forever()
            finally:
                letter.break_off(OSError("could not clean up"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, ada, work)
        with pytest.raises(OSError, match="could not clean up"):
            async with open_ask(ada, Question()):
                await settle()
    assert ends(ada) == (0, 1, 0, 0)


async def test_open_ask_left_without_its_answer_raises_what_the_work_had_raised_before(ada: Inbox[Any]) -> None:
    with pytest.raises(OSError, match="no disk"):
        async with open_ask(ada, Question()):
            ada.receive_nowait().fail(OSError("no disk"))


async def test_open_ask_raises_an_error_once_and_the_block_may_take_it(ada: Inbox[Any]) -> None:
    async with open_ask(ada, Question()) as pending:
        ada.receive_nowait().fail(OSError("no disk"))
        with pytest.raises(OSError, match="no disk"):
            await pending.answer()
        with pytest.raises(AlreadyAnswered):
            await pending.answer()


async def test_open_ask_an_answer_that_was_given_up_cannot_be_had_again(ada: Inbox[Any], autojump_clock: Clock) -> None:
    async with open_ask(ada, Question()) as pending:
        with trio.move_on_after(1):
            await pending.answer()
        with pytest.raises(ActrioError):
            await pending.answer()
    assert ends(ada) == (0, 0, 0, 1)


async def test_open_ask_has_one_waiter_for_the_answer(ada: Inbox[Any]) -> None:
    async with open_ask(ada, Question()) as pending, trio.open_nursery() as nursery:
        nursery.start_soon(pending.answer)
        await settle()
        with pytest.raises(trio.BusyResourceError):
            await pending.answer()
        ada.receive_nowait().reply("yes")


async def test_open_ask_of_a_closed_inbox_raises_and_the_block_does_not_run(ada: Inbox[Any]) -> None:
    ada.close()
    with pytest.raises(ActorStopped):
        async with open_ask(ada, Question()):
            raise AssertionError("the block ran")


async def test_open_ask_counts_as_in_flight(ada: Inbox[Any]) -> None:
    bob: Inbox[Any] = Inbox("bob")

    async def asks(inbox: Inbox[Any]) -> None:
        async with open_ask(bob, Question()):
            assert inbox.statistics().asks_in_flight == 1

    await consume(ada, asks)
    assert ada.statistics().asks_in_flight == 0


async def test_repr_of_an_ask_is_a_status_line(ada: Inbox[Any]) -> None:
    async with open_ask(ada, Question("a secret")) as pending:
        assert repr(pending) == "<AskEnvelope Question to 'ada': queued>"
    assert repr(pending) == "<AskEnvelope Question to 'ada': abandoned>"
