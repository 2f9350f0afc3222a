"""Where conversations are kept beside an agent's memory, if anywhere."""

from collections.abc import Iterable
from typing import Final, Protocol, TypeAlias, runtime_checkable

from actrio.providers import Message

# What one turn added to its conversation: what was asked, then answers and tool results.
TurnMessages: TypeAlias = tuple[Message, ...]

# How long a store may take to keep a turn after it was cancelled, in seconds.
STORING_S: Final = 5.0


@runtime_checkable
class ConversationStore(Protocol):
    """Keeps conversations longer than the runtime lives: in a file, in a database.

    An agent reads a conversation with its first turn, and then adds each turn when it has ended, however it ended. Its
    calls for one conversation come one after the other; those for different ones may overlap. What a call raises ends
    the turn with ``StoreFailed``.
    """

    async def load(self, agent: str, key: str) -> Iterable[TurnMessages]:
        """The turns of a conversation, oldest first; none if there is no such conversation."""
        ...

    async def append(self, agent: str, key: str, turn: TurnMessages) -> None:
        """Add a turn. If that was cancelled, or is while this works, this gets 5 seconds, shielded from it."""
        ...

    async def replace(self, agent: str, key: str, turns: Iterable[TurnMessages]) -> None:
        """Have these turns instead of what there is: none when it was cleared, those of another when it was forked."""
        ...
