"""What an agent remembers, and what of it a model is sent."""

import logging
from collections import deque
from collections.abc import Iterable

from actrio.providers import Assistant, Message, Part, System, User

_log = logging.getLogger("actrio.agents")


class Conversation:
    """The turns of one conversation, oldest first.

    A turn enters it as a whole, when it has ended, however it ended; and leaves it as a whole, when ``limit`` messages
    are exceeded. So the history always begins with what a user said.
    """

    __slots__ = ("_last", "_limit", "_size", "_turns")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._turns: deque[tuple[Message, ...]] = deque()
        self._size = 0  # messages in all turns together
        self._last: object = None  # what the last turn answered

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages that are remembered."""
        return tuple(message for turn in self._turns for message in turn)

    def take_back(self, prompt: object) -> None:
        """Forget the last turn if it answered this very prompt, which was redelivered after a crash."""
        if self._turns and self._last is prompt:
            self._size -= len(self._turns.pop())
            self._last = None

    def add(self, prompt: object, *messages: Message) -> None:
        """Remember a turn, and which prompt object it answered."""
        self._last = prompt
        self._turns.append(messages)
        self._size += len(messages)
        while self._size > self._limit:
            self._size -= len(self._turns.popleft())


class Conversations:
    """The conversations of one agent in one runtime, in memory. It outlives the instances of its actor.

    At most ``most`` are remembered; beyond that the one whose last turn is longest ago is forgotten.
    """

    __slots__ = ("_by_key", "_limit", "_most", "_owner")

    def __init__(self, owner: str, *, most: int, limit: int) -> None:
        self._owner = owner
        self._most = most
        self._limit = limit
        self._by_key: dict[str, Conversation] = {}  # {key: conversation}, the longest unused first

    def get(self, key: str | None) -> Conversation:
        """The conversation under a key; a new one if there is none, or no key."""
        found = None if key is None else self._by_key.get(key)
        return Conversation(self._limit) if found is None else found

    def keep(self, key: str | None, conversation: Conversation) -> None:
        """Remember a conversation that has just had a turn; not one without a key."""
        if key is None:
            return
        self._by_key.pop(key, None)
        self._by_key[key] = conversation
        if len(self._by_key) > self._most:
            del self._by_key[next(iter(self._by_key))]
            _log.info("agent %s: more than %d conversations, forgot the longest unused", self._owner, self._most)


def as_sent(instructions: str, earlier: Iterable[Message], turn: Iterable[Message]) -> list[Message]:
    """The messages of a request: instructions, what is remembered, the turn so far.

    Some providers refuse an empty answer, others two user messages in a row; a turn that was cut off before its first
    word would make either. So empty answers are left out, and user messages that then meet are sent as one.
    """
    sent: list[Message] = [System(instructions)] if instructions else []
    for messages in (earlier, turn):
        for message in messages:
            if isinstance(message, Assistant):
                if not message.text and not message.tool_calls:
                    continue
            elif isinstance(message, User) and sent and isinstance(last := sent[-1], User):
                sent[-1] = _joined(last, message)
                continue
            sent.append(message)
    return sent


def _joined(one: User, other: User) -> User:
    if isinstance(one.content, str) and isinstance(other.content, str):
        return User(f"{one.content}\n\n{other.content}")
    return User([*_parts(one), *_parts(other)])


def _parts(message: User) -> Iterable[str | Part]:
    return (message.content,) if isinstance(message.content, str) else message.content
