"""What happens in a turn, in the order it happens."""

from typing import TypeAlias

from attrs import frozen
from msgspec import Struct

from actrio.agents._reply import Reply
from actrio.providers import Usage

# Every event carries its `sequence`: 0, 1, 2, … without a gap, the same for every reader.


@frozen
class TurnStarted:
    """The agent took the turn up. Always the first, if the turn was taken up at all."""

    sequence: int
    agent: str
    conversation: str | None


class TextChunk(Struct, frozen=True, gc=False):
    """The next piece of text; the pieces joined are the answer. Never empty."""

    # A struct of msgspec's: there is one for every token, and it is made in a sixth of the time.

    sequence: int
    text: str


@frozen
class TurnUsage:
    """What the answer cost, where the provider tells."""

    sequence: int
    usage: Usage


@frozen
class TurnCompleted:
    """The answer is whole. Ends the turn."""

    sequence: int
    reply: Reply


@frozen
class TurnFailed:
    """An error ended the turn; ``text`` is what had come before."""

    sequence: int
    error: Exception
    text: str


@frozen
class TurnCancelled:
    """The turn was cancelled, and its model's stream is closed; ``text`` is what had come before."""

    sequence: int
    reason: str
    text: str


TurnEvent: TypeAlias = TurnStarted | TextChunk | TurnUsage | TurnCompleted | TurnFailed | TurnCancelled
