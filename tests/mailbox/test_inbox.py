"""The inbox as a channel: sending, receiving, waiting, its end."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import ActorStopped, ActrioError, Envelope, Inbox, MailboxFull, Stage, ask
from tests.mailbox.mailroom import CancelAt, Question, cancel_at_each_await, consume, messages

settle = trio.testing.wait_all_tasks_blocked


def filled(*values: str, capacity: int | None = None) -> Inbox[str]:
    """The inbox of "ada" with these messages queued; full unless the capacity says otherwise."""
    inbox: Inbox[str] = Inbox("ada", capacity=capacity or max(len(values), 1), clock=lambda: 0.0)
    for value in values:
        inbox.send_nowait(value)
    return inbox


def drain(inbox: Inbox[Any]) -> list[Any]:
    """What the queue holds, taken and settled."""
    taken: list[Any] = []
    while (letter := inbox.take()) is not None:
        taken.append(letter.message)
        letter.settle()
    return taken


# Sending


def test_send_nowait_and_receive_nowait_need_no_running_trio() -> None:
    inbox: Inbox[str] = Inbox("ada", clock=lambda: 7.5)
    inbox.send_nowait("a")
    letter = inbox.receive_nowait()
    assert (letter.message, letter.sent_at, letter.stage) == ("a", 7.5, Stage.IN_HAND)


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


# Receiving


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


# The end


async def test_aclose_closes_once_and_is_a_checkpoint() -> None:
    inbox = filled("a")
    for _ in range(2):
        with trio.testing.assert_checkpoints():
            await inbox.aclose()
    assert inbox.stopped == "closed"
    assert inbox.statistics().dead == 1


async def test_aclose_closes_even_if_it_is_cancelled() -> None:
    inbox = filled()
    with trio.CancelScope() as scope:
        scope.cancel()
        await inbox.aclose()
    assert scope.cancelled_caught
    assert inbox.stopped


async def test_leaving_async_with_settles_what_is_in_hand_and_closes() -> None:
    async with filled("a", "b") as inbox:
        await inbox.receive()
    statistics = inbox.statistics()
    assert (statistics.handled, statistics.dead) == (1, 1)


async def test_sending_to_a_closed_inbox_raises_broken_resource_that_says_why() -> None:
    inbox = filled()
    inbox.close("out of work")
    with pytest.raises(trio.BrokenResourceError) as caught:
        inbox.send_nowait("a")
    assert isinstance(caught.value, ActorStopped)
    assert (caught.value.actor, caught.value.reason) == ("ada", "out of work")
    with pytest.raises(ActorStopped, match=r"'ada' has stopped \(out of work\)"):
        await inbox.send("a")
    assert inbox.statistics().sent == 0


async def test_receiving_from_a_closed_inbox_raises_end_of_channel() -> None:
    inbox = filled("a")
    inbox.close()
    for receive in (inbox.receive_nowait, inbox.receive_batch_nowait):
        with pytest.raises(trio.EndOfChannel):
            receive()
    with pytest.raises(trio.EndOfChannel):
        await inbox.receive()
    assert [letter async for letter in inbox] == []


async def test_a_parked_receiver_sees_the_end_when_the_inbox_closes() -> None:
    inbox = filled()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect, inbox)
        await settle()
        inbox.close()


async def collect(inbox: Inbox[str]) -> list[str]:
    """All messages until the end."""
    return [letter.message async for letter in inbox]


async def test_an_interrupt_ends_the_consumer_and_keeps_the_queue_for_the_next() -> None:
    inbox = filled("a", "b", capacity=5)
    await inbox.receive()
    inbox.interrupt()
    assert await collect(inbox) == []
    assert inbox.statistics().handled == 1  # what was in hand is settled
    inbox.send_nowait("c")
    inbox.resume()
    assert [inbox.receive_nowait().message for _ in range(2)] == ["b", "c"]


async def test_an_interrupt_is_the_end_for_a_parked_receiver() -> None:
    inbox = filled()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect, inbox)
        nursery.start_soon(settle_then, inbox.interrupt)
    assert inbox.stopped is None


async def settle_then(do: Callable[[], object]) -> None:
    """Do it once everybody waits."""
    await settle()
    do()


async def test_an_interrupt_wakes_a_parked_receiver_and_loses_no_message() -> None:
    inbox = filled()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect, inbox)
        await settle()
        inbox.send_nowait("a")  # both before the receiver runs again
        inbox.interrupt()
    assert drain(inbox) == ["a"]


async def test_senders_that_wait_go_on_waiting_through_an_interrupt() -> None:
    inbox = filled("a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.send, "b")
        await settle()
        inbox.interrupt()
        await settle()
        assert inbox.statistics().waiting_senders == 1
        inbox.resume()
        assert (await inbox.receive()).message == "a"
    assert (await inbox.receive()).message == "b"


async def test_a_signal_overtakes_what_is_queued_and_wakes_a_parked_receiver() -> None:
    inbox: Inbox[Any] = filled("a", "b")
    inbox.signal("first")
    inbox.signal("second")
    assert [inbox.receive_nowait().message for _ in range(4)] == ["first", "second", "a", "b"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.receive)
        await settle()
        inbox.signal("third")
    assert messages(inbox.in_hand) == ["third"]


async def test_repr_is_a_status_line() -> None:
    inbox = filled("a", "b", capacity=5)
    await inbox.receive()
    assert repr(inbox) == "<Inbox 'ada' open, 1/5 queued, 1 in hand>"
    inbox.close("worn out")
    assert repr(inbox) == "<Inbox 'ada' closed: worn out, 0/5 queued, 1 in hand>"
