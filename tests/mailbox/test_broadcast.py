"""The producer's side of a broadcast: numbering, the bound, waiting, where a subscription begins, the end."""

import math
import traceback
from typing import Literal, assert_type

import pytest
import trio
import trio.testing

from actrio.mailbox._bounds import InvalidBound
from actrio.mailbox._broadcast import Broadcast, BroadcastStatistics, ReplayUnavailable
from actrio.mailbox._errors import ActrioError
from actrio.mailbox._subscription import Disconnected, Lagged, SubscriberPolicy, Subscription

POLICIES: tuple[SubscriberPolicy, ...] = ("wait", "lag", "disconnect")


def filled(count: int, *, keep: int = 1_000) -> Broadcast[str]:
    """A broadcast called "tokens", in which "0", "1" and so on were sent."""
    broadcast: Broadcast[str] = Broadcast("tokens", keep=keep)
    for number in range(count):
        assert broadcast.send_nowait(str(number)) == number
    return broadcast


# Sending and the bound


def test_sending_needs_no_running_trio_and_no_subscriber() -> None:
    broadcast = filled(3, keep=2)
    with broadcast.subscribe() as subscription:
        assert subscription.receive_batch_nowait() == ["1", "2"]


async def test_send_returns_sequence_numbers_and_is_a_checkpoint() -> None:
    broadcast = filled(2)
    with trio.testing.assert_checkpoints():
        assert await broadcast.send("2") == 2


async def test_an_item_reaches_a_thousand_subscribers_that_wait() -> None:
    broadcast: Broadcast[str] = Broadcast("tokens")
    got: list[list[str]] = []

    async def read() -> None:
        with broadcast.subscribe() as subscription:
            got.append([item async for item in subscription])

    async with trio.open_nursery() as nursery:
        for _ in range(1_000):
            nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        broadcast.send_nowait("a")
        broadcast.send_nowait("b")
        broadcast.close()
    assert got == [["a", "b"]] * 1_000


def test_backpressure_a_wait_subscriber_refuses_send_nowait_and_misses_nothing() -> None:
    broadcast = filled(0, keep=2)
    with broadcast.subscribe("wait") as subscription:
        broadcast.send_nowait("0")
        broadcast.send_nowait("1")
        with pytest.raises(trio.WouldBlock):
            broadcast.send_nowait("2")
        assert subscription.receive_nowait() == "0"
        assert broadcast.send_nowait("2") == 2
        assert subscription.receive_batch_nowait() == ["1", "2"]


async def test_backpressure_send_waits_for_the_slowest_wait_subscriber() -> None:
    broadcast = filled(0, keep=1)
    sent: list[int] = []

    async def produce() -> None:
        sent.append(await broadcast.send("0"))
        sent.append(await broadcast.send("1"))

    with broadcast.subscribe() as slow, broadcast.subscribe() as fast:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(produce)
            assert await fast.receive() == "0"
            await trio.testing.wait_all_tasks_blocked()
            assert sent == [0]
            assert slow.receive_nowait() == "0"
            await trio.testing.wait_all_tasks_blocked()
            assert sent == [0, 1]
        assert fast.receive_nowait() == slow.receive_nowait() == "1"


@pytest.mark.parametrize("policy", ["lag", "disconnect"])
def test_backpressure_a_slow_subscriber_stalls_nobody_unless_it_chose_wait(
    policy: Literal["lag", "disconnect"],
) -> None:
    broadcast = filled(0, keep=1)
    with broadcast.subscribe(policy), broadcast.subscribe("wait") as other:
        for number in range(100):
            broadcast.send_nowait(str(number))
            assert other.receive_nowait() == str(number)


def test_backpressure_a_newcomer_does_not_make_an_older_wait_subscriber_miss() -> None:
    broadcast = filled(0, keep=1)
    with broadcast.subscribe() as older:
        broadcast.send_nowait("0")
        with broadcast.subscribe(from_="now"), pytest.raises(trio.WouldBlock):
            broadcast.send_nowait("1")
        assert older.receive_nowait() == "0"


async def test_waiting_senders_are_served_in_order() -> None:
    broadcast = filled(1, keep=1)
    with broadcast.subscribe() as subscription:
        async with trio.open_nursery() as nursery:
            for item in "abc":
                nursery.start_soon(broadcast.send, item)
                await trio.testing.wait_all_tasks_blocked()
            assert broadcast.statistics().waiting_senders == 3
            with pytest.raises(trio.WouldBlock):
                broadcast.send_nowait("d")
            assert [await subscription.receive() for _ in range(4)] == ["0", "a", "b", "c"]


async def test_a_batch_lets_in_as_many_waiting_senders_as_there_is_room() -> None:
    broadcast = filled(3, keep=3)
    with broadcast.subscribe() as subscription:
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(broadcast.send, "x")
            await trio.testing.wait_all_tasks_blocked()
            assert subscription.receive_batch_nowait() == ["0", "1", "2"]
            assert broadcast.statistics().waiting_senders == 1
            assert subscription.receive_batch_nowait(2) == ["x", "x"]
        assert subscription.receive_batch_nowait() == ["x", "x"]


