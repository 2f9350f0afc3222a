"""The heart of an inbox: a bounded queue that accounts for every message it ever took. No waiting happens here."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import outcome
import trio
from trio.lowlevel import enable_ki_protection

from actrio.mailbox._bounds import DEFAULT_CAPACITY, Overflow, check_mailbox
from actrio.mailbox._envelope import DeadReason, Envelope, Stage
from actrio.mailbox._errors import ActorStopped, MailboxFull, NotInTrio
from actrio.mailbox._lanes import Lanes
from actrio.mailbox._queue import Queue
from actrio.mailbox._statistics import InboxStatistics
from actrio.mailbox._woken import WOKEN
from actrio.mailbox._working import Consumer, current_inbox

M = TypeVar("M")

_ONE = 1
_QUEUED, _IN_HAND, _DEAD = Stage.QUEUED, Stage.IN_HAND, Stage.DEAD
_HANDLED, _FAILED, _ABANDONED = Stage.HANDLED, Stage.FAILED, Stage.ABANDONED


class Ledger(Queue[M]):
    """What one mailbox holds and how each of its messages ended. :class:`Inbox` is the channel around it.

    Args:
        name: Whose mailbox this is; errors name it.
        capacity: The most messages that may be queued, at least 1.
        overflow: What happens when a message finds it full, see :class:`Inbox`.
        concurrency: How many messages the consumer may hold at once.
        key_of: With ``concurrency`` above 1: messages of equal key are never in hand together; None is no key. Must
            not raise, and give what can be hashed.
        clock: Gives the time in seconds; Trio's unless told.
        on_dead: Called with each dead letter and why, in the step in which it dies. Must not raise.
        scoped: The consumer keeps a cancel scope around the work on each message, so that a cancelled asker can wait
            for its end; without one, an asker is let go at once.
        owner: What the consumer's own messages carry as their ``sender``.

    Invariants: ``queued`` counts exactly the envelopes in stage QUEUED; somebody waits for room only while the mailbox
    is full; ``armed`` only while nothing can be taken; the law of :class:`InboxStatistics`, between any two calls.
    """

    __slots__ = (
        "_dead",
        "_limit",
        "_on_dead",
        "_on_quiet",
        "_quick",
        "_stopped",
        "_waiting",
        "abandoned",
        "armed",
        "aside",
        "asks_in_flight",
        "capacity",
        "clock",
        "concurrency",
        "consumer",
        "failed",
        "handled",
        "high_water",
        "minds_hand",
        "name",
        "overflow",
        "owner",
        "queued",
        "scoped",
        "sent",
    )

    def __init__(  # noqa: PLR0913 - each is a setting with a default
        self,
        name: str,
        capacity: int = DEFAULT_CAPACITY,
        overflow: Overflow = "wait",
        concurrency: int = 1,
        key_of: Callable[[Any], Hashable | None] | None = None,
        clock: Callable[[], float] = trio.current_time,
        on_dead: Callable[[Envelope[Any], DeadReason], None] | None = None,
        *,
        scoped: bool = False,
        owner: Any = None,
    ) -> None:
        if capacity is not DEFAULT_CAPACITY or overflow != "wait" or concurrency is not _ONE:
            check_mailbox(name, capacity, overflow, concurrency)
        self.name: str = name
        self.capacity: int = capacity
        self.overflow: Overflow = overflow
        self.concurrency: int = concurrency
        self.clock: Callable[[], float] = clock
        self.scoped: bool = scoped
        self.owner: Any = owner
        self._on_dead = on_dead
        self._lanes = Lanes(key_of) if key_of is not None and concurrency > 1 else None
        self._limit = capacity  # 0 once stopped
        self._quick = 0 if self._lanes is not None else capacity  # the fast path's limit; 0 where it may not be taken
        self._stopped: str | None = None  # why, once stopped
        self._head = self._tail = self._signals = None
        self._tombstones = 0
        self._waiting: OrderedDict[Envelope[M], trio.lowlevel.Task] | None = None
        self.in_hand: list[Envelope[M]] = []
        self.queued: int = 0
        self.high_water: int = 0
        self.sent: int = 0
        self.handled: int = 0
        self.failed: int = 0
        self.abandoned: int = 0
        self.asks_in_flight: int = 0
        self._dead: Counter[DeadReason] | None = None
        # Work of the actor's on no message, a start hook or a coroutine between letters, which keeps it from the next.
        self.aside: Envelope[Any] | None = None
        self.armed: bool = False  # nothing could be taken: the consumer is to be woken, once, by the next message
        self.consumer: Consumer | None = None  # None: whoever is parked in receive
        self._on_quiet: Callable[[], None] | None = None
        # Whether it matters that a message leaves the hand: with lanes, or while somebody waits for quiet.
        self.minds_hand: bool = self._lanes is not None
        self._prepare()

    def _prepare(self) -> None:
        """For subclasses that hold more."""

    def wake(self) -> None:
        """There is something to take, or the end has come: wake whoever receives."""

    @enable_ki_protection
    def send_nowait(self, value: M) -> None:
        """Enqueue a message without waiting.

        Raises:
            MailboxFull: there is no room, and the policy is ``wait`` or ``reject``.
            ActorStopped: the inbox is closed.
            NotInTrio: the consumer would have to be woken, and this is not its thread.
        """
        asking = current_inbox.get()
        envelope = Envelope(value, self, None if asking is None else asking.owner, self.clock())
        # As offer() does; written out because every message that is told comes through here.
        queued = self.queued
        if queued < self._quick:
            envelope.stage = _QUEUED
            tail = self._tail
            if tail is None:
                self._tail = [envelope]
            else:
                tail.append(envelope)
            self.sent += 1
            self.queued = queued = queued + 1
            if queued > self.high_water:
                self.high_water = queued
            if self.armed:
                self._wake_for_last()
        elif not self.offer(envelope):
            raise MailboxFull(self.name, self.capacity, self.overflow)

    @enable_ki_protection
    def offer(self, envelope: Envelope[M]) -> bool:
        """Enqueue an envelope made for this inbox. False, and nothing changed, if it has to wait for room."""
        if self.queued >= self._limit and not self._make_room(envelope):
            return envelope.stage is _DEAD
        envelope.stage = _QUEUED
        if self._tail is None:
            self._tail = [envelope]
        else:
            self._tail.append(envelope)
        if self._lanes is not None:
            envelope.serial = self.sent
        self.sent += 1
        self.queued = queued = self.queued + 1
        if queued > self.high_water:
            self.high_water = queued
        if self.armed:
            self._wake_for_last()
        return True

    def _wake_for_last(self) -> None:
        """Wake the consumer for the message that was put in last. Raises: NotInTrio, and the message is taken back."""
        self.armed = False
        try:
            (self.consumer or self).wake()
        except NotInTrio:
            assert self._tail
            self._tail = self._tail[:-1] or None  # none, and not empty, where there is nothing
            self.sent, self.queued, self.armed = self.sent - 1, self.queued - 1, True
            raise

    def _make_room(self, envelope: Envelope[M]) -> bool:
        if self._stopped is not None:
            raise ActorStopped(self.name, self._stopped)
        if self.overflow == "wait":
            return False
        full = MailboxFull(self.name, self.capacity, self.overflow)
        if self.overflow == "reject":
            raise full
        if self.overflow == "drop_newest":
            self.sent += 1
            envelope.die(DeadReason.DROPPED_NEWEST, full)
            return False
        oldest = self._oldest()
        if oldest is not None:  # else it is full of signals, which take nobody's room
            oldest.die(DeadReason.DROPPED_OLDEST, full)
        return True

    def _admit(self) -> None:
        """Let waiting senders in while there is room, longest waiting first."""
        waiting = self._waiting
        while waiting and self.queued < self._limit:
            envelope, task = waiting.popitem(last=False)
            trio.lowlevel.reschedule(task, WOKEN)
            self.offer(envelope)

    @enable_ki_protection
    def signal(self, message: Any) -> None:
        """Put a system message before all others, whatever the capacity. Dropped, uncounted, once stopped.

        Whoever signals bounds how many there can be: one for each watch, say.
        """
        if self._stopped is not None:
            return
        envelope = Envelope(message, self, None, self.clock())
        envelope.stage = _QUEUED
        if self._signals is None:
            self._signals = deque()
        self._signals.append(envelope)
        self.sent += 1
        self.queued += 1
        self.high_water = max(self.high_water, self.queued)
        if self.armed:
            self.armed = False
            (self.consumer or self).wake()

    @enable_ki_protection
    def take(self) -> Envelope[M] | None:
        """The next message, now in hand. None if there is none, or none whose conversation is free: then this arms."""
        if self._signals:
            envelope: Envelope[M] = self._signals.popleft()
        else:
            head = self._head
            while True:
                if not head:
                    head = self._head = self._tail
                    if head is None:
                        self.armed = True
                        return None
                    self._tail = None
                    head.reverse()
                envelope = head.pop()
                if envelope.stage is not _QUEUED:
                    self._tombstones -= 1
                elif self._lanes is None or self._lanes.enter(envelope):
                    break
        self.queued -= 1
        envelope.stage = _IN_HAND
        self.in_hand.append(envelope)
        if self._waiting:
            self._admit()
        return envelope

    # How messages end

    @enable_ki_protection
    def settle_in_hand(self) -> None:
        """End what is in hand: handled if told, failed with :class:`NotAnswered` if asked and not answered."""
        for envelope in tuple(self.in_hand):
            envelope.settle()

    @enable_ki_protection
    def release(self, envelope: Envelope[M], stage: Stage) -> None:
        """A message in hand ends as HANDLED, FAILED or ABANDONED. Called by the envelope alone."""
        envelope.stage = stage
        if stage is _HANDLED:
            self.handled += 1
        elif stage is _FAILED:
            self.failed += 1
        else:
            self.abandoned += 1
        self._leave_hand(envelope)

    def _leave_hand(self, envelope: Envelope[M]) -> None:
        self.in_hand.remove(envelope)
        if self.minds_hand:
            self.left_hand(envelope)

    def left_hand(self, envelope: Envelope[M]) -> None:
        """A message has left the hand, and ``minds_hand``: its lane is free, and it may be quiet."""
        if self._lanes is not None and (waiting := self._lanes.leave(envelope)):
            self._to_head(reversed(waiting))
            if self.armed:
                self.armed = False
                (self.consumer or self).wake()
        if self._on_quiet is not None and not self.in_hand:
            self.call_when_quiet(None)

    def call_when_quiet(self, call: Callable[[], None] | None) -> None:
        """Have ``call`` called once when nothing is in hand any more; None calls the one there is."""
        previous, self._on_quiet = self._on_quiet, call
        self.minds_hand = call is not None or self._lanes is not None
        if call is None and previous is not None:
            previous()

    @enable_ki_protection
    def bury(self, envelope: Envelope[M], reason: DeadReason) -> None:
        """A message that is queued (and out of the queue), in hand or refused becomes a dead letter."""
        stage, envelope.stage = envelope.stage, _DEAD
        if self._dead is None:
            self._dead = Counter()
        self._dead[reason] += 1
        if stage is _QUEUED:
            self.queued -= 1
        elif stage is _IN_HAND:
            self._leave_hand(envelope)
        if self._on_dead is not None:
            self._on_dead(envelope, reason)

    @enable_ki_protection
    def abandon(self, envelope: Envelope[M]) -> None:
        """A message that its asker gives up ends as ABANDONED, and its room is free at once."""
        if envelope.stage is _IN_HAND:
            self.release(envelope, _ABANDONED)
            return
        envelope.stage = _ABANDONED
        self.abandoned += 1
        self.queued -= 1
        if self._lanes is None or not self._lanes.drop(envelope):
            self._tombstones += 1
            if self._tombstones > 32 and self._tombstones > self.queued:
                # Amortised: each sweep removes as many as were abandoned since the last.
                self._sweep()
        if self._waiting:
            self._admit()

    @enable_ki_protection
    def put_back(self, envelope: Envelope[M]) -> None:
        """A message in hand goes back to the head of the queue, to be delivered again. May pass the capacity by one.

        Once stopped it becomes a dead letter instead.
        """
        if self._stopped is not None:
            envelope.die(DeadReason.STOPPED, ActorStopped(self.name, self._stopped))
            return
        self._leave_hand(envelope)
        envelope.stage = _QUEUED
        envelope.key = None
        self._to_head((envelope,))
        self.queued += 1
        self.high_water = max(self.high_water, self.queued)

    @property
    def stopped(self) -> str | None:
        """Why the inbox is closed; None while it is open."""
        return self._stopped

    @enable_ki_protection
    def close(self, reason: str = "closed") -> None:
        """Take no more messages, and give everything that waits its end. Harmless the second time.

        Waiting senders get :class:`ActorStopped`, queued messages become dead letters (and their askers get
        ActorStopped), a waiting consumer sees the end. What is in hand is not touched.
        """
        if self._stopped is not None:
            return
        self._stopped = reason
        self._limit = self._quick = 0
        while self._waiting:
            refused, task = self._waiting.popitem(last=False)
            refused.stage = _DEAD  # and not counted, as it was never sent
            trio.lowlevel.reschedule(task, outcome.Error(ActorStopped(self.name, reason)))
        for envelope in self._drain():
            if envelope.stage is _QUEUED:  # the end of one may be the end of another
                envelope.die(DeadReason.STOPPED, ActorStopped(self.name, reason))
        if self.armed:
            self.armed = False
            (self.consumer or self).wake()

    def statistics(self) -> InboxStatistics:
        """A frozen snapshot, free of any cost until it is asked for."""
        dead = dict(self._dead or {})
        return InboxStatistics(
            capacity=self.capacity,
            overflow=self.overflow,
            sent=self.sent,
            handled=self.handled,
            failed=self.failed,
            dead=sum(dead.values()),
            abandoned=self.abandoned,
            queued=self.queued,
            in_hand=len(self.in_hand),
            high_water=self.high_water,
            waiting_senders=len(self._waiting or ()),
            asks_in_flight=self.asks_in_flight,
            dead_by_reason=dead,
        )

    def __repr__(self) -> str:
        state = "open" if self._stopped is None else f"closed: {self._stopped}"
        mail = f"{self.queued}/{self.capacity} queued, {len(self.in_hand)} in hand"
        return f"<{type(self).__name__} {self.name!r} {state}, {mail}>"
