"""Closing: everything that waits has its end; and waking the consumer."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import ActorStopped, DeadReason, Envelope, Inbox
from tests.mailbox.letters import full
from tests.mailbox.mailroom import start_ask


def first_letter(message: str) -> str:
    """The conversation of a message."""
    return message[0]


# Closing


async def test_closing_gives_every_waiting_sender_queued_message_and_asker_its_end() -> None:
    inbox, dead = full("wait", "a", "b")
    refused: list[ActorStopped] = []

    async def send(value: str) -> None:
        with pytest.raises(ActorStopped) as caught:
            await inbox.send(value)
        refused.append(caught.value)

    inbox.receive_nowait()
    async with trio.open_nursery() as nursery:
        queued = await start_ask(nursery, inbox)
        nursery.start_soon(send, "c")
        nursery.start_soon(send, "d")
        waiting = await start_ask(nursery, inbox)
        inbox.close("worn out")
    for error in (*refused, queued.end, waiting.end):
        assert isinstance(error, ActorStopped)
        assert (error.actor, error.reason) == ("ada", "worn out")
    assert len(refused) == 2
    assert [reason for _, reason in dead] == [
        DeadReason.STOPPED
    ] * 2  # "b" and the queued ask; the others were never sent
    statistics = inbox.statistics()
    assert (statistics.sent, statistics.dead, statistics.queued, statistics.waiting_senders) == (3, 2, 0, 0)


async def test_closing_leaves_what_is_in_hand_to_its_consumer_and_its_answer_still_arrives() -> None:
    inbox, _ = full("wait", "a")
    inbox.receive_nowait().settle()
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, inbox)
        letter = inbox.receive_nowait()
        inbox.close()
        letter.reply("late, but right")
    assert asked.end == "late, but right"
    assert inbox.statistics().balanced


def test_closing_again_changes_nothing_not_even_the_reason() -> None:
    inbox, dead = full("wait", "a")
    inbox.close("first")
    inbox.close("second")
    assert inbox.stopped == "first"
    assert len(dead) == 1


def test_closing_buries_signals_and_later_ones_are_dropped_uncounted() -> None:
    inbox, dead = full("wait", "a")
    inbox.signal("down")
    inbox.close()
    inbox.signal("late")
    assert dead == [("down", DeadReason.STOPPED), ("a", DeadReason.STOPPED)]
    assert inbox.statistics().sent == 2


def test_closing_buries_what_waits_for_its_conversation() -> None:
    inbox, dead = full("wait", "a1", "a2", "a3", concurrency=2, key_of=first_letter)
    inbox.take()
    assert inbox.take() is None
    inbox.close()
    assert [message for message, _ in dead] == ["a2", "a3"]
    assert inbox.statistics().balanced


async def test_closing_buries_no_ask_that_was_given_up_before() -> None:
    inbox, dead = full("wait", "a", "b")
    inbox.take()
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, inbox)
        asked.scope.cancel()
    inbox.close()
    assert dead == [("b", DeadReason.STOPPED)]
    assert inbox.statistics().balanced


def test_a_closed_inbox_holds_no_message_any_more() -> None:
    inbox, _ = full("wait", "a", "b")
    inbox.signal("down")
    inbox.close()
    assert not inbox.has_mail()


# Waking the consumer


class Consumer:
    """Counts how often it is woken."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


ARRIVALS: dict[str, Callable[[Inbox[Any]], object]] = {
    "send_nowait": lambda inbox: inbox.send_nowait("a"),
    "offer": lambda inbox: inbox.offer(Envelope("a", inbox, None, 0.0)),
    "signal": lambda inbox: inbox.signal("a"),
    "close": lambda inbox: inbox.close(),
    "interrupt": lambda inbox: inbox.interrupt(),
}


@pytest.mark.parametrize("arrive", ARRIVALS.values(), ids=ARRIVALS)
def test_a_consumer_that_found_nothing_is_woken_once_by_what_comes(arrive: Callable[[Inbox[Any]], object]) -> None:
    inbox: Inbox[Any] = Inbox("ada", clock=lambda: 0.0)
    inbox.consumer = consumer = Consumer()
    assert inbox.take() is None
    arrive(inbox)
    assert consumer.woken == 1
    arrive(inbox)
    assert consumer.woken == 1


def test_a_consumer_that_found_nothing_is_woken_when_a_conversation_becomes_free() -> None:
    inbox, _ = full("wait", "a1", "a2", concurrency=2, key_of=first_letter)
    inbox.consumer = consumer = Consumer()
    letter = inbox.take()
    assert letter is not None
    assert inbox.take() is None
    letter.settle()
    assert consumer.woken == 1


def test_a_consumer_that_has_not_looked_since_it_was_woken_is_not_woken_again() -> None:
    inbox, _ = full("wait", "a", "b")
    inbox.consumer = consumer = Consumer()
    inbox.take()
    inbox.send_nowait("c")
    assert consumer.woken == 0
