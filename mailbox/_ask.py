"""Asking: one request, exactly one end."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from math import inf
from typing import Any, Generic, NoReturn, TypeVar

import trio
from trio.lowlevel import (
    Abort,
    checkpoint,
    checkpoint_if_cancelled,
    current_task,
    enable_ki_protection,
    reschedule,
    wait_task_rescheduled,
)

from actrio.mailbox._cycles import begin_wait, end_wait
from actrio.mailbox._envelope import DeadReason, Envelope, Stage
from actrio.mailbox._errors import ActorStopped, AlreadyAnswered, DeadlinePassed, NotAnswered
from actrio.mailbox._inbox import Inbox
from actrio.mailbox._woken import WOKEN
from actrio.mailbox._working import current_inbox

M = TypeVar("M")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_WAITING, _QUEUED, _IN_HAND = Stage.WAITING, Stage.QUEUED, Stage.IN_HAND
_HANDLED, _FAILED, _ABANDONED = Stage.HANDLED, Stage.FAILED, Stage.ABANDONED


class Request(Generic[R_co]):
    """Base of messages that are asked and answered: ``class Research(Request[Report])``.

    ``await ref.ask(Research(...))`` is typed as ``Report``, and a handler of it must return that. An empty base: it
    goes with attrs classes, dataclasses and plain ones.
    """

    __slots__ = ()


class AskEnvelope(Envelope[M], Generic[M], eq=False, gc=True):
    """An envelope that somebody waits for. It ends exactly once; a reply after that is dropped.

    Attributes:
        context: A copy of the asker's context variables. The handler runs in it, so that trace and log context follow
            the call, and what the handler sets reaches neither the asker nor the next message.
        detached: The work outlives its asker.
        wanted: The asker is still there; False once a detached ask was given up.
        give_up: The asker was cancelled while the work is in hand. It stays parked until the work has ended, so that
            the handler's ``finally`` has run before the asker's scope exits.
        task: The asker, while it is parked.
    """

    context: Any = None
    detached: bool = False
    wanted: bool = True
    give_up: bool = False
    task: Any = None
    _raise_cancel: Any = None
    _value: Any = None
    _error: Any = None
    _raised: bool = False

    @property
    def is_ask(self) -> bool:
        return True

    @property
    def abandoned(self) -> bool:
        return self.give_up or self.stage is _ABANDONED

    @property
    def ended(self) -> bool:
        """Whether the answer is there, or never will be."""
        return self.stage is not _QUEUED and self.stage is not _IN_HAND and self.stage is not Stage.WAITING

    def reply(self, value: object) -> None:
        self._check_open()
        if self.stage is _IN_HAND:
            self.succeed(value)

    def fail(self, error: Exception) -> None:
        self._check_open()
        if self.stage is _IN_HAND:
            self.break_off(error)

    def _check_open(self) -> None:
        if self.stage is not _IN_HAND and self.stage is not _ABANDONED:
            raise AlreadyAnswered(self.inbox.name, type(self.message).__name__, self.stage.value)

    def succeed(self, value: object) -> None:
        # As release() and _wake() do; written out because every answer comes through here.
        inbox, task = self.inbox, self.task
        base: Envelope[Any] = self  # where `stage` is declared
        self._value = value
        if self.give_up:
            base.stage = _ABANDONED
            inbox.abandoned += 1
        else:
            base.stage = _HANDLED
            inbox.handled += 1
        inbox.in_hand.remove(self)
        if inbox.minds_hand:
            inbox.left_hand(self)
        if task is not None:
            self.task = None
            reschedule(task, WOKEN)

    def break_off(self, error: Exception) -> bool:
        self._error = error
        self.inbox.release(self, _FAILED)
        self._wake()
        return self.wanted

    def cut(self, reason: str) -> None:
        if self.stage is not _IN_HAND:
            return
        if self.give_up:
            self.inbox.release(self, _ABANDONED)
        else:
            late = self.deadline != inf and self.deadline <= trio.current_time() and self.inbox.stopped is None
            name = self.inbox.name
            self._error = DeadlinePassed(name, self.deadline) if late else ActorStopped(name, reason)
            self.inbox.release(self, _FAILED)
        self._wake()

    def die(self, reason: DeadReason, error: Exception) -> None:
        self._error = error
        self.inbox.bury(self, reason)
        self._wake()

    def settle(self) -> None:
        if self.stage is _IN_HAND:
            if self.give_up:
                self.cut("nobody waits for it")
            else:
                self.break_off(NotAnswered(self.inbox.name, type(self.message).__name__))

    def _wake(self) -> None:
        task, self.task = self.task, None
        if task is not None:
            reschedule(task, WOKEN)

    def result(self) -> Any:
        """The reply, once it has ended; raises the error, or the asker's cancellation.

        Raises: AlreadyAnswered: the error was raised before; it is raised once.
        """
        if self.stage is _HANDLED:
            return self._value
        if self._raised:
            raise AlreadyAnswered(self.inbox.name, type(self.message).__name__, self.stage.value)
        if self.stage is _ABANDONED:
            raise_cancel, self._raise_cancel = self._raise_cancel, None
            if raise_cancel is not None:
                raise_cancel()
            raise ActorStopped(self.inbox.name, "the ask was given up before it was answered")
        # Let go of before it is raised: an envelope that kept it would be a cycle with the frames in its traceback.
        error, self._error = self._error, None
        if error is not None:
            self._raised = True
            try:
                raise error
            finally:
                del error
        return self._value

    @enable_ki_protection
    async def answer(self) -> Any:
        """Wait for the end, and give the reply or raise the error. Cancellation: see `ask`.

        Raises: trio.BusyResourceError: another task waits for it.
        """
        if self.task is not None:
            raise trio.BusyResourceError("another task waits for this answer")
        if self.ended:
            await checkpoint()
        else:
            self.task = current_task()
            await wait_task_rescheduled(self.abort)
        return self.result()

    @enable_ki_protection
    async def withdraw(self) -> None:
        """Give the ask up; returns once the work on it has ended. Raises only what the work itself raised."""
        if self.ended:
            if not self._raised and self.stage is not _ABANDONED:
                self.result()
        else:
            with trio.CancelScope() as scope:
                scope.cancel()
                await self.answer()

    def abort(self, raise_cancel: Callable[[], NoReturn]) -> Abort:
        """The parked asker was cancelled."""
        if self.detached:
            self.wanted = False
        elif self.stage is _QUEUED or not (self.inbox.scoped or self.scope):
            self.inbox.abandon(self)
        else:
            self.give_up = True
            self._raise_cancel = raise_cancel
            if self.scope is not None:
                self.scope.cancel()
            return Abort.FAILED
        self.task = None
        return Abort.SUCCEEDED


def _new_ask(inbox: Inbox[Any], message: object, asking: Inbox[Any] | None, deadline: float) -> AskEnvelope[Any]:
    owner = None if asking is None else asking.owner
    return AskEnvelope(message, inbox, owner, inbox.clock(), deadline, _WAITING, None, None, None, 0, copy_context())


@enable_ki_protection
async def ask(inbox: Inbox[Any], message: Request[R], *, detached: bool = False) -> R:
    """Send a request and wait for its reply. Always a checkpoint.

    Ends exactly once. The caller's effective deadline travels with the message. If the caller is cancelled, the work
    done for it is cancelled too, and this returns only once that work has ended, its ``finally`` blocks included; a
    message still queued is withdrawn at once. With ``detached=True`` the work goes on by itself: neither cancellation
    nor deadline reach it, and its reply is dropped.

    Raises:
        ActorStopped: the actor has stopped, or did so before it answered.
        MailboxFull: no room, and the policy is not ``wait``; or the policy dropped the message.
        AskCycleError: the actor waits, directly or through others, for the one that asks.
        Exception: whatever the handler raised.
    """
    deadline = trio.current_effective_deadline()
    if deadline == -inf:
        await checkpoint()
    asking = current_inbox.get()
    envelope = _new_ask(inbox, message, asking, inf if detached else deadline)
    envelope.detached = detached
    waiter = None
    if asking is not None:
        waiter = begin_wait(envelope)
        asking.asks_in_flight += 1
    try:
        if not inbox.offer(envelope):
            await inbox.wait_for_room(envelope)
        if envelope.stage is _QUEUED:
            envelope.task = current_task()
            await wait_task_rescheduled(envelope.abort)
            reply: R = envelope.result()
        else:
            reply = await envelope.answer()
        return reply
    finally:
        if asking is not None:
            end_wait(waiter, envelope)
            asking.asks_in_flight -= 1


@asynccontextmanager
async def open_ask(inbox: Inbox[Any], message: object) -> AsyncGenerator[AskEnvelope[object]]:
    """An ask whose reply is not waited for at once.

    The block may ``await pending.answer()``. Leaving it earlier gives the ask up, as cancelling :func:`ask` does, and
    leaves only when the work has ended. Raises: as :func:`ask`; what the work raised comes out of the block, too.
    """
    await checkpoint_if_cancelled()
    asking = current_inbox.get()
    envelope = _new_ask(inbox, message, asking, trio.current_effective_deadline())
    waiter = begin_wait(envelope)
    if asking is not None:
        asking.asks_in_flight += 1
    try:
        if not inbox.offer(envelope):
            await inbox.wait_for_room(envelope)
        try:
            yield envelope
        finally:
            await envelope.withdraw()  # noqa: ASYNC102 - waits for the work it cancels, as a nursery does
    finally:
        end_wait(waiter, envelope)
        if asking is not None:
            asking.asks_in_flight -= 1
