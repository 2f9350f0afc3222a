"""The bound of a mailbox and its policies, and dead letters."""

from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import DeadReason, Envelope, Inbox, MailboxFull, Overflow, Stage
from tests.mailbox.letters import full, rest, settle
from tests.mailbox.mailroom import start_ask

# Overflow


async def test_wait_send_nowait_refuses_and_send_waits_until_there_is_room() -> None:
    inbox, dead = full("wait", "a")
    with pytest.raises(MailboxFull):
        inbox.send_nowait("b")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.send, "c")
        await settle()
        assert inbox.statistics().waiting_senders == 1
        assert (await inbox.receive()).message == "a"
    assert rest(inbox) == ["c"]
    assert not dead


async def test_reject_both_kinds_of_send_refuse_and_the_message_was_not_sent() -> None:
    inbox, dead = full("reject", "a")
    with pytest.raises(MailboxFull) as caught:
        inbox.send_nowait("b")
    assert caught.value.overflow == "reject"
    with pytest.raises(MailboxFull):
        await inbox.send("c")
    assert (inbox.statistics().sent, rest(inbox), dead) == (1, ["a"], [])


async def test_drop_oldest_the_oldest_message_dies_for_the_new_one_and_nobody_waits() -> None:
    inbox, dead = full("drop_oldest", "a", "b")
    inbox.send_nowait("c")
    await inbox.send("d")
    assert dead == [("a", DeadReason.DROPPED_OLDEST), ("b", DeadReason.DROPPED_OLDEST)]
    assert rest(inbox) == ["c", "d"]
    assert inbox.statistics().sent == 4


async def test_drop_newest_the_new_message_dies_and_nobody_waits() -> None:
    inbox, dead = full("drop_newest", "a", "b")
    inbox.send_nowait("c")
    await inbox.send("d")
    assert dead == [("c", DeadReason.DROPPED_NEWEST), ("d", DeadReason.DROPPED_NEWEST)]
    assert rest(inbox) == ["a", "b"]
    assert inbox.statistics().sent == 4


async def test_drop_oldest_tells_the_asker_of_the_dropped_message_that_the_mailbox_was_full() -> None:
    inbox, _ = full("drop_oldest", "a")
    inbox.receive_nowait()
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, inbox)
        inbox.send_nowait("b")
    assert isinstance(asked.end, MailboxFull)
    assert (asked.end.actor, asked.end.overflow) == ("ada", "drop_oldest")
    assert inbox.statistics().dead_by_reason == {DeadReason.DROPPED_OLDEST: 1}


async def test_drop_newest_tells_the_asker_of_the_new_message_that_the_mailbox_was_full() -> None:
    inbox, _ = full("drop_newest", "a")
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, inbox)
    assert isinstance(asked.end, MailboxFull)
    assert inbox.statistics().dead_by_reason == {DeadReason.DROPPED_NEWEST: 1}


async def test_reject_tells_an_asker_that_the_mailbox_is_full_and_the_ask_was_not_sent() -> None:
    inbox, _ = full("reject", "a")
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, inbox)
    assert isinstance(asked.end, MailboxFull)
    assert inbox.statistics().sent == 1


@pytest.mark.parametrize("overflow", ["wait", "reject", "drop_oldest", "drop_newest"])
def test_the_queue_never_exceeds_its_capacity(overflow: Overflow) -> None:
    inbox, _ = full(overflow, "a", "b", "c")
    for _ in range(5):
        try:
            inbox.send_nowait("d")
        except MailboxFull:
            assert overflow in ("wait", "reject")
    assert inbox.statistics().queued == inbox.statistics().high_water == 3


def test_drop_oldest_drops_a_message_and_never_a_signal() -> None:
    inbox, dead = full("drop_oldest", "a", "b")
    inbox.signal("down")
    inbox.send_nowait("c")
    assert dead == [("a", DeadReason.DROPPED_OLDEST)]
    assert rest(inbox) == ["down", "b", "c"]


def test_a_mailbox_full_of_signals_still_takes_a_message_under_drop_oldest() -> None:
    inbox, dead = full("drop_oldest", "a")
    inbox.receive_nowait()
    inbox.signal("down")
    inbox.send_nowait("b")
    assert rest(inbox) == ["down", "b"]
    assert not dead


def test_signals_are_taken_whatever_the_capacity_and_count_as_messages() -> None:
    inbox, _ = full("reject", "a")
    for number in range(3):
        inbox.signal(number)
    statistics = inbox.statistics()
    assert (statistics.sent, statistics.queued, statistics.high_water, statistics.balanced) == (4, 4, 4, True)
    assert rest(inbox) == [0, 1, 2, "a"]


# Dead letters


def test_the_dead_letter_callback_sees_the_letter_dead_and_the_counts_balanced() -> None:
    seen: list[tuple[Stage, bool]] = []

    def look(letter: Envelope[Any], reason: DeadReason) -> None:
        seen.append((letter.stage, letter.inbox.statistics().balanced))

    inbox: Inbox[str] = Inbox("ada", capacity=2, overflow="drop_oldest", clock=lambda: 0.0, on_dead=look)
    for value in "abcd":
        inbox.send_nowait(value)
    inbox.take()
    inbox.close()
    assert seen == [(Stage.DEAD, True)] * 3


def test_each_reason_of_death_is_counted_on_its_own() -> None:
    inbox, dead = full("drop_oldest", "a", "b")
    inbox.send_nowait("c")
    letter = inbox.receive_nowait()
    letter.die(DeadReason.UNHANDLED, ValueError("no handler"))
    inbox.close()
    counts = {DeadReason.DROPPED_OLDEST: 1, DeadReason.UNHANDLED: 1, DeadReason.STOPPED: 1}
    assert inbox.statistics().dead_by_reason == counts
    assert [message for message, _ in dead] == ["a", "b", "c"]
