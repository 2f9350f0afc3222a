"""The inbox as a channel: receiving, one by one, in batches, in a loop."""

from collections import Counter
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import Envelope, Inbox, Stage, ask
from tests.mailbox.inboxes import drain, filled, settle, settle_then
from tests.mailbox.mailroom import CancelAt, Question, cancel_at_each_await, consume, messages


async def test_receive_is_a_checkpoint_when_there_is_mail() -> None:
    with trio.testing.assert_checkpoints():
        await filled("a").receive()


async def test_receive_waits_for_the_next_message() -> None:
    inbox = filled()
    got: list[Envelope[str]] = []

    async def receive() -> None:
        got.append(await inbox.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await settle()
        assert not got
        inbox.send_nowait("a")
    assert messages(got) == ["a"]


async def test_cancelled_at_any_await_receive_has_taken_a_message_or_left_the_queue_unchanged() -> None:
    async def scenario(cancel: CancelAt) -> None:
        inbox = filled("a", "b")
        cancelled = await cancel(inbox.receive)
        statistics = inbox.statistics()
        assert (statistics.in_hand, statistics.queued) == ((0, 2) if cancelled else (1, 1))
        inbox.settle_in_hand()
        assert drain(inbox) == (["a", "b"] if cancelled else ["b"])

    assert await cancel_at_each_await(scenario) >= 2


async def test_cancelled_at_any_await_a_waiting_receive_has_taken_a_message_or_left_the_queue_unchanged() -> None:
    async def scenario(cancel: CancelAt) -> None:
        inbox = filled()

        async def send() -> None:
            await settle()
            inbox.send_nowait("a")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            cancelled = await cancel(inbox.receive)
        inbox.settle_in_hand()
        assert drain(inbox) == (["a"] if cancelled else [])
        assert inbox.statistics().handled == 1

    assert await cancel_at_each_await(scenario) >= 2


async def test_a_receive_that_was_given_a_message_keeps_it_even_if_it_is_cancelled_before_it_runs_again() -> None:
    inbox = filled()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.receive)
        await settle()
        inbox.send_nowait("a")
        nursery.cancel_scope.cancel()
    assert messages(inbox.in_hand) == ["a"]
    assert inbox.statistics().balanced


async def test_after_a_cancelled_receive_the_next_one_gets_the_next_message(
    autojump_clock: trio.testing.MockClock,
) -> None:
    inbox = filled()
    with trio.move_on_after(1):
        await inbox.receive()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.receive)
        await settle()
        inbox.send_nowait("a")
    assert messages(inbox.in_hand) == ["a"]


def test_receive_nowait_of_an_empty_inbox_would_block() -> None:
    with pytest.raises(trio.WouldBlock):
        filled().receive_nowait()


async def test_an_ask_that_woke_the_receiver_and_was_withdrawn_does_not_end_its_wait() -> None:
    inbox: Inbox[Any] = Inbox("ada")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.receive)
        await settle()
        assert await CancelAt(1)(lambda: ask(inbox, Question()))
        await settle()
        inbox.send_nowait("a")
    assert messages(inbox.in_hand) == ["a"]


async def test_a_second_receiver_is_told_that_an_inbox_has_one_consumer() -> None:
    inbox = filled()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.receive)
        await settle()
        with pytest.raises(trio.BusyResourceError, match="'ada' has one consumer"):
            await inbox.receive()
        inbox.send_nowait("a")


async def test_a_second_receiver_is_told_so_even_if_the_first_was_woken_for_a_message_that_is_gone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    inbox = filled()
    outcomes: list[object] = []

    async def receive() -> None:
        try:
            outcomes.append((await inbox.receive()).message)
        except trio.BusyResourceError as error:
            outcomes.append(type(error))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await settle()
        nursery.start_soon(settle_then, partial(inbox.send_nowait, "b"))
        inbox.send_nowait("a")  # wakes the first
        inbox.receive_nowait().settle()  # and takes its message away
        with trio.move_on_after(1):
            await receive()
        nursery.cancel_scope.cancel()
    assert sorted(map(str, outcomes)) == ["<class 'trio.BusyResourceError'>", "b"]


async def test_async_for_gives_every_message_in_order_until_the_inbox_is_closed() -> None:
    inbox = filled(*"abc")
    got: list[str] = []
    async for letter in inbox:
        got.append(letter.message)
        if letter.message == "c":
            inbox.close()
    assert got == ["a", "b", "c"]
    assert inbox.statistics().handled == 3


async def test_async_for_lets_other_tasks_run_at_least_every_64_messages() -> None:
    inbox = filled(*map(str, range(300)))
    steps = Steps(trio.lowlevel.current_task())
    trio.lowlevel.add_instrument(steps)
    taken: list[int] = []  # [the steps of this task when it got a message]
    async for _ in inbox:
        taken.append(steps.count)
        if inbox.queued == 0:
            break
    trio.lowlevel.remove_instrument(steps)
    assert max(Counter(taken).values()) <= 64


class Steps(trio.abc.Instrument):
    """Counts how often a task let others run."""

    def __init__(self, task: trio.lowlevel.Task) -> None:
        self.task = task
        self.count = 0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task is self.task


async def test_receiving_the_next_message_ends_the_one_before_as_handled() -> None:
    inbox = filled("a", "b")
    first = await inbox.receive()
    second = await inbox.receive()
    assert (first.stage, second.stage) == (Stage.HANDLED, Stage.IN_HAND)


def test_a_batch_is_taken_in_order_and_is_in_hand_until_the_next_receive() -> None:
    inbox = filled("a", "b", "c")
    batch = inbox.receive_batch_nowait(2)
    assert messages(batch) == ["a", "b"]
    assert inbox.statistics().in_hand == 2
    assert messages(inbox.receive_batch_nowait()) == ["c"]
    assert [letter.stage for letter in batch] == [Stage.HANDLED, Stage.HANDLED]


def test_a_batch_is_at_most_64_messages_unless_told_and_never_empty() -> None:
    inbox = filled(*map(str, range(100)))
    assert len(inbox.receive_batch_nowait()) == 64
    assert len(inbox.receive_batch_nowait(100)) == 36
    with pytest.raises(trio.WouldBlock):
        inbox.receive_batch_nowait()


async def test_a_batch_lets_as_many_waiting_senders_in_as_it_took() -> None:
    inbox = filled("a", "b")
    async with trio.open_nursery() as nursery:
        for value in "cde":
            nursery.start_soon(inbox.send, value)
            await settle()
        assert messages(inbox.receive_batch_nowait()) == ["a", "b", "c", "d", "e"]


async def test_what_a_consumer_sends_carries_its_owner_and_what_others_send_carries_none() -> None:
    ada: Inbox[str] = Inbox("ada", owner="ref of ada")
    bob: Inbox[str] = Inbox("bob")

    async def pass_on(inbox: Inbox[str]) -> None:
        message = (await inbox.receive()).message
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bob.send, message)
            nursery.start_soon(bob.send, "b")
        bob.send_nowait("c")

    ada.send_nowait("a")
    await consume(ada, pass_on)
    bob.send_nowait("d")
    assert [letter.sender for letter in bob.receive_batch_nowait()] == ["ref of ada"] * 3 + [None]
