"""The ledger: the bound and its policies, dead letters, closing, and where every message ends."""

import gc
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import pytest
import trio
import trio.testing

from actrio.mailbox import ActorStopped, DeadReason, Envelope, Inbox, MailboxFull, Overflow, Request, Stage
from tests.mailbox.mailroom import Asked, start_ask

settle = trio.testing.wait_all_tasks_blocked
Dead = list[tuple[Any, DeadReason]]


def full(overflow: Overflow, *values: str, **settings: Any) -> tuple[Inbox[Any], Dead]:
    """The inbox of "ada", full of these messages, and the dead letters it told of."""
    dead: Dead = []
    inbox: Inbox[Any] = Inbox(
        "ada",
        capacity=len(values),
        overflow=overflow,
        clock=lambda: 0.0,
        on_dead=lambda letter, reason: dead.append((letter.message, reason)),
        **settings,
    )
    for value in values:
        inbox.send_nowait(value)
    return inbox, dead


def rest(inbox: Inbox[Any]) -> list[Any]:
    """What is still queued, taken."""
    return [letter.message for letter in iter(inbox.take, None)]


def first_letter(message: str) -> str:
    """The conversation of a message."""
    return message[0]


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


# Giving up and giving back


async def test_the_room_of_an_ask_that_is_given_up_is_free_at_once() -> None:
    inbox, dead = full("wait", "a", "b")
    inbox.receive_nowait()
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, inbox)
        nursery.start_soon(inbox.send, "c")
        await settle()
        assert inbox.statistics().waiting_senders == 1
        asked.scope.cancel()
        await settle()
        assert inbox.statistics().waiting_senders == 0
    assert rest(inbox) == ["b", "c"]
    assert not dead
    assert inbox.statistics().abandoned == 1


async def test_a_thousand_asks_given_up_leave_nothing_behind_in_the_queue() -> None:
    alive = Alive()
    inbox: Inbox[Any] = Inbox("ada", capacity=5)
    inbox.send_nowait("a")
    await alive.ask_and_give_up(inbox, 300, Inbox[Any].has_mail)
    assert len(alive) < 100
    assert rest(inbox) == ["a"]


async def test_asks_given_up_behind_a_busy_conversation_leave_nothing_behind() -> None:
    alive = Alive()
    inbox: Inbox[Any] = Inbox("ada", capacity=5, concurrency=2, key_of=lambda _: "one and the same")
    inbox.send_nowait("a")
    busy = inbox.take()
    await alive.ask_and_give_up(inbox, 300, Inbox[Any].take)
    assert len(alive) < 100
    assert busy is not None
    busy.settle()
    inbox.send_nowait("b")
    assert rest(inbox) == ["b"]


async def test_a_message_given_back_is_the_next_one_again_with_its_asker_still_waiting() -> None:
    inbox, _ = full("wait", "a", "b")
    inbox.receive_nowait().settle()
    inbox.receive_nowait().settle()
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, inbox)
        letter = inbox.receive_nowait()
        inbox.send_nowait("c")
        inbox.put_back(letter)
        assert letter.stage is Stage.QUEUED
        again = inbox.receive_nowait()
        assert again is letter
        again.reply("second time lucky")
    assert asked.end == "second time lucky"
    assert rest(inbox) == ["c"]


def test_a_message_given_back_may_pass_the_capacity_by_one_and_the_high_water_mark_shows_it() -> None:
    inbox, _ = full("wait", "a")
    letter = inbox.receive_nowait()
    inbox.send_nowait("b")
    inbox.put_back(letter)
    with pytest.raises(MailboxFull):
        inbox.send_nowait("c")
    statistics = inbox.statistics()
    assert (statistics.queued, statistics.high_water, statistics.balanced) == (2, 2, True)


async def test_a_message_given_back_to_a_closed_inbox_dies_and_its_asker_learns_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    inbox, dead = full("wait", "a")
    inbox.receive_nowait().settle()
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            asked = await start_ask(nursery, inbox)
            letter = inbox.receive_nowait()
            inbox.close("worn out")
            inbox.put_back(letter)
    assert isinstance(asked.end, ActorStopped)
    assert len(dead) == 1


def test_whoever_waits_for_quiet_is_called_once_when_nothing_is_in_hand_any_more() -> None:
    inbox, _ = full("wait", "a", "b")
    calls: list[str] = []
    batch = inbox.receive_batch_nowait()
    inbox.call_when_quiet(lambda: calls.append("quiet"))
    batch[0].settle()
    assert not calls
    batch[1].settle()
    inbox.send_nowait("c")
    inbox.receive_nowait().settle()
    assert calls == ["quiet"]


class Alive:
    """Counts the asked messages that somebody still holds."""

    def __init__(self) -> None:
        self._messages: WeakSet[Request[str]] = WeakSet()

    def __len__(self) -> int:
        gc.collect()
        return len(self._messages)

    async def ask_and_give_up(self, inbox: Inbox[Any], times: int, look: Callable[[Inbox[Any]], object]) -> None:
        """Ask, look into the inbox, and give up, so many times."""

        class Tracked(Request[str]):
            pass

        for _ in range(times):
            message = Tracked()
            self._messages.add(message)
            asked = Asked()

            async def run(asked: Asked = asked, message: Request[str] = message) -> None:
                await asked.run(inbox, message)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(run)
                await settle()
                look(inbox)
                asked.scope.cancel()
            assert asked.end is trio.Cancelled
