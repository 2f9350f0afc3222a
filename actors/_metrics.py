"""Snapshots of what actors did. Frozen; who reads them pays for them."""

from attrs import field, frozen

from actrio.actors._histogram import Durations
from actrio.actors._track import FunctionMetrics
from actrio.mailbox import InboxStatistics


@frozen
class ActorMetrics:
    """One actor. ``queueing`` is the time from send to handler, ``handling`` that of the handler, in seconds."""

    name: str
    kind: str
    state: str
    mailbox: InboxStatistics
    restarts: int
    last_error: str | None
    handling: Durations = field(factory=Durations)
    queueing: Durations = field(factory=Durations)


@frozen
class Totals:
    """Messages of all actors a runtime ever had, living and stopped. The conservation law of each holds for the sum."""

    sent: int = 0
    handled: int = 0
    failed: int = 0
    dead: int = 0
    abandoned: int = 0
    queued: int = 0
    in_hand: int = 0

    @property
    def balanced(self) -> bool:
        """Whether ``sent = handled + failed + dead + abandoned + queued + in hand``."""
        ended = self.handled + self.failed + self.dead + self.abandoned
        return self.sent == ended + self.queued + self.in_hand

    def plus(self, one: InboxStatistics) -> "Totals":
        """With one more mailbox."""
        return Totals(
            self.sent + one.sent,
            self.handled + one.handled,
            self.failed + one.failed,
            self.dead + one.dead,
            self.abandoned + one.abandoned,
            self.queued + one.queued,
            self.in_hand + one.in_hand,
        )


@frozen
class RuntimeMetrics:
    """A snapshot of a whole runtime.

    Attributes: ``at`` (Trio's clock, seconds), ``actors`` (the living ones by name), ``totals`` (with the stopped
    ones), ``workers`` (tasks that run class actors), ``restarts`` (of all actors ever), ``functions`` (those that are
    tracked, by name).
    """

    at: float
    actors: dict[str, ActorMetrics] = field(factory=dict[str, ActorMetrics])
    totals: Totals = field(factory=Totals)
    workers: int = 0
    restarts: int = 0
    functions: dict[str, FunctionMetrics] = field(factory=dict[str, FunctionMetrics])
