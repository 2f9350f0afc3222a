"""One message on its way: who sent it, to which inbox, and how it ended."""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from math import inf
from typing import Any, Generic, TypeVar, cast

import trio
from msgspec import Struct

from actrio.mailbox._errors import NotAnAsk

M = TypeVar("M")


class Stage(Enum):
    """Where a message is. The first three are passing; every sent message ends in exactly one of the last four.

    ======== =====================================================================
    WAITING  the sender waits for room; not sent yet, so not counted
    QUEUED   in the inbox
    IN_HAND  taken by its actor
    HANDLED  the handler returned
    FAILED   the handler raised, or was cut off because its actor stops or restarts
    DEAD     nobody will handle it; the inbox told why to its dead-letter callback
    ABANDONED its asker was cancelled
    ======== =====================================================================
    """

    WAITING = "waiting"
    QUEUED = "queued"
    IN_HAND = "in hand"
    HANDLED = "handled"
    FAILED = "failed"
    DEAD = "dead"
    ABANDONED = "abandoned"


class DeadReason(Enum):
    """Why a message was dead-lettered."""

    STOPPED = "its actor stopped before taking it"
    DROPPED_OLDEST = "the mailbox was full and dropped its oldest message"
    DROPPED_NEWEST = "the mailbox was full and dropped the new message"
    UNHANDLED = "its actor has no handler for this type"


_QUEUED, _IN_HAND, _WAITING = Stage.QUEUED, Stage.IN_HAND, Stage.WAITING
_HANDLED, _FAILED, _DEAD, _ABANDONED = Stage.HANDLED, Stage.FAILED, Stage.DEAD, Stage.ABANDONED


class Envelope(Struct, Generic[M], eq=False, gc=False):
    """A message with its sender and its fate; what ``async for letter in inbox`` gives.

    An envelope belongs to one inbox for its whole life and moves through :class:`Stage` in one direction, except that
    a redelivered one goes from IN_HAND back to QUEUED. The inbox's counters change in the same step as ``stage``, so
    the conservation law of the inbox holds whenever anybody can look.

    A struct of msgspec's, as every message makes one: a third of the cost of a class with slots, and not the garbage
    collector's business, since what it refers to never refers back to it for longer than it is in hand.

    Attributes:
        message: What was sent.
        inbox: Where it was sent to.
        sender: The ref of the actor that sent it; None from outside.
        sent_at: When it was sent, in seconds of the inbox's clock.
        deadline: When the asker gives up, on Trio's clock; ``inf`` if never, and for everything told.
        stage: Where it is.
        scope: The cancel scope that stands around the work on it, while there is such a scope.
        waits: What the work on it waits for: asks in flight and tells that wait for room. None until there is one.
        key: The conversation it belongs to, from when the inbox looked at it; only where it serves several at once.
        serial: Its place in the order of arrival, likewise.
    """

    message: M
    inbox: Any
    sender: Any
    sent_at: float
    deadline: float = inf
    stage: Stage = _WAITING
    scope: trio.CancelScope | None = None
    waits: "list[Envelope[Any]] | None" = None
    key: Any = None
    serial: int = 0

    @property
    def is_ask(self) -> bool:
        """Whether somebody asked this and waits for :meth:`reply`."""
        return False

    @property
    def abandoned(self) -> bool:
        """Whether the asker has been cancelled: nobody wants the reply any more."""
        return self.stage is _ABANDONED

    def reply(self, value: object) -> None:
        """Answer the ask.

        After the asker's cancellation the reply is dropped.

        Raises:
            NotAnAsk: this message was told.
            AlreadyAnswered: it was answered before.
        """
        raise NotAnAsk(self.inbox.name, type(self.message).__name__)

    def fail(self, error: Exception) -> None:
        """Answer the ask with an error, which is raised in the asker. Not a crash: the actor goes on.

        Raises:
            NotAnAsk: this message was told.
            AlreadyAnswered: it was answered before.
        """
        raise NotAnAsk(self.inbox.name, type(self.message).__name__)

    def work(self) -> AbstractContextManager[None, bool]:
        """Tie the work inside to the asker: ``with letter.work():``.

        When the asker is cancelled the block is cancelled too, left without an error, and only then is the asker let
        go. For a told message the block is never cancelled from here. A block within such a block adds nothing.
        """
        # Typed as what may swallow an exception, since it does swallow its own cancellation.
        return cast("AbstractContextManager[None, bool]", self._work())

    @contextmanager
    def _work(self) -> Generator[None]:
        if self.scope is not None:
            yield
            return
        with trio.CancelScope(deadline=self.deadline) as scope:
            if self.abandoned:
                scope.cancel()
            self.scope = scope
            try:
                yield
            finally:
                self.scope = None
        if scope.cancelled_caught or self.abandoned:
            self.cut("the work on this message was cancelled")

    # The rest is for whoever runs the inbox. Each is called once, in the stage its first word names.

    def succeed(self, value: object) -> None:
        """In hand -> HANDLED."""
        # As release() does; written out because every told message comes through here.
        inbox = self.inbox
        self.stage = _HANDLED
        inbox.handled += 1
        inbox.in_hand.remove(self)
        if inbox.minds_hand:
            inbox.left_hand(self)

    def break_off(self, error: Exception) -> bool:
        """In hand -> FAILED. True if an asker got the error, so that it has reached somebody."""
        self.inbox.release(self, _FAILED)
        return False

    def cut(self, reason: str) -> None:
        """In hand -> FAILED because the work was cancelled, or ABANDONED if that was the asker's wish.

        ``reason`` goes into the ActorStopped that an asker gets.
        """
        if self.stage is _IN_HAND:
            self.inbox.release(self, _FAILED)

    def die(self, reason: DeadReason, error: Exception) -> None:
        """Queued or in hand -> DEAD; ``error`` is what an asker gets."""
        self.inbox.bury(self, reason)

    def settle(self) -> None:
        """In hand -> HANDLED, or FAILED if it is an ask that nobody answered. Harmless once it has ended."""
        if self.stage is _IN_HAND:
            self.inbox.release(self, _HANDLED)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {type(self.message).__name__} to {self.inbox.name!r}: {self.stage.value}>"
