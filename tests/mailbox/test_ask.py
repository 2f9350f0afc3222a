"""Asking: exactly one end, cancellation and deadlines that cross to the work, asks that are not waited for at once."""

from contextvars import ContextVar
from math import inf
from typing import Any, assert_type

import pytest
import trio
import trio.testing

from actrio.mailbox import (
    ActorStopped,
    ActrioError,
    AlreadyAnswered,
    AskEnvelope,
    DeadlinePassed,
    DeadReason,
    Inbox,
    NotAnswered,
    Stage,
    ask,
    open_ask,
)
from tests.mailbox.mailroom import CancelAt, Question, ask_in_hand, cancel_at_each_await, consume, start_ask

settle = trio.testing.wait_all_tasks_blocked
Clock = trio.testing.MockClock

trace: ContextVar[str] = ContextVar("trace", default="none")


def ends(inbox: Inbox[Any]) -> tuple[int, int, int, int]:
    """Handled, failed, dead and abandoned messages; nothing may be left or missing."""
    statistics = inbox.statistics()
    assert statistics.balanced
    assert (statistics.queued, statistics.in_hand, statistics.waiting_senders) == (0, 0, 0)
    return statistics.handled, statistics.failed, statistics.dead, statistics.abandoned


@pytest.fixture
def ada() -> Inbox[Any]:
    return Inbox("ada", owner="ref of ada")


# Ends


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


# Cancellation


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


# Asks that are not waited for at once


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
