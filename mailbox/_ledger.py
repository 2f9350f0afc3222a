"""The heart of an inbox: a bounded queue that accounts for every message it ever took. No waiting happens here."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import outcome
import trio
from trio.lowlevel import enable_ki_protection

from actrio.mailbox._bounds import DEFAULT_CAPACITY, Overflow, check_mailbox
from actrio.mailbox._envelope import DeadReason, Envelope, Stage
from actrio.mailbox._errors import ActorStopped, MailboxFull
from actrio.mailbox._lanes import Lanes
from actrio.mailbox._statistics import InboxStatistics

M = TypeVar("M")

_QUEUED, _IN_HAND, _DEAD = Stage.QUEUED, Stage.IN_HAND, Stage.DEAD
_HANDLED, _FAILED, _ABANDONED = Stage.HANDLED, Stage.FAILED, Stage.ABANDONED


class Ledger(Generic[M]):
    """What one mailbox holds and how each of its messages ended. :class:`Inbox` is the channel around it.

    Args:
        name: Whose mailbox this is; errors name it.
        capacity: The most messages that may be queued, at least 1.
        overflow: What happens when a message finds it full, see :class:`Inbox`.
        concurrency: How many messages the consumer may hold at once.
        key_of: With ``concurrency`` above 1: messages of equal key are never in hand together; None is no key.
        clock: Gives the time in seconds; Trio's unless told.
        scoped: The consumer keeps a cancel scope around the work on each message, so that a cancelled asker can wait
            for its end; without one, an asker is let go at once.
        owner: What the consumer's own messages carry as their ``sender``.
        on_dead: Called with each dead letter and why, in the step in which it dies. Must not raise.

    Invariants: ``queued`` counts exactly the envelopes in stage QUEUED; somebody waits for room only while the mailbox
    is full; ``armed`` only while nothing can be taken; the law of :class:`InboxStatistics`, between any two calls.
    """

    __slots__ = (
        "_dead",
        "_lanes",
        "_limit",
        "_on_dead",
        "_on_quiet",
        "_queue",
        "_signals",
        "_stopped",
        "_tombstones",
        "_waiting",
        "abandoned",
        "after_hand",
        "armed",
        "asks_in_flight",
        "capacity",
        "clock",
        "concurrency",
        "consumer",
        "failed",
        "handled",
        "high_water",
        "in_hand",
        "name",
        "overflow",
        "owner",
        "queued",
        "scoped",
        "sent",
    )

    def __init__(
        self,
        name: str,
        *,
        capacity: int = DEFAULT_CAPACITY,
        overflow: Overflow = "wait",
        concurrency: int = 1,
        key_of: Callable[[Any], Hashable | None] | None = None,
        clock: Callable[[], float] = trio.current_time,
        scoped: bool = False,
        owner: object = None,
        on_dead: Callable[[Envelope[Any], DeadReason], None] | None = None,
    ) -> None:
        check_mailbox(name, capacity, overflow, concurrency)
        self.name = name
        self.capacity = capacity
        self.overflow: Overflow = overflow
        self.concurrency = concurrency
        self.clock = clock
        self.scoped = scoped
        self.owner = owner
        self._on_dead = on_dead
        self._lanes = Lanes(key_of) if key_of is not None and concurrency > 1 else None
        self._limit = capacity  # 0 once stopped, so that the fast path needs one comparison
        self._stopped: str | None = None  # why, once stopped
        self._queue: deque[Envelope[M]] = deque()  # QUEUED ones in order, and tombstones of ABANDONED ones
        self._tombstones = 0
        self._signals: deque[Envelope[Any]] | None = None
        self._waiting: OrderedDict[Envelope[M], trio.lowlevel.Task] | None = None
        self.in_hand: list[Envelope[M]] = []
        self.queued = self.high_water = 0
        self.sent = self.handled = self.failed = self.abandoned = self.asks_in_flight = 0
        self._dead: Counter[DeadReason] | None = None
        self.armed = False  # the consumer waits: call it once for the next message
        self.consumer: Callable[[], None] = _nobody
        self._on_quiet: Callable[[], None] | None = None
        # Called after a message left the hand, where that matters: with lanes, or while somebody waits for quiet.
        self.after_hand: Callable[[Envelope[M]], None] | None = self._free_lane if self._lanes is not None else None
        self._prepare()

    def _prepare(self) -> None:
        """For subclasses that hold more."""

    @enable_ki_protection
    def offer(self, envelope: Envelope[M]) -> bool:
        """Enqueue an envelope made for this inbox. False, and nothing changed, if it has to wait for room."""
        if self.queued >= self._limit and not self._make_room(envelope):
            return envelope.stage is _DEAD
        envelope.stage = _QUEUED
        self._queue.append(envelope)
        self.sent += 1
        self.queued = queued = self.queued + 1
        if queued > self.high_water:
            self.high_water = queued
        if self.armed:
            self.armed = False
            self.consumer()
        return True

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
        self._oldest().die(DeadReason.DROPPED_OLDEST, full)
        return True

    def _oldest(self) -> Envelope[M]:
        """Take the oldest queued message out of the queue; it still counts as queued."""
        if self._lanes is not None:
            held = sorted(self._lanes.drain(), key=lambda envelope: envelope.sent_at)
            self._queue.extendleft(reversed(held))
        while (envelope := self._queue.popleft()).stage is not _QUEUED:
            self._tombstones -= 1
        return envelope

    def _admit(self) -> None:
        """Let waiting senders in while there is room, longest waiting first."""
        waiting = self._waiting
        while waiting and self.queued < self._limit:
            envelope, task = waiting.popitem(last=False)
            trio.lowlevel.reschedule(task)
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
            self.consumer()

    @enable_ki_protection
    def take(self) -> Envelope[M] | None:
        """The next message, now in hand; None if there is none, or none whose conversation is free."""
        if self._signals:
            envelope: Envelope[M] = self._signals.popleft()
        else:
            queue = self._queue
            while True:
                if not queue:
                    return None
                envelope = queue.popleft()
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
        if self.after_hand is not None:
            self.after_hand(envelope)

    def _free_lane(self, envelope: Envelope[M]) -> None:
        if self._lanes is not None:
            self._queue.extendleft(reversed(self._lanes.leave(envelope)))
        if self._on_quiet is not None and not self.in_hand:
            self.call_when_quiet(None)

    def call_when_quiet(self, call: Callable[[], None] | None) -> None:
        """Have ``call`` called once when nothing is in hand any more; None calls the one there is."""
        previous, self._on_quiet = self._on_quiet, call
        self.after_hand = self._free_lane if call is not None or self._lanes is not None else None
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
        self._tombstones += 1
        if self._tombstones > 32 and self._tombstones > self.queued:
            # Amortised: each sweep removes as many as were abandoned since the last.
            self._queue = deque(e for e in self._queue if e.stage is _QUEUED)
            self._tombstones = 0
        if self._waiting:
            self._admit()

    @enable_ki_protection
    def put_back(self, envelope: Envelope[M]) -> None:
        """A message in hand goes back to the head of the queue, to be delivered again. May pass the capacity by one."""
        self._leave_hand(envelope)
        envelope.stage = _QUEUED
        envelope.key = None
        self._queue.appendleft(envelope)
        self.queued += 1

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
        self._limit = 0
        while self._waiting:
            _, task = self._waiting.popitem(last=False)
            trio.lowlevel.reschedule(task, outcome.Error(ActorStopped(self.name, reason)))
        left = (*(self._signals or ()), *(self._lanes.drain() if self._lanes else ()), *self._queue)
        self._queue.clear()
        self._signals = None
        self._tombstones = 0
        for envelope in left:
            if envelope.stage is _QUEUED:
                envelope.die(DeadReason.STOPPED, ActorStopped(self.name, reason))
        if self.armed:
            self.armed = False
            self.consumer()

    def has_mail(self) -> bool:
        """Whether :meth:`take` is worth a call."""
        return bool(self._queue) or bool(self._signals)

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
        return f"<{type(self).__name__} {self.name!r} {state}, {self.queued}/{self.capacity} queued, {len(self.in_hand)} in hand>"


def _nobody() -> None:
    """The consumer of a mailbox that nobody consumes yet."""
