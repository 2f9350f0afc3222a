"""A subscriber's side of a broadcast: receiving, falling behind, cancellation, fairness, leaving."""

import gc
import sys
import weakref
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from actrio.mailbox._bounds import InvalidBound
from actrio.mailbox._broadcast import Broadcast
from actrio.mailbox._errors import ActrioError
from actrio.mailbox._subscription import (
    ITERATION_BUDGET,
    Disconnected,
    Lagged,
    SubscriberPolicy,
    Subscription,
    SubscriptionStatistics,
)


def numbers(count: int, *, keep: int = 1_000) -> Broadcast[int]:
    """A broadcast called "numbers", in which 0, 1 and so on were sent."""
    broadcast: Broadcast[int] = Broadcast("numbers", keep=keep)
    for number in range(count):
        broadcast.send_nowait(number)
    return broadcast


# Receiving


async def test_it_is_a_trio_receive_channel() -> None:
    broadcast = numbers(2)
    subscription: trio.abc.ReceiveChannel[int] = broadcast.subscribe()
    async with subscription:
        assert await subscription.receive() == 0
    with pytest.raises(trio.ClosedResourceError):
        await subscription.receive()
    assert broadcast.statistics().subscribers == 0


def test_nothing_there_would_block() -> None:
    subscription = numbers(0).subscribe()
    with pytest.raises(trio.WouldBlock):
        subscription.receive_nowait()
    with pytest.raises(trio.WouldBlock):
        subscription.receive_batch_nowait()


def test_a_batch_is_all_that_is_there_up_to_its_limit() -> None:
    subscription = numbers(12, keep=8).subscribe()
    assert subscription.receive_batch_nowait(3) == [4, 5, 6]
    assert subscription.receive_batch_nowait() == [7, 8, 9, 10, 11]
    with pytest.raises(InvalidBound, match="limit=0 of 'numbers'"):
        subscription.receive_batch_nowait(0)


async def test_a_woken_subscriber_takes_all_that_is_new_at_once() -> None:
    broadcast = numbers(0)
    subscription = broadcast.subscribe()
    batches: list[list[int]] = []

    async def read() -> None:
        batches.append(await subscription.receive_batch())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(5):
            broadcast.send_nowait(number)
    assert batches == [[0, 1, 2, 3, 4]]


async def test_position_is_the_number_of_the_next_item() -> None:
    broadcast = numbers(5)
    with broadcast.subscribe(after=1) as subscription:
        assert await subscription.receive() == 2
        assert subscription.position == 3
    with broadcast.subscribe(after=subscription.position - 1) as resumed:
        assert await resumed.receive() == 3


async def test_every_awaited_receive_is_a_checkpoint() -> None:
    broadcast = numbers(5)
    subscription = broadcast.subscribe()
    with trio.testing.assert_checkpoints():
        await subscription.receive()
    with trio.testing.assert_checkpoints():
        await subscription.receive_batch()
    broadcast.close()
    with trio.testing.assert_checkpoints(), pytest.raises(trio.EndOfChannel):
        await subscription.receive()
    with trio.testing.assert_checkpoints():
        assert [item async for item in subscription] == []


async def test_iteration_lets_others_run_once_a_budget_and_not_at_every_item() -> None:
    broadcast = numbers(10 * ITERATION_BUDGET, keep=10 * ITERATION_BUDGET)
    broadcast.close()
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            others += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await trio.lowlevel.checkpoint()
        others = 0
        assert len([item async for item in broadcast.subscribe()]) == 10 * ITERATION_BUDGET
        assert 9 <= others <= 12
        nursery.cancel_scope.cancel()


async def test_iteration_that_feeds_itself_can_still_be_cancelled() -> None:
    broadcast = numbers(1, keep=1)
    with trio.move_on_after(1) as scope, broadcast.subscribe("lag") as subscription:
        async for item in subscription:
            for _ in range(3):
                broadcast.send_nowait(1)
            if broadcast.statistics().next_sequence > 100:
                scope.cancel()
            assert isinstance(item, Lagged) or item < 2
    assert scope.cancelled_caught


async def test_tasks_that_share_a_subscription_share_its_items() -> None:
    broadcast = numbers(0)
    got: list[int] = []
    with broadcast.subscribe() as subscription:

        async def read() -> None:
            got.extend([item async for item in subscription])

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(read)
            for number in range(200):
                await broadcast.send(number)
            broadcast.close()
    assert sorted(got) == list(range(200))


# Falling behind


