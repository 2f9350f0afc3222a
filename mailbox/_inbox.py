"""The mailbox as a channel: Trio's contract, with overflow policies, an early end for its consumer, and batches."""

from collections import OrderedDict
from typing import Generic, TypeVar

import trio
from trio.lowlevel import (
    Abort,
    Task,
    cancel_shielded_checkpoint,
    checkpoint,
    checkpoint_if_cancelled,
    current_task,
    enable_ki_protection,
    in_trio_run,
    reschedule,
    wait_task_rescheduled,
)

from actrio.mailbox._cycles import begin_wait, end_wait
from actrio.mailbox._envelope import Envelope, Stage
from actrio.mailbox._errors import wrong_thread
from actrio.mailbox._ledger import Ledger
from actrio.mailbox._woken import WOKEN
from actrio.mailbox._working import current_inbox

M = TypeVar("M")

RECEIVE_BUDGET = 64  # messages an `async for` takes before it lets other tasks run


class Inbox(Ledger[M], trio.abc.SendChannel[M], trio.abc.ReceiveChannel[Envelope[M]], Generic[M]):
    """A bounded mailbox: many senders, one consumer.

    Sending follows :class:`trio.abc.SendChannel`, receiving :class:`trio.abc.ReceiveChannel`; what is received is an
    :class:`Envelope`. Messages of one sender are received in the order they were sent. ``async for letter in inbox`` is
    the usual consumer: it ends when the actor is to stop, and lets other tasks run at least every 64 messages.
    Receiving the next message ends the one before: told ones count as handled, an ask without an answer fails with
    :class:`NotAnswered`. What the consumer sends and asks before that is sent on behalf of the message in hand.

    When a message finds it full, ``overflow`` decides:

    - ``wait``: `send` waits for room, `send_nowait` raises :class:`MailboxFull`;
    - ``reject``: both raise it;
    - ``drop_oldest``, ``drop_newest``: the oldest queued or the new message becomes a dead letter; nobody waits.

    Settings: see :class:`Ledger`.
    """

    __slots__ = ("_budget", "_interrupted", "_receiver", "depth")

    def _prepare(self) -> None:
        self._interrupted = False
        self.depth: int = 0  # see Working
        self._receiver: Task | None = None
        self._budget = RECEIVE_BUDGET

    @property
    def parked(self) -> bool:
        """Whether a consumer waits for a message."""
        return self._receiver is not None

    @property
    def envelope(self) -> Envelope[M] | None:
        """The message that its consumer works on: the last one received."""
        return self.in_hand[-1] if self.in_hand else self.aside

    # Sending

    @enable_ki_protection
    async def send(self, value: M) -> None:
        """Enqueue a message, waiting for room under the policy ``wait``. Always a checkpoint.

        If this is cancelled the message was not enqueued.

        Raises:
            MailboxFull: there is no room, and the policy is ``reject``.
            ActorStopped: the inbox is closed, or was closed while this waited.
            TellCycleError: the wait would be for an actor that waits for this one.
        """
        await checkpoint()
        asking = current_inbox.get()
        envelope = Envelope(value, self, None if asking is None else asking.owner, self.clock())
        if self.offer(envelope):
            return
        waiter = begin_wait(envelope)
        try:
            await self.wait_for_room(envelope)
        finally:
            end_wait(waiter, envelope)

    @enable_ki_protection
    async def wait_for_room(self, envelope: Envelope[M]) -> None:
        """Park until the envelope is enqueued. If this is cancelled it was not, and never will be.

        Raises:
            ActorStopped: the inbox was closed meanwhile.
        """
        waiting = self._waiting
        if waiting is None:
            waiting = self._waiting = OrderedDict()

        def abort(_: object) -> Abort:
            del waiting[envelope]
            envelope.stage = Stage.ABANDONED  # and not counted, as it was never sent
            return Abort.SUCCEEDED

        waiting[envelope] = current_task()
        await wait_task_rescheduled(abort)

    # Receiving

    @enable_ki_protection
    def receive_nowait(self) -> Envelope[M]:
        """The next message, without waiting.

        Raises:
            trio.WouldBlock: there is none.
            trio.EndOfChannel: the actor is to stop, or the inbox is closed.
        """
        self.settle_in_hand()
        if self._interrupted or self._stopped is not None:
            raise trio.EndOfChannel
        envelope = self.take()
        if envelope is None:
            raise trio.WouldBlock
        return envelope

    @enable_ki_protection
    def receive_batch_nowait(self, limit: int = RECEIVE_BUDGET) -> list[Envelope[M]]:
        """Up to ``limit`` messages that are there, at least one; all of them are in hand until the next receive.

        Raises: as :meth:`receive_nowait`.
        """
        batch = [self.receive_nowait()]
        while len(batch) < limit and (envelope := self.take()) is not None:
            batch.append(envelope)
        return batch

    @enable_ki_protection
    async def receive(self) -> Envelope[M]:
        """The next message, waiting for one. Always a checkpoint.

        Either this returns a message or it raises Cancelled and the queue is unchanged.

        Raises:
            trio.EndOfChannel: the actor is to stop, or the inbox is closed.
            trio.BusyResourceError: another task is receiving: an inbox has one consumer.
        """
        await checkpoint_if_cancelled()
        self.depth = len(current_task().child_nurseries)
        try:
            envelope = self.receive_nowait()
        except trio.WouldBlock:
            return await self._park_receiver()
        await cancel_shielded_checkpoint()
        return envelope

    @enable_ki_protection
    async def __anext__(self) -> Envelope[M]:
        self.depth = len(current_task().child_nurseries)
        self._budget -= 1
        try:
            if self._budget > 0:
                try:
                    return self.receive_nowait()
                except trio.WouldBlock:
                    pass
            self._budget = RECEIVE_BUDGET
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    async def _park_receiver(self) -> Envelope[M]:
        def abort(_: object) -> Abort:
            self._receiver = None
            self.armed = False
            return Abort.SUCCEEDED

        while True:
            if self._receiver is not None:
                raise trio.BusyResourceError(f"inbox of {self.name!r} has one consumer, and another task is receiving")
            self._receiver = current_task()
            self.armed = True
            await wait_task_rescheduled(abort)
            if self._interrupted or self._stopped is not None:
                raise trio.EndOfChannel
            if (envelope := self.take()) is not None:
                return envelope

    def wake(self) -> None:
        if self._receiver is not None:
            if not in_trio_run():
                raise wrong_thread(self.name)
            task, self._receiver = self._receiver, None
            reschedule(task, WOKEN)

    # The end

    @enable_ki_protection
    def interrupt(self) -> None:
        """Make the consumer see the end while the inbox stays open, until :meth:`resume`: for a restart."""
        self._interrupted = True
        if self.armed:
            self.armed: bool = False
            (self.consumer or self).wake()

    def resume(self) -> None:
        """Undo :meth:`interrupt`, for the next consumer."""
        self._interrupted = False

    async def aclose(self) -> None:
        """:meth:`close`, and a checkpoint."""
        self.settle_in_hand()
        self.close()
        await checkpoint()
