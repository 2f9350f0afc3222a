"""The end of an inbox: closed, interrupted; and signals."""

from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import ActorStopped, Inbox
from tests.mailbox.inboxes import drain, filled, settle, settle_then
from tests.mailbox.mailroom import messages


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