async def test_leaving_lets_a_waiting_sender_go_on() -> None:
    broadcast = filled(1, keep=1)
    with broadcast.subscribe() as other:
        async with trio.open_nursery() as nursery:
            with broadcast.subscribe():
                nursery.start_soon(broadcast.send, "1")
                await trio.testing.wait_all_tasks_blocked()
                assert other.receive_nowait() == "0"
        assert other.receive_nowait() == "1"


async def test_a_subscriber_that_joins_while_a_sender_waits_is_waited_for_too() -> None:
    broadcast = filled(1, keep=1)
    with broadcast.subscribe() as first:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(broadcast.send, "1")
            await trio.testing.wait_all_tasks_blocked()
            with broadcast.subscribe() as second:
                assert first.receive_nowait() == "0"
                assert broadcast.statistics().waiting_senders == 1
                assert second.receive_nowait() == "0"
                assert broadcast.statistics().waiting_senders == 0


async def test_a_cancelled_send_sent_nothing() -> None:
    broadcast = filled(1, keep=1)
    with broadcast.subscribe() as subscription:
        with trio.move_on_after(0):  # cancelled before it begins
            await broadcast.send("lost")
        async with trio.open_nursery() as nursery:  # cancelled while it waits
            nursery.start_soon(broadcast.send, "lost")
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert broadcast.statistics().waiting_senders == 0
        assert subscription.receive_batch_nowait() == ["0"]
    with trio.move_on_after(0):  # there is room
        await broadcast.send("lost")
    assert broadcast.statistics().next_sequence == 1


def test_memory_only_the_newest_keep_items_are_held() -> None:
    broadcast: Broadcast[list[int]] = Broadcast(keep=2)
    items = [[number] for number in range(5)]
    for item in items:
        broadcast.send_nowait(item)
    subscription = broadcast.subscribe()
    assert broadcast.statistics().kept == 2
    assert subscription.receive_batch_nowait() == items[3:]


@pytest.mark.parametrize("keep", [0, -1, True, math.inf])
def test_a_bound_that_cannot_be_is_refused(keep: int) -> None:
    with pytest.raises(InvalidBound, match=r"keep=.* of 'tokens'"):
        Broadcast("tokens", keep=keep)


# Where a subscription begins


def test_replay_begins_with_the_oldest_kept_item_unless_told_otherwise() -> None:
    broadcast = filled(4, keep=3)
    assert broadcast.subscribe("lag").receive_batch_nowait() == ["1", "2", "3"]
    assert broadcast.subscribe("lag", after=0).receive_batch_nowait() == ["1", "2", "3"]
    assert broadcast.subscribe("lag", after=2).receive_batch_nowait() == ["3"]
    now = broadcast.subscribe("lag", from_="now")
    broadcast.send_nowait("4")
    assert now.receive_nowait() == "4"


@pytest.mark.parametrize("policy", ["wait", "disconnect"])
def test_a_replay_of_what_is_gone_is_refused_and_names_the_gap(policy: Literal["wait", "disconnect"]) -> None:
    broadcast = filled(10, keep=3)
    with pytest.raises(ReplayUnavailable, match="after 3: items 4 to 6 are no longer kept") as caught:
        broadcast.subscribe(policy, after=3)
    error = caught.value
    assert (error.broadcast, error.after, error.oldest, error.next_sequence, error.missed) == ("tokens", 3, 7, 10, 3)
    assert isinstance(error, ActrioError)
    assert broadcast.statistics().subscribers == 0


def test_a_lag_subscriber_is_told_of_a_gap_at_its_start() -> None:
    subscription = filled(10, keep=3).subscribe("lag", after=-1)
    assert subscription.receive_batch_nowait() == [Lagged(7), "7", "8", "9"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_replay_after_an_item_never_sent_is_refused(policy: SubscriberPolicy) -> None:
    with pytest.raises(ReplayUnavailable, match="the next item is 2, so 2 was never sent") as caught:
        filled(2).subscribe(policy, after=2)
    assert caught.value.missed == 0


def test_settings_that_cannot_be_are_refused() -> None:
    broadcast = filled(1)
    with pytest.raises(InvalidBound, match="policy='drop' of 'tokens': must be one of wait, lag"):
        broadcast.subscribe("drop")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType,reportCallIssue]
    with pytest.raises(InvalidBound, match="from_='end'"):
        broadcast.subscribe(from_="end")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidBound, match="together"):
        broadcast.subscribe(from_="now", after=0)
    with pytest.raises(InvalidBound, match="after=-2"):
        broadcast.subscribe(after=-2)


