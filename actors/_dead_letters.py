"""Messages that nobody will handle, and changes of actors' lives: two streams anybody may follow."""

from typing import TYPE_CHECKING, Any

from attrs import frozen
from msgspec import Struct

from actrio.mailbox import DeadReason

if TYPE_CHECKING:
    from actrio.actors._ref import ActorRef


@frozen
class DeadLetter:
    """A message that ended unhandled.

    Attributes: ``to`` (its actor), ``sender`` (None: from outside), ``message``, ``reason``, ``at`` (Trio's clock).
    """

    to: "ActorRef[Any]"
    sender: "ActorRef[Any] | None"
    message: Any
    reason: DeadReason
    at: float


class LifeEvent(Struct, frozen=True, gc=False):
    """An actor changed its state. Attributes: ``at`` (Trio's clock, seconds), ``actor``, ``state`` (names).

    ``starting`` is told only of those that wait while they start.
    """

    at: float
    actor: str
    state: str