def test_lag_gives_one_lagged_and_goes_on_from_the_oldest_kept() -> None:
    broadcast = numbers(1, keep=3)
    subscription = broadcast.subscribe("lag")
    for number in range(1, 10):
        broadcast.send_nowait(number)
    assert [subscription.receive_nowait() for _ in range(4)] == [Lagged(7), 7, 8, 9]
    with pytest.raises(trio.WouldBlock):
        subscription.receive_nowait()


def test_a_batch_of_one_that_tells_of_a_loss_has_no_item() -> None:
    broadcast = numbers(1, keep=3)
    subscription = broadcast.subscribe("lag")
    for number in range(1, 10):
        broadcast.send_nowait(number)
    assert [subscription.receive_batch_nowait(1) for _ in range(4)] == [[Lagged(7)], [7], [8], [9]]


def test_a_subscriber_keep_items_behind_has_missed_nothing() -> None:
    broadcast = numbers(0, keep=3)
    subscriptions: list[Subscription[int | Lagged]] = [broadcast.subscribe("lag"), broadcast.subscribe("disconnect")]
    for number in range(3):
        broadcast.send_nowait(number)
    assert [subscription.receive_batch_nowait() for subscription in subscriptions] == [[0, 1, 2]] * 2


async def test_disconnect_raises_for_good_and_names_the_bound() -> None:
    broadcast = numbers(1, keep=3)
    subscription = broadcast.subscribe("disconnect")
    for number in range(1, 10):
        broadcast.send_nowait(number)
    with pytest.raises(Disconnected, match="'numbers' was disconnected: it was more than keep=3") as caught:
        await subscription.receive()
    assert (caught.value.broadcast, caught.value.keep, caught.value.missed) == ("numbers", 3, 7)
    assert isinstance(caught.value, ActrioError)
    broadcast.send_nowait(10)
    broadcast.close()
    with pytest.raises(Disconnected, match="7 it had not read"):
        await anext(subscription)
    again = broadcast.subscribe("lag", after=subscription.position - 1)
    assert again.receive_batch_nowait() == [Lagged(8), 8, 9, 10]


# Cancellation


@pytest.mark.parametrize("method", ["receive", "receive_batch", "__anext__"])
@pytest.mark.parametrize("count", [0, 5])
async def test_a_cancelled_receive_takes_nothing(method: str, count: int) -> None:
    broadcast = numbers(count)
    subscription = broadcast.subscribe()
    receive: Callable[[], Coroutine[Any, Any, object]] = getattr(subscription, method)
    async with trio.open_nursery() as nursery:
        if count:
            nursery.cancel_scope.cancel()
            await receive()
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert subscription.position == 0
    assert broadcast.statistics().waiting_receivers == 0
    broadcast.send_nowait(count)
    assert subscription.receive_batch_nowait() == list(range(count + 1))