def test_only_a_lag_subscription_is_typed_to_give_lagged() -> None:
    broadcast = filled(0)
    policy: SubscriberPolicy = POLICIES[0]
    assert_type(broadcast.subscribe(), Subscription[str])
    assert_type(broadcast.subscribe("disconnect"), Subscription[str])
    assert_type(broadcast.subscribe("lag"), Subscription[str | Lagged])
    assert_type(broadcast.subscribe(policy), Subscription[str | Lagged])


# The end


def test_after_the_end_nothing_can_be_sent() -> None:
    broadcast = filled(1)
    broadcast.close()
    with pytest.raises(trio.ClosedResourceError, match="'tokens' has ended"):
        broadcast.send_nowait("1")


async def test_the_end_refuses_a_send_and_those_that_wait() -> None:
    broadcast = filled(1, keep=1)
    with broadcast.subscribe() as subscription:
        with pytest.RaisesGroup(trio.ClosedResourceError):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(broadcast.send, "1")
                await trio.testing.wait_all_tasks_blocked()
                broadcast.close()
        with pytest.raises(trio.ClosedResourceError):
            await broadcast.send("2")
        assert subscription.receive_batch_nowait() == ["0"]


async def test_the_first_end_stands() -> None:
    broadcast = filled(0)
    assert broadcast.close()
    assert not broadcast.fail(ValueError())
    assert not broadcast.close()
    with pytest.raises(trio.EndOfChannel):
        await broadcast.subscribe().receive()


@pytest.mark.parametrize("policy", POLICIES)
async def test_streams_can_be_read_by_any_number_during_and_after(policy: SubscriberPolicy) -> None:
    broadcast = filled(2)
    early = broadcast.subscribe(policy)
    broadcast.send_nowait("2")
    broadcast.close()
    late = broadcast.subscribe(policy)
    assert [item async for item in early] == [item async for item in late] == ["0", "1", "2"]
    assert [item async for item in late] == []


@pytest.mark.parametrize("policy", POLICIES)
async def test_an_error_comes_to_every_subscriber_after_what_is_kept(policy: SubscriberPolicy) -> None:
    broadcast = filled(2)
    error = ValueError("the model went away")
    subscriptions = [broadcast.subscribe(policy) for _ in range(3)]
    assert broadcast.fail(error)
    for subscription in [*subscriptions, broadcast.subscribe(policy)]:
        assert [await anext(subscription) for _ in range(2)] == ["0", "1"]
        for receive in (subscription.receive, subscription.receive_batch, subscription.__anext__):
            with pytest.raises(ValueError, match="went away") as caught:
                await receive()
            assert caught.value is error


async def test_the_traceback_of_an_error_does_not_grow_with_its_readers() -> None:
    broadcast = filled(0)

    def generate() -> None:
        raise ValueError("no tokens")

    try:
        generate()
    except ValueError as error:
        broadcast.fail(error)
    frames: list[list[str]] = []
    for _ in range(3):
        with pytest.raises(ValueError, match="no tokens") as caught:
            await broadcast.subscribe().receive()
        frames.append([frame.name for frame in traceback.extract_tb(caught.value.__traceback__)])
    assert frames[0] == frames[1] == frames[2]
    assert "generate" in frames[0]


async def test_an_error_that_trio_uses_for_the_end_is_still_an_error() -> None:
    broadcast = filled(1)
    broadcast.fail(trio.EndOfChannel("of another channel"))
    subscription = broadcast.subscribe()
    assert await anext(subscription) == "0"
    with pytest.raises(trio.EndOfChannel, match="another"):
        await anext(subscription)


# What it shows


async def test_statistics_are_a_frozen_snapshot() -> None:
    broadcast = filled(2, keep=2)
    lag, disconnect = broadcast.subscribe("lag"), broadcast.subscribe("disconnect")
    for number in range(3):
        broadcast.send_nowait(str(number))
    assert lag.receive_nowait() == Lagged(3)
    for _ in range(2):
        with pytest.raises(Disconnected):
            disconnect.receive_nowait()
    async with trio.open_nursery() as nursery:
        with broadcast.subscribe():
            nursery.start_soon(broadcast.send, "5")
            nursery.start_soon(broadcast.subscribe("lag", from_="now").receive)
            await trio.testing.wait_all_tasks_blocked()
            assert broadcast.statistics() == BroadcastStatistics(
                keep=2,
                kept=2,
                next_sequence=5,
                subscribers=4,
                waiting_senders=1,
                waiting_receivers=1,
                lagged_total=1,
                disconnected_total=1,
                missed_total=6,
                ended=False,
            )
    assert broadcast.name == "tokens"


def test_repr_is_a_status_line() -> None:
    broadcast = filled(5, keep=3)
    broadcast.subscribe()
    assert repr(broadcast) == "<Broadcast 'tokens': 3/3 kept, next 5, 1 subscribers, 0 senders waiting, open>"
    closed, failed = filled(0), filled(0)
    closed.close()
    failed.fail(ValueError("no"))
    assert repr(closed).endswith("waiting, closed>")
    assert repr(failed).endswith("waiting, failed: ValueError('no')>")
