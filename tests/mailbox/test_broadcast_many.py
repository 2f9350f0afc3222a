"""Sending many items at once is what sending each would be."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from actrio.mailbox import Broadcast


@given(st.integers(1, 6), st.lists(st.lists(st.integers(), max_size=9), max_size=6))
def test_the_log_is_the_same_as_if_each_item_were_sent_alone(keep: int, batches: list[list[int]]) -> None:
    many: Broadcast[int] = Broadcast(keep=keep)
    single: Broadcast[int] = Broadcast(keep=keep)
    for batch in batches:
        first = single.statistics().next_sequence
        for item in batch:
            single.send_nowait(item)
        assert many.send_many_nowait(batch) == first
        assert many.statistics() == single.statistics()
    many.close()
    single.close()
    with many.subscribe("lag") as got, single.subscribe("lag") as wanted:
        kept = many.statistics().kept
        assert [got.receive_nowait() for _ in range(kept)] == [wanted.receive_nowait() for _ in range(kept)]


async def test_a_reader_that_waits_is_woken_once_and_takes_them_all() -> None:
    broadcast: Broadcast[int] = Broadcast()
    batches: list[list[int]] = []

    async def read() -> None:
        with broadcast.subscribe() as subscription:
            batches.append(await subscription.receive_batch())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        broadcast.send_many_nowait(())
        await wait_all_tasks_blocked()
        assert not batches
        broadcast.send_many_nowait((1, 2, 3))
    assert batches == [[1, 2, 3]]


def test_where_a_subscriber_is_waited_for_all_are_sent_or_none() -> None:
    broadcast: Broadcast[int] = Broadcast(keep=3)
    with broadcast.subscribe("wait") as subscription:
        broadcast.send_nowait(1)
        with pytest.raises(trio.WouldBlock):
            broadcast.send_many_nowait([2, 3, 4])
        broadcast.send_many_nowait([2, 3])
        assert subscription.receive_batch_nowait() == [1, 2, 3]
        broadcast.send_many_nowait([4, 5, 6])
        assert subscription.receive_batch_nowait() == [4, 5, 6]


def test_after_the_end_nothing_is_sent() -> None:
    broadcast: Broadcast[int] = Broadcast()
    broadcast.close()
    with pytest.raises(trio.ClosedResourceError):
        broadcast.send_many_nowait([1])
