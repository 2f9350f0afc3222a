"""The cancellation of an asker crosses to the work, which ends first."""

from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import Inbox, ask
from tests.mailbox.askers import Clock, ends, settle
from tests.mailbox.mailroom import CancelAt, Question, ask_in_hand, cancel_at_each_await, consume, start_ask


async def test_a_cancelled_asker_sends_nothing(ada: Inbox[Any]) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await ask(ada, Question())
    assert scope.cancelled_caught
    assert ada.statistics().sent == 0


async def test_cancellation_an_ask_that_waits_for_room_is_never_sent() -> None:
    ada: Inbox[Any] = Inbox("ada", capacity=1)
    ada.send_nowait("a")
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, ada)
        assert ada.statistics().waiting_senders == 1
        asked.scope.cancel()
    assert asked.end is trio.Cancelled
    ada.receive_nowait().settle()
    assert ends(ada) == (1, 0, 0, 0)
    assert ada.statistics().sent == 1


async def test_cancellation_an_ask_that_is_queued_is_withdrawn_and_never_handled(ada: Inbox[Any]) -> None:
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, ada)
        asked.scope.cancel()
    assert asked.end is trio.Cancelled
    assert ada.take() is None
    assert ends(ada) == (0, 0, 0, 1)


async def test_cancellation_the_asker_is_let_go_only_when_the_finally_of_the_work_has_run(
    ada: Inbox[Any], autojump_clock: Clock
) -> None:
    log: list[str] = []

    async def work(inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            with letter.work():
                try:
                    await trio.sleep(100)
                finally:
                    with trio.CancelScope(shield=True):
                        await trio.sleep(5)
                    log.append("work has ended")
            log.append("actor goes on")
            inbox.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, ada, work)
        with trio.move_on_after(1):
            await ask(ada, Question())
        log.append("asker is out")
    assert log[0] == "work has ended"
    assert set(log[1:]) == {"actor goes on", "asker is out"}
    assert trio.current_time() == 6
    assert ends(ada) == (0, 0, 0, 1)


async def test_cancellation_crosses_three_actors_and_the_innermost_work_ends_first(autojump_clock: Clock) -> None:
    names = ["a", "b", "c"]
    inboxes: dict[str, Inbox[Any]] = {name: Inbox(name) for name in names}
    log: list[str] = []

    async def work(inbox: Inbox[Any]) -> None:
        letter = await inbox.receive()
        with letter.work():
            try:
                if inbox.name == "c":
                    await trio.sleep_forever()
                else:
                    await ask(inboxes[chr(ord(inbox.name) + 1)], Question())
            finally:
                log.append(inbox.name)

    async with trio.open_nursery() as nursery:
        for inbox in inboxes.values():
            nursery.start_soon(consume, inbox, work)
        with trio.move_on_after(1):
            await ask(inboxes["a"], Question())
        log.append("asker")
    assert log == ["c", "b", "a", "asker"]
    assert [ends(inbox) for inbox in inboxes.values()] == [(0, 0, 0, 1)] * 3


async def test_cancellation_of_an_ask_in_hand_without_a_block_of_work_lets_the_asker_go_at_once(
    ada: Inbox[Any],
) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        asked.scope.cancel()
    assert asked.end is trio.Cancelled
    assert letter.abandoned
    letter.reply("dropped")
    letter.fail(ValueError("dropped, too"))
    assert ends(ada) == (0, 0, 0, 1)


async def test_cancellation_in_a_scoped_inbox_waits_for_the_end_of_the_work_even_before_it_has_a_scope() -> None:
    ada: Inbox[Any] = Inbox("ada", scoped=True)
    async with ask_in_hand(ada) as (asked, letter):
        asked.scope.cancel()
        await settle()
        assert not asked.ends
        assert letter.abandoned
        letter.succeed("nobody wants it")
    assert asked.end is trio.Cancelled
    assert ends(ada) == (0, 0, 0, 1)


