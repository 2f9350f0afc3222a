"""Conversations: several messages of one inbox in hand at once, but never two of the same key."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from actrio.mailbox._envelope import Envelope


class Lanes:
    """Which keys are busy, and what waits for each.

    Invariant: a key is in ``_held`` exactly while a message of it is in hand; the deque under it holds, in order of
    arrival, the later messages of that key that were looked at meanwhile. A held message still counts as queued, so the
    inbox's capacity bounds this too.
    """

    __slots__ = ("_held", "key_of")

    def __init__(self, key_of: Callable[[Any], Hashable | None]) -> None:
        self.key_of = key_of
        self._held: dict[Hashable, deque[Envelope[Any]]] = {}  # {busy key: what waits for it}

    def enter(self, envelope: Envelope[Any]) -> bool:
        """True if the message may be handled now; else it is held until its key is free. No key: always now."""
        key = self.key_of(envelope.message)
        if key is None:
            return True
        envelope.key = key
        waiting = self._held.get(key)
        if waiting is not None:
            waiting.append(envelope)
            return False
        self._held[key] = deque()
        return True

    def leave(self, envelope: Envelope[Any]) -> deque[Envelope[Any]]:
        """Free the key of a message that left the hand; gives what waited for it, to go to the head of the queue."""
        waiting = self._held.pop(envelope.key, deque())  # None is no key of it
        for one in waiting:
            one.key = None
        return waiting

    def drop(self, envelope: Envelope[Any]) -> bool:
        """Take a held message out; False if it is not held."""
        if envelope.key is None:
            return False
        self._held[envelope.key].remove(envelope)
        return True

    def holder_of(self, envelope: Envelope[Any], in_hand: list[Envelope[Any]]) -> Envelope[Any] | None:
        """Which message in hand keeps one that is not in hand waiting, by being of its key."""
        try:
            key = envelope.key if envelope.key is not None else self.key_of(envelope.message)
        except Exception:  # noqa: BLE001 - whoever takes the message tells of it
            return None
        return None if key is None else next((one for one in in_hand if one.key == key), None)

    def held(self) -> list[Envelope[Any]]:
        """All that is held."""
        return [envelope for waiting in self._held.values() for envelope in waiting]

    def drain(self) -> list[Envelope[Any]]:
        """All that is held, taken out; the keys stay busy."""
        held = self.held()
        for waiting in self._held.values():
            waiting.clear()
        for envelope in held:
            envelope.key = None
        return held
