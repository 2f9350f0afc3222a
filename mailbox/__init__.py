"""Messages and how they travel. Knows nobody: no actors, no models.

- `_envelope`: one message, its sender and how it ended; `_ask`: one that somebody waits for; `_ask_then`: one whose end
  a function is told.
- `_inbox`: the mailbox as a channel; `_ledger`: its heart, which accounts for every message; `_queue`: those that wait
  in it; `_bounds`: capacity and overflow; `_lanes`: conversations; `_statistics`: its counts.
- `_working`: who works on what; `_cycles`: finding waits that would never end.
- `_broadcast`: one producer, any number of subscribers; `_subscription`: one of them; `_ring`: the log they share.
- `_nursery`: a nursery inside a context manager, from which an error comes out as it is, in no group.
- `_codec`: messages to plain data and back, at the edges; `_tags`: names of message types; `_converter`, `_form`,
  `_container`, `_record`: how each kind of type is written; `_problem`: what is wrong with data from outside.
"""

from actrio.mailbox._ask import AskEnvelope, Request, ask, open_ask
from actrio.mailbox._ask_then import ToldAsk, ask_then
from actrio.mailbox._bounds import DEFAULT_CAPACITY, InvalidBound, Overflow
from actrio.mailbox._broadcast import Broadcast, BroadcastStatistics, ReplayUnavailable
from actrio.mailbox._codec import Codec
from actrio.mailbox._envelope import DeadReason, Envelope, Stage
from actrio.mailbox._errors import (
    ActorStopped,
    ActrioError,
    AlreadyAnswered,
    AskCycleError,
    DeadlinePassed,
    MailboxFull,
    NotAnAsk,
    NotAnswered,
    NotInTrio,
    TellCycleError,
    WaitCycleError,
)
from actrio.mailbox._inbox import Inbox
from actrio.mailbox._problem import CodecError, MessageTypeError, Problem
from actrio.mailbox._statistics import InboxStatistics
from actrio.mailbox._subscription import Disconnected, Lagged, SubscriberPolicy, Subscription
from actrio.mailbox._tags import Unknown

__all__ = [
    "DEFAULT_CAPACITY",
    "ActorStopped",
    "ActrioError",
    "AlreadyAnswered",
    "AskCycleError",
    "AskEnvelope",
    "Broadcast",
    "BroadcastStatistics",
    "Codec",
    "CodecError",
    "DeadReason",
    "DeadlinePassed",
    "Disconnected",
    "Envelope",
    "Inbox",
    "InboxStatistics",
    "InvalidBound",
    "Lagged",
    "MailboxFull",
    "MessageTypeError",
    "NotAnAsk",
    "NotAnswered",
    "NotInTrio",
    "Overflow",
    "Problem",
    "ReplayUnavailable",
    "Request",
    "Stage",
    "SubscriberPolicy",
    "Subscription",
    "TellCycleError",
    "ToldAsk",
    "Unknown",
    "WaitCycleError",
    "ask",
    "ask_then",
    "open_ask",
]