async def test_cancellation_before_the_work_begins_cancels_it_at_its_first_await(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        asked.scope.cancel()
        await settle()
        went_on = False
        with letter.work():
            await trio.lowlevel.checkpoint()
            went_on = True
    assert not went_on
    assert ends(ada) == (0, 0, 0, 1)


async def test_cancellation_a_second_block_of_work_is_cancelled_too(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        with letter.work(), trio.CancelScope(shield=True):
            asked.scope.cancel()
            await settle()
        went_on = False
        with letter.work():
            await trio.lowlevel.checkpoint()
            went_on = True
        letter.settle()
    assert asked.end is trio.Cancelled
    assert not went_on
    assert ends(ada) == (0, 0, 0, 1)


async def test_cancellation_the_asker_is_let_go_when_the_block_ends_even_if_the_block_did_not_notice(
    ada: Inbox[Any],
) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        with letter.work(), trio.CancelScope(shield=True):
            asked.scope.cancel()
            await settle()
            assert not asked.ends
        await settle()
        assert asked.end is trio.Cancelled
        letter.reply("dropped")
    assert ends(ada) == (0, 0, 0, 1)


async def test_cancellation_a_block_within_a_block_leaves_the_outer_one_tied_to_the_asker(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        went_on = False
        with letter.work():
            with letter.work():
                await trio.lowlevel.checkpoint()
            asked.scope.cancel()
            await trio.lowlevel.checkpoint()
            went_on = True
    assert not went_on
    assert asked.end is trio.Cancelled


async def test_cancellation_a_reply_out_of_cancelled_work_is_dropped(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        with letter.work():
            asked.scope.cancel()
            letter.reply("too late")
    assert asked.end is trio.Cancelled
    assert ends(ada) == (0, 0, 0, 1)


async def test_cancellation_an_error_out_of_cancelled_work_is_not_lost_but_raised_in_the_asker(ada: Inbox[Any]) -> None:
    error = OSError("could not clean up")
    async with ask_in_hand(ada) as (asked, letter):
        with letter.work():
            asked.scope.cancel()
            assert letter.break_off(error) is True
    assert asked.end is error
    assert ends(ada) == (0, 1, 0, 0)


async def test_a_reply_given_before_the_cancellation_in_the_same_step_is_the_end(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        letter.reply("in time")
        asked.scope.cancel()
    assert asked.end == "in time"
    assert ends(ada) == (1, 0, 0, 0)


async def test_a_cancellation_before_the_reply_in_the_same_step_is_the_end(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (asked, letter):
        asked.scope.cancel()
        letter.reply("too late")
    assert asked.end is trio.Cancelled
    assert ends(ada) == (0, 0, 0, 1)


async def test_a_late_reply_is_dropped_and_never_delivered_to_a_later_ask(ada: Inbox[Any]) -> None:
    async with ask_in_hand(ada) as (first, old):
        first.scope.cancel()
    async with ask_in_hand(ada) as (second, new):
        old.reply("old")
        await settle()
        assert not second.ends
        new.reply("new")
    assert (first.end, second.end) == (trio.Cancelled, "new")
    assert ends(ada) == (1, 0, 0, 1)


@pytest.mark.parametrize("capacity", [1, 2])
@pytest.mark.parametrize("tied", [False, True])
async def test_cancelled_at_any_await_an_ask_has_exactly_one_end(capacity: int, tied: bool) -> None:
    async def answer(inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            if letter.is_ask and tied:
                with letter.work():
                    await trio.lowlevel.checkpoint()
                    letter.reply("yes")
            elif letter.is_ask:
                await trio.lowlevel.checkpoint()
                letter.reply("yes")

    async def scenario(cancel: CancelAt) -> None:
        ada: Inbox[Any] = Inbox("ada", capacity=capacity)
        ada.send_nowait("a")
        replies: list[str] = []

        async def operation() -> None:
            replies.append(await ask(ada, Question()))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(consume, ada, answer)
            cancelled = await cancel(operation)
            await settle()
            ada.close()
        assert replies == ([] if cancelled else ["yes"])
        handled, failed, dead, abandoned = ends(ada)
        assert (failed, dead) == (0, 0)
        assert handled + abandoned == ada.statistics().sent
        assert handled == 2 or cancelled

    assert await cancel_at_each_await(scenario) >= 2
