"""The inbox as a channel: sending, and waiting for room."""

from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import ActrioError, Inbox, MailboxFull, NotInTrio, Stage
from tests.mailbox.inboxes import drain, filled, settle
from tests.mailbox.mailroom import CancelAt, cancel_at_each_await


def test_send_nowait_and_receive_nowait_need_no_running_trio() -> None:
    inbox: Inbox[str] = Inbox("ada", clock=lambda: 7.5)
    inbox.send_nowait("a")
    letter = inbox.receive_nowait()
    assert (letter.message, letter.sent_at, letter.stage) == ("a", 7.5, Stage.IN_HAND)


class Elsewhere:
    """A consumer that cannot be woken from here."""

    def wake(self) -> None:
        raise NotInTrio("a message was sent", "Do not.")


def test_a_message_for_which_nobody_could_be_woken_leaves_the_inbox_empty() -> None:
    inbox: Inbox[str] = Inbox("ada", clock=lambda: 0.0)
    inbox.consumer = Elsewhere()
    assert inbox.take() is None
    with pytest.raises(NotInTrio):
        inbox.send_nowait("a")
    assert not inbox.has_mail()
    assert inbox.take() is None
    assert inbox.statistics().sent == 0


async def test_send_is_a_checkpoint_when_there_is_room() -> None:
    with trio.testing.assert_checkpoints():
        await filled().send("a")


async def test_send_is_a_checkpoint_when_it_waits() -> None:
    inbox = filled("a")
    async with trio.open_nursery() as nursery:
        with trio.testing.assert_checkpoints():
            nursery.start_soon(inbox.receive)
            await inbox.send("b")
    assert inbox.statistics().queued == 1


@pytest.mark.parametrize("overflow", ["wait", "reject", "drop_oldest", "drop_newest"])
async def test_cancelled_at_any_await_send_has_enqueued_nothing_else_the_message(overflow: Any) -> None:
    async def scenario(cancel: CancelAt) -> None:
        inbox: Inbox[str] = Inbox("ada", overflow=overflow)
        cancelled = await cancel(lambda: inbox.send("a"))
        assert drain(inbox) == ([] if cancelled else ["a"])
        assert inbox.statistics().sent == (0 if cancelled else 1)

    assert await cancel_at_each_await(scenario) >= 2


async def test_cancelled_at_any_await_a_waiting_send_has_enqueued_nothing_else_the_message() -> None:
    async def scenario(cancel: CancelAt) -> None:
        inbox = filled("a")

        async def make_room() -> None:
            await settle()
            inbox.receive_nowait().settle()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(make_room)
            cancelled = await cancel(lambda: inbox.send("b"))
        assert drain(inbox) == ([] if cancelled else ["b"])
        assert inbox.statistics().waiting_senders == 0
        assert inbox.statistics().sent == (1 if cancelled else 2)

    assert await cancel_at_each_await(scenario) >= 2


async def test_a_send_that_got_room_has_sent_even_if_it_is_cancelled_before_it_runs_again() -> None:
    inbox = filled("a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.send, "b")
        await settle()
        inbox.receive_nowait()
        nursery.cancel_scope.cancel()
    assert drain(inbox) == ["b"]
    assert inbox.statistics().sent == 2


async def test_a_message_whose_waiting_send_was_cancelled_never_arrives_and_those_behind_it_move_up() -> None:
    inbox = filled("a")
    scope = trio.CancelScope()

    async def give_up() -> None:
        with scope:
            await inbox.send("never")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_up)
        await settle()
        nursery.start_soon(inbox.send, "b")
        await settle()
        scope.cancel()
        await settle()
        assert inbox.statistics().waiting_senders == 1
        assert [(await inbox.receive()).message for _ in range(2)] == ["a", "b"]
    assert inbox.statistics().sent == 2


@pytest.mark.parametrize("capacity", [1, 2, 3, 10])
async def test_ordering_messages_of_one_sender_arrive_as_sent_whether_it_waits_or_not(capacity: int) -> None:
    inbox: Inbox[tuple[str, int]] = Inbox("ada", capacity=capacity)
    got: dict[str, list[int]] = {"bob": [], "cyd": [], "dan": []}

    async def send_all(name: str) -> None:
        for number in range(20):
            if number % 3:
                await inbox.send((name, number))
            else:
                try:
                    inbox.send_nowait((name, number))
                except MailboxFull:
                    await inbox.send((name, number))

    async with trio.open_nursery() as nursery:
        for name in got:
            nursery.start_soon(send_all, name)
        for _ in range(60):
            name, number = (await inbox.receive()).message
            got[name].append(number)
    assert got == {name: list(range(20)) for name in got}


async def test_waiting_senders_get_room_in_the_order_in_which_they_began_to_wait() -> None:
    inbox = filled("0")
    async with trio.open_nursery() as nursery:
        for value in "1234":
            nursery.start_soon(inbox.send, value)
            await settle()
        assert inbox.statistics().waiting_senders == 4
        assert [(await inbox.receive()).message for _ in range(5)] == ["0", "1", "2", "3", "4"]


async def test_send_nowait_never_overtakes_a_sender_that_waits() -> None:
    inbox = filled("0", "1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.send, "2")
        await settle()
        inbox.receive_nowait()
        with pytest.raises(MailboxFull):  # its room went to the waiting sender in the same step
            inbox.send_nowait("3")
    assert drain(inbox) == ["1", "2"]


def test_a_full_mailbox_raises_would_block_that_names_the_actor_the_bound_and_the_way_out() -> None:
    with pytest.raises(trio.WouldBlock) as caught:
        filled("a", "b").send_nowait("c")
    error = caught.value
    assert isinstance(error, MailboxFull)
    assert isinstance(error, ActrioError)
    assert (error.actor, error.capacity, error.overflow) == ("ada", 2, "wait")
    assert "'ada' is full: capacity 2" in str(error)
    assert "larger capacity" in str(error)


async def test_backpressure_a_fast_sender_never_queues_more_than_the_capacity() -> None:
    inbox: Inbox[int] = Inbox("ada", capacity=3)

    async def send_all() -> None:
        for number in range(30):
            await inbox.send(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_all)
        await settle()
        for number in range(30):
            assert (await inbox.receive()).message == number
    assert inbox.statistics().high_water == 3
