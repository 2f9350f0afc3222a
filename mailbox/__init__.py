"""Messages and how they travel. Knows nobody: no actors, no models.

- `_envelope`: one message, its sender and how it ended; `_ask`: one that somebody waits for.
- `_inbox`: the bounded mailbox; `_bounds`: capacity and overflow; `_lanes`: conversations; `_statistics`: its counts.
- `_cycles`: finding waits that would never end.
- `_broadcast`: one producer, any number of subscribers.
- `_codec`: messages to plain data and back, at the edges.
"""

from actrio.mailbox._ask import AskEnvelope, Request, ask, open_ask
from actrio.mailbox._bounds import DEFAULT_CAPACITY, InvalidBound, Overflow
from actrio.mailbox._broadcast import Broadcast, BroadcastStatistics, ReplayUnavailable
from actrio.mailbox._envelope import DeadReason, Envelope, Stage
from actrio.mailbox._errors import (
    ActorStopped,
    ActrioError,
    AlreadyAnswered,
    AskCycleError,
    MailboxFull,
    NotAnAsk,
    NotAnswered,
    TellCycleError,
    WaitCycleError,
)
from actrio.mailbox._inbox import Inbox
from actrio.mailbox._statistics import InboxStatistics
from actrio.mailbox._subscription import Disconnected, Lagged, SubscriberPolicy, Subscription

__all__ = [
    "DEFAULT_CAPACITY",
    "ActorStopped",
    "ActrioError",
    "AlreadyAnswered",
    "AskCycleError",
    "AskEnvelope",
    "Broadcast",
    "BroadcastStatistics",
    "DeadReason",
    "Disconnected",
    "Envelope",
    "Inbox",
    "InboxStatistics",
    "InvalidBound",
    "Lagged",
    "MailboxFull",
    "NotAnAsk",
    "NotAnswered",
    "Overflow",
    "ReplayUnavailable",
    "Request",
    "Stage",
    "SubscriberPolicy",
    "Subscription",
    "TellCycleError",
    "WaitCycleError",
    "ask",
    "open_ask",
]
