"""The messages that a mailbox has and nobody has taken, in their order."""

from collections import deque
from collections.abc import Iterable
from itertools import chain
from typing import Any, Generic, TypeVar

from actrio.mailbox._envelope import Envelope, Stage
from actrio.mailbox._lanes import Lanes

M = TypeVar("M")

_QUEUED = Stage.QUEUED


class Queue(Generic[M]):
    """The queue of a ledger, which is a subclass: adding and taking, which every message passes, are written out there.

    So is making it, since to make an actor is to make one of these.

    It has QUEUED messages, and tombstones of ABANDONED ones. First come those of ``_head``, from its end, then those of
    ``_tail``. They are lists, made when needed: an empty deque takes 760 bytes, and of many actors most are idle.
    """

    __slots__ = ("_head", "_lanes", "_signals", "_tail", "_tombstones", "in_hand")

    _head: list[Envelope[M]] | None
    _tail: list[Envelope[M]] | None
    _tombstones: int
    _signals: deque[Envelope[Any]] | None  # before all others
    _lanes: Lanes | None
    in_hand: list[Envelope[M]]

    def _oldest(self) -> Envelope[M] | None:
        """Take the oldest queued message out of the queue, if there is one; it still counts as queued."""
        if self._lanes is not None:
            left = self.in_queue()
            self._lanes.drain()
            self._head, self._tail = None, sorted(left, key=lambda envelope: envelope.serial)
            self._tombstones = 0
        while head := self._turn():
            envelope = head.pop()
            if envelope.stage is _QUEUED:
                return envelope
            self._tombstones -= 1
        return None

    def _turn(self) -> list[Envelope[M]] | None:
        """The queue's head, with its tail if it was empty: not empty, or None if there is nothing at all."""
        if not self._head:
            self._head, self._tail = self._tail, None
            if self._head:
                self._head.reverse()
        return self._head

    def _to_head(self, envelopes: Iterable[Envelope[M]]) -> None:
        """Put these before all others, the last of them first."""
        if self._head is None:
            self._head = []
        self._head.extend(envelopes)

    def _in_order(self) -> Iterable[Envelope[M]]:
        """All in the two lists, tombstones too."""
        return chain(reversed(self._head or ()), self._tail or ())

    def _sweep(self) -> None:
        """Take the tombstones out."""
        self._head, self._tail = None, [one for one in self._in_order() if one.stage is _QUEUED] or None
        self._tombstones = 0

    def _drain(self) -> list[Envelope[Any]]:
        """All that is queued, signals first, taken out; they still count as queued."""
        held = [] if self._lanes is None else self._lanes.drain()
        left = [*(self._signals or ()), *held, *(one for one in self._in_order() if one.stage is _QUEUED)]
        self._head = self._tail = self._signals = None
        self._tombstones = 0
        return left

    def in_queue(self) -> list[Envelope[M]]:
        """All that is queued but signals, those held for their conversation first."""
        held = [] if self._lanes is None else self._lanes.held()
        return [*held, *(envelope for envelope in self._in_order() if envelope.stage is _QUEUED)]

    def has_mail(self) -> bool:
        """Whether :meth:`Ledger.take` is worth a call."""
        return self._tail is not None or bool(self._head) or bool(self._signals)

    def holder_of(self, envelope: Envelope[M]) -> Envelope[M] | None:
        """The message in hand whose conversation a message that is not in hand has to wait for, if there is one."""
        return None if self._lanes is None else self._lanes.holder_of(envelope, self.in_hand)
