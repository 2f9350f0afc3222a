"""The conservation law: whatever is done to an inbox, in whatever order, every message is in exactly one place."""

from collections import Counter
from itertools import count
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from actrio.mailbox import ActorStopped, AskEnvelope, DeadReason, Envelope, Inbox, MailboxFull, Overflow, Stage

KEYS = "-uvw"
ENDS = ("succeed", "break_off", "cut", "die")


def key_of(message: str) -> str | None:
    """The first letter is the conversation; a dash is none, and so is the mark of a signal."""
    return None if message[0] in "-!" else message[0]


def number_of(message: str) -> int:
    """Where it stands in the order in which messages were sent."""
    return int(message[1:])


class Bookkeeping(RuleBasedStateMachine):
    """Does to an inbox what senders, its consumer and its runtime may, and keeps books of its own beside it."""

    @initialize(
        capacity=st.integers(1, 4),
        overflow=st.sampled_from(["wait", "reject", "drop_oldest", "drop_newest"]),
        concurrency=st.integers(1, 3),
        keyed=st.booleans(),
    )
    def open(self, capacity: int, overflow: Overflow, concurrency: int, keyed: bool) -> None:
        self.numbers = count()
        self.dead: Counter[tuple[str, DeadReason]] = Counter()
        self.keyed = keyed and concurrency > 1
        self.inbox: Inbox[str] = Inbox(
            "ada",
            capacity=capacity,
            overflow=overflow,
            concurrency=concurrency,
            key_of=key_of if keyed else None,
            clock=lambda: 0.0,  # whatever depends on order must not depend on the clock
            on_dead=lambda letter, reason: self.dead.update([(letter.message, reason)]),
        )
        self.signals: list[str] = []
        self.queue: list[str] = []  # in order of arrival, those given back at the head
        self.hand: dict[str, Envelope[str]] = {}
        self.asks: dict[str, AskEnvelope[str]] = {}
        self.ended: Counter[str] = Counter()
        self.deaths: Counter[tuple[str, DeadReason]] = Counter()
        self.high_water = self.sent = 0
        self.closed = False

    # What senders do

    def name(self, key: str) -> str:
        """A message nobody sent before."""
        return f"{key}{next(self.numbers)}"

    def arrive(self, message: str, error: Exception | None, taken: bool) -> None:
        """Book a message that was offered, with what came of it."""
        inbox = self.inbox
        full = len(self.queue) + len(self.signals) >= inbox.capacity
        if self.closed:
            assert isinstance(error, ActorStopped)
            return
        if full and inbox.overflow in ("wait", "reject"):
            assert isinstance(error, MailboxFull) or (inbox.overflow == "wait" and not taken)
            return
        assert error is None
        assert taken
        self.sent += 1
        if full and inbox.overflow == "drop_newest":
            self.deaths[message, DeadReason.DROPPED_NEWEST] += 1
            return
        if full and self.queue:
            oldest = min(self.queue, key=number_of) if self.keyed else self.queue[0]
            self.queue.remove(oldest)
            self.deaths[oldest, DeadReason.DROPPED_OLDEST] += 1
        self.queue.append(message)
        self.note_depth()

    def note_depth(self) -> None:
        self.high_water = max(self.high_water, len(self.queue) + len(self.signals))

    @rule(key=st.sampled_from(KEYS))
    def tell(self, key: str) -> None:
        message, error = self.name(key), None
        try:
            self.inbox.send_nowait(message)
        except (MailboxFull, ActorStopped) as caught:
            error = caught
        self.arrive(message, error, taken=error is None)

    @rule(key=st.sampled_from(KEYS))
    def ask(self, key: str) -> None:
        message, error, taken = self.name(key), None, False
        self.asks[message] = AskEnvelope(message, self.inbox, None, 0.0, inf)
        try:
            taken = self.inbox.offer(self.asks[message])
        except (MailboxFull, ActorStopped) as caught:
            error = caught
        self.arrive(message, error, taken)

    @rule()
    def signal(self) -> None:
        message = self.name("!")
        self.inbox.signal(message)
        if not self.closed:
            self.sent += 1
            self.signals.append(message)
            self.note_depth()

    @precondition(lambda self: any(self.given_up()))
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.given_up()))
        self.inbox.abandon(self.asks[message])
        self.ended["abandoned"] += 1
        if message in self.hand:
            del self.hand[message]
        else:
            self.queue.remove(message)

    def given_up(self) -> list[str]:
        """The asks whose asker may still be cancelled."""
        return [message for message in (*self.queue, *self.hand) if message in self.asks]

    # What the consumer and its runtime do

    @precondition(lambda self: len(self.hand) < self.inbox.concurrency)
    @rule()
    def take(self) -> None:
        letter = self.inbox.take()
        if self.signals:
            assert letter is not None
            assert letter.message == self.signals.pop(0)
        else:
            busy = [key_of(message) for message in self.hand if self.keyed and key_of(message) is not None]
            free = [message for message in self.queue if key_of(message) not in busy]
            if not free:
                assert letter is None
                return
            assert letter is not None
            key = key_of(letter.message)
            assert letter.message == next(m for m in free if not self.keyed or key_of(m) == key)
            self.queue.remove(letter.message)
        assert letter.stage is Stage.IN_HAND
        self.hand[letter.message] = letter

    @precondition(lambda self: self.hand)
    @rule(data=st.data(), how=st.sampled_from(ENDS))
    def end(self, data: st.DataObject, how: str) -> None:
        letter = self.hand.pop(data.draw(st.sampled_from(sorted(self.hand))))
        if how == "succeed":
            letter.succeed(None)
        elif how == "break_off":
            assert letter.break_off(ValueError()) is letter.is_ask
        elif how == "cut":
            letter.cut("cut off")
        else:
            letter.die(DeadReason.UNHANDLED, ValueError())
            self.deaths[letter.message, DeadReason.UNHANDLED] += 1
            return
        self.ended["handled" if how == "succeed" else "failed"] += 1

    @precondition(lambda self: any(self.redelivered()))
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.redelivered()))
        self.inbox.put_back(self.hand.pop(message))
        if self.closed:
            self.deaths[message, DeadReason.STOPPED] += 1
        else:
            self.queue.insert(0, message)
            self.note_depth()

    def redelivered(self) -> list[str]:
        """What is in hand and no signal."""
        return sorted(message for message in self.hand if not message.startswith("!"))

    @rule()
    def settle(self) -> None:
        self.inbox.settle_in_hand()
        for letter in self.hand.values():
            self.ended["failed" if letter.is_ask else "handled"] += 1
        self.hand.clear()

    @precondition(lambda self: self.sent > 5)
    @rule()
    def close(self) -> None:
        self.inbox.close()
        self.closed = True
        self.deaths.update((message, DeadReason.STOPPED) for message in (*self.queue, *self.signals))
        self.queue.clear()
        self.signals.clear()

    # The law

    @invariant()
    def the_books_agree(self) -> None:
        statistics = self.inbox.statistics()
        assert statistics.balanced
        assert statistics.sent == self.sent
        assert statistics.queued == len(self.queue) + len(self.signals)
        assert {letter.message for letter in self.inbox.in_hand} == set(self.hand)
        assert (statistics.handled, statistics.failed) == (self.ended["handled"], self.ended["failed"])
        assert statistics.abandoned == self.ended["abandoned"]
        assert statistics.high_water == self.high_water

    @invariant()
    def every_death_was_told_once(self) -> None:
        assert self.dead == self.deaths
        assert self.inbox.statistics().dead_by_reason == Counter(reason for _, reason in self.deaths)

    def teardown(self) -> None:
        """What is left comes out, and then there is nothing."""
        self.settle()
        while self.queue or self.signals:
            self.take()
            self.settle()
        self.the_books_agree()
        assert self.inbox.take() is None


def test_the_conservation_law_holds_whatever_is_done_in_whatever_order() -> None:
    run_state_machine_as_test(Bookkeeping, settings=settings(max_examples=80, stateful_step_count=40, deadline=None))


def test_the_books_see_a_message_that_is_counted_wrongly() -> None:
    books = Bookkeeping()
    books.open(capacity=2, overflow="wait", concurrency=1, keyed=False)
    books.tell("u")
    books.the_books_agree()
    books.inbox.handled += 1
    with pytest.raises(AssertionError):
        books.the_books_agree()
