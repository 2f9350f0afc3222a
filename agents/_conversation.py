"""What an agent remembers, and what of it a model is sent."""

import logging
from collections import deque
from collections.abc import Iterable
from typing import Any, Self
from weakref import WeakValueDictionary

import trio
from attrs import frozen

from actrio.agents._estimate import count_tokens
from actrio.agents._store import STORING_S, ConversationStore, TurnMessages
from actrio.mailbox._nursery import open_nursery
from actrio.providers import Assistant, Message, Part, System, User

_log = logging.getLogger("actrio.agents")


@frozen
class HistoryLimit:
    """How much is remembered of a conversation: so many messages, and so many tokens by estimate; None: no bound."""

    messages: int
    tokens: int | None = None


class Remembered:
    """The turns of one conversation, oldest first.

    A turn enters it as a whole, when it has ended, however it ended; and leaves it as a whole, when the limit is
    exceeded. So the history always begins with what a user said, and no tool call is parted from its result.
    """

    __slots__ = ("_last", "_limit", "_messages", "_tokens", "_turns", "ended", "moved_to")

    def __init__(self, limit: HistoryLimit, turns: Iterable[TurnMessages] = ()) -> None:
        self._limit = limit
        self._turns: deque[tuple[TurnMessages, int]] = deque()  # with its tokens
        # Invariant: of all turns together.
        self._messages = 0
        self._tokens = 0
        self._last: object = None  # what the last turn answered
        self.ended: int = 0  # turns, since this is in memory, with those that were forgotten
        self.moved_to: Any = None  # the ref of the agent that the conversation was handed to
        self.begin_with(turns)

    @property
    def turns(self) -> tuple[TurnMessages, ...]:
        """What each turn added."""
        return tuple(turn for turn, _ in self._turns)

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages that are remembered."""
        return tuple(message for turn, _ in self._turns for message in turn)

    @property
    def tokens(self) -> int:
        """How many tokens they have, by estimate."""
        return self._tokens

    def take_back(self, prompt: object) -> None:
        """Forget the last turn if it answered this very prompt, which was redelivered after a crash."""
        if self._turns and self._last is prompt:
            self._forget(self._turns.pop())
            self._last = None

    def add(self, prompt: object, *messages: Message) -> None:
        """Remember a turn, and which prompt object it answered."""
        tokens = count_tokens(messages)
        self._last = prompt
        self.ended += 1
        self._turns.append((messages, tokens))
        self._messages += len(messages)
        self._tokens += tokens
        most = self._limit
        while self._messages > most.messages or (most.tokens is not None and self._tokens > most.tokens):
            self._forget(self._turns.popleft())

    def begin_with(self, turns: Iterable[TurnMessages]) -> None:
        """Forget all, and remember these instead."""
        self._turns.clear()
        self._messages = self._tokens = 0
        ended = self.ended
        for turn in turns:
            self.add(None, *turn)
        self.ended = ended
        self._last = self.moved_to = None

    def _forget(self, turn: tuple[TurnMessages, int]) -> None:
        self._messages -= len(turn[0])
        self._tokens -= turn[1]


class Conversations:
    """The conversations of one agent in one runtime, in memory. It outlives the instances of its actor.

    At most ``most`` are remembered; beyond that the one whose last turn is longest ago is forgotten, here, not in a
    store.
    """

    __slots__ = ("_by_key", "_limit", "_locks", "_most", "_owner", "store")

    def __init__(self, owner: str, *, most: int, limit: HistoryLimit, store: ConversationStore | None = None) -> None:
        self._owner = owner
        self._most = most
        self._limit = limit
        self._by_key: dict[str, Remembered] = {}  # {key: conversation}, the longest unused first
        self._locks: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()  # {key: around calls of the store}
        self.store: ConversationStore | None = store

    def get(self, key: str | None) -> Remembered:
        """The conversation under a key, as far as it is in memory; a new one if there is none, or no key."""
        found = None if key is None else self._by_key.get(key)
        return Remembered(self._limit) if found is None else found

    async def load(self, key: str | None) -> Remembered:
        """The conversation under a key, from the store if it is not in memory. Raises what the store raises."""
        if key is None or self.store is None or key in self._by_key:
            return self.get(key)
        async with self._lock(key):
            if key not in self._by_key:  # else somebody else has read it meanwhile
                self.keep(key, Remembered(self._limit, await self.store.load(self._owner, key)))
            return self._by_key[key]

    def keep(self, key: str | None, conversation: Remembered) -> None:
        """Remember a conversation that has just been used; not one without a key."""
        if key is None:
            return
        self._by_key.pop(key, None)
        self._by_key[key] = conversation
        if len(self._by_key) > self._most:
            del self._by_key[next(iter(self._by_key))]
            _log.info("agent %s: more than %d conversations, forgot the longest unused", self._owner, self._most)

    async def append(self, key: str | None, turn: TurnMessages) -> None:
        """Add a turn in the store, if there is one. Raises what the store raises.

        Cancelling this leaves the store some seconds, so that it does not lack a turn that is remembered.
        """
        if key is None or self.store is None:
            return
        async with open_nursery() as nursery:
            with trio.CancelScope(shield=True) as storing:
                nursery.start_soon(_bound_when_cancelled, storing)
                async with self._lock(key):
                    await self.store.append(self._owner, key, turn)
            if storing.cancelled_caught:
                _log.error("agent %s: its store did not keep an interrupted turn within %g s", self._owner, STORING_S)
            nursery.cancel_scope.cancel()

    async def replace(self, key: str, turns: Iterable[TurnMessages]) -> None:
        """Have these turns under a key, in memory and in the store. Raises what the store raises."""
        turns = tuple(turns)
        before = self.get(key).ended
        if self.store is not None:
            async with self._lock(key):
                await self.store.replace(self._owner, key, turns)
        conversation = self.get(key)  # the very object, as a turn that is under way has it and adds to it
        late = max(0, conversation.ended - before)  # turns that ended meanwhile, and come into the store after this
        conversation.begin_with((*turns, *(conversation.turns[-late:] if late else ())))
        self.keep(key, conversation)

    async def drop(self, key: str) -> None:
        """Forget a conversation that nobody comes back to, in the store too. Raises what the store raises."""
        self._by_key.pop(key, None)
        if self.store is not None:
            async with self._lock(key):
                await self.store.replace(self._owner, key, ())

    def _lock(self, key: str) -> trio.Lock:
        """Held around a call of the store: those for one conversation come one after the other."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = trio.Lock()
        return lock