async def test_an_item_that_arrives_with_the_cancellation_is_given_or_kept() -> None:
    broadcast = numbers(0)
    got: list[int] = []
    with broadcast.subscribe() as subscription:

        async def read() -> None:
            got.append(await subscription.receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            broadcast.send_nowait(0)
            nursery.cancel_scope.cancel()
        assert got == list(range(subscription.position))


async def test_interrupts_wait_until_what_changes_state_is_done() -> None:
    ran: dict[str, bool] = {}  # {function of the mailbox: whether an interrupt would have waited}

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and "/actrio/mailbox/" in frame.f_code.co_filename:
            ran[frame.f_code.co_name] = trio.lowlevel.currently_ki_protected()

    broadcast = numbers(2, keep=2)
    sys.setprofile(watch)
    try:
        with broadcast.subscribe() as subscription:
            subscription.receive_nowait()
            await broadcast.send(2)
            await subscription.receive_batch()
            await broadcast.send(3)
            await anext(subscription)
            broadcast.fail(ValueError())
    finally:
        sys.setprofile(None)
    assert {name for name, protected in ran.items() if not protected} == {"__enter__", "fail"}
    assert {"append", "between", "end", "block", "close"} <= ran.keys()


# Leaving


async def test_closing_ends_the_receive_of_another_task() -> None:
    broadcast = numbers(0)
    stays, leaves = broadcast.subscribe(), broadcast.subscribe()
    with pytest.RaisesGroup(trio.ClosedResourceError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leaves.receive)
            await trio.testing.wait_all_tasks_blocked()
            leaves.close()
            leaves.close()
    assert broadcast.statistics().subscribers == 1
    broadcast.send_nowait(0)
    assert stays.receive_nowait() == 0


async def test_a_subscription_closed_in_the_step_of_the_end_tells_its_reader_so() -> None:
    broadcast = numbers(0)
    subscription = broadcast.subscribe()
    with pytest.RaisesGroup(trio.ClosedResourceError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(subscription.receive)
            await trio.testing.wait_all_tasks_blocked()
            broadcast.close()
            assert broadcast.statistics().waiting_receivers == 0
            subscription.close()


async def test_receiving_from_a_closed_subscription_is_a_checkpoint_too() -> None:
    subscription = numbers(0).subscribe()
    subscription.close()
    with trio.testing.assert_checkpoints(), pytest.raises(trio.ClosedResourceError):
        await subscription.receive()


async def test_leaving_in_a_cancelled_task_needs_no_checkpoint() -> None:
    broadcast = numbers(1, keep=1)
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.cancel()
        with broadcast.subscribe():
            pass
    assert broadcast.send_nowait(1) == 1


async def test_a_closed_subscription_is_not_kept_alive() -> None:
    class Item:
        pass

    broadcast: Broadcast[Item] = Broadcast(keep=1)
    item = Item()
    held = weakref.ref(item)
    with broadcast.subscribe() as subscription:
        broadcast.send_nowait(item)
        await subscription.receive()
    del item
    broadcast.send_nowait(Item())
    gc.collect()
    assert held() is None


# What it shows


def test_statistics_are_a_frozen_snapshot_and_repr_is_a_status_line() -> None:
    broadcast = numbers(5, keep=2)
    with broadcast.subscribe("lag", after=0) as subscription:
        assert subscription.statistics() == SubscriptionStatistics(
            policy="lag", position=1, unread=4, missed=0, closed=False
        )
        subscription.receive_batch_nowait(2)
        assert repr(subscription) == "<Subscription to 'numbers': lag, at 4 of 5, open>"
    assert subscription.statistics() == SubscriptionStatistics(
        policy="lag", position=4, unread=1, missed=2, closed=True
    )
    assert repr(subscription) == "<Subscription to 'numbers': lag, at 4 of 5, closed>"


# Random schedules


class Ended(Exception):
    """The end of a broadcast that fails."""


async def follow(
    broadcast: Broadcast[int], policy: SubscriberPolicy, pauses: list[int], batched: bool, errors: list[str]
) -> None:
    """Read to the end at the pace of the pauses, cancelled now and then, and note every broken promise."""
    with broadcast.subscribe(policy, after=-1) as subscription:
        due, turn = 0, 0
        try:
            while True:
                pause = pauses[turn % len(pauses)]
                turn += 1
                for _ in range(pause):
                    await trio.lowlevel.checkpoint()
                batch: list[int | Lagged] = []
                with trio.CancelScope() as scope:
                    if pause == 1:
                        scope.cancel()
                    batch = await subscription.receive_batch() if batched else [await subscription.receive()]
                for item in batch:
                    if not isinstance(item, Lagged) and item != due:
                        errors.append(f"{policy}: {item} came where {due} was due")
                    due += item.missed if isinstance(item, Lagged) else 1
        except Disconnected:
            if policy != "disconnect":
                errors.append(f"{policy}: disconnected")
        except (Ended, trio.EndOfChannel):
            if due != broadcast.statistics().next_sequence:
                errors.append(f"{policy}: the end came at {due}")


PACE = st.lists(st.integers(0, 4), min_size=1, max_size=6)
READER_PACE = PACE.filter(lambda pace: set(pace) != {1})  # one that cancels each of its receives would never end


@settings(max_examples=60, deadline=None)
@given(
    keep=st.integers(1, 6),
    count=st.integers(0, 30),
    pace=PACE,
    readers=st.lists(
        st.tuples(st.sampled_from(["wait", "lag", "disconnect"]), READER_PACE, st.booleans()),
        min_size=1,
        max_size=5,
    ),
    fails=st.booleans(),
)
async def test_under_any_schedule_items_and_losses_are_exactly_what_was_sent(
    keep: int, count: int, pace: list[int], readers: list[tuple[SubscriberPolicy, list[int], bool]], fails: bool
) -> None:
    broadcast: Broadcast[int] = Broadcast(keep=keep)
    errors: list[str] = []
    async with trio.open_nursery() as nursery:
        for policy, pauses, batched in readers:
            nursery.start_soon(follow, broadcast, policy, pauses, batched, errors)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(count):
            assert await broadcast.send(number) == number
            assert broadcast.statistics().kept <= keep
            for _ in range(pace[number % len(pace)]):
                await trio.lowlevel.checkpoint()
        assert broadcast.fail(Ended()) if fails else broadcast.close()
    assert errors == []
    assert broadcast.statistics().subscribers == 0
