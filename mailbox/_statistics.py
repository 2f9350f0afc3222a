"""What one inbox has seen, frozen."""

from attrs import field, frozen

from actrio.mailbox._bounds import Overflow
from actrio.mailbox._envelope import DeadReason


@frozen
class InboxStatistics:
    """A snapshot of one inbox. Counts are messages since it was made.

    Law: ``sent == handled + failed + dead + abandoned + queued + in_hand``, in every snapshot.
    """

    capacity: int
    overflow: Overflow
    sent: int
    handled: int
    failed: int
    dead: int
    abandoned: int
    queued: int
    in_hand: int
    high_water: int
    waiting_senders: int
    asks_in_flight: int
    dead_by_reason: dict[DeadReason, int] = field(factory=dict[DeadReason, int])

    @property
    def balanced(self) -> bool:
        """Whether the conservation law holds."""
        ended = self.handled + self.failed + self.dead + self.abandoned
        return self.sent == ended + self.queued + self.in_hand