async def _bound_when_cancelled(storing: trio.CancelScope) -> None:
    try:
        await trio.sleep_forever()
    finally:
        storing.deadline = trio.current_time() + STORING_S


@frozen
class ConversationSummary:
    """What there is of a conversation: how many turns and messages, and how many tokens by estimate."""

    key: str
    turns: int
    messages: int
    tokens: int


class Conversation:
    """What an agent remembers under a key: ``ref.conversation("u1")``.

    A turn that is under way is not in it: it adds what it has when it ends, also after the conversation was cleared.
    """

    __slots__ = ("_all", "key")

    def __init__(self, key: str, conversations: Conversations) -> None:
        self.key: str = key
        self._all = conversations

    @property
    def messages(self) -> tuple[Message, ...]:
        """What is remembered, oldest first. With a store: once a turn, or :meth:`load`, has read it from there."""
        return self._all.get(self.key).messages

    async def load(self) -> Self:
        """Read it from the store, if it is not in memory. Raises what the store raises."""
        await trio.lowlevel.checkpoint()
        await self._all.load(self.key)
        return self

    def summary(self) -> ConversationSummary:
        """What there is of it."""
        now = self._all.get(self.key)
        return ConversationSummary(self.key, len(now.turns), len(now.messages), now.tokens)

    async def clear(self) -> None:
        """Forget it, in the store too. Raises what the store raises, and then nothing is forgotten."""
        await trio.lowlevel.checkpoint()
        await self._all.replace(self.key, ())

    async def fork(self, key: str) -> "Conversation":
        """Have another conversation that begins as this one is now, instead of what there is under that key.

        Raises what the store raises.
        """
        await trio.lowlevel.checkpoint()
        await self._all.replace(key, (await self._all.load(self.key)).turns)
        return Conversation(key, self._all)

    def __repr__(self) -> str:
        now = self.summary()
        return f"<Conversation {self.key!r}: {now.turns} turns, {now.messages} messages, about {now.tokens} tokens>"


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
