"""Asking on behalf of who is not in Trio: a function is told of the end, and no task waits for it."""

from collections.abc import Callable
from contextvars import Context
from math import inf
from typing import Any, Generic, NoReturn, TypeVar

from trio.lowlevel import Abort, enable_ki_protection

from actrio.mailbox._ask import AskEnvelope
from actrio.mailbox._envelope import Stage
from actrio.mailbox._errors import ActorStopped
from actrio.mailbox._inbox import Inbox

M = TypeVar("M")

Then = Callable[[Any, Exception | None], None]

_WAITING, _HANDLED = Stage.WAITING, Stage.HANDLED


class ToldAsk(AskEnvelope[M], Generic[M], eq=False, gc=True):
    """An ask whose end a function is told.

    Attributes:
        then: Called once, in Trio's thread, with the reply or an error. None when it has been.
    """

    then: Then | None = None

    def succeed(self, value: object) -> None:
        super().succeed(value)
        self._wake()

    def _wake(self) -> None:
        then, self.then = self.then, None
        if then is None:
            return
        error, self._error = self._error, None
        if error is None and self.stage is not _HANDLED:
            error = ActorStopped(self.inbox.name, "the ask was given up before it was answered")
        then(self._value, error)

    @enable_ki_protection
    def cancel(self) -> None:
        """Give it up, as cancelling :func:`ask` does: ``then`` is told when the work on it has ended."""
        if not self.ended and not self.give_up and self.abort(_nothing_to_raise) is Abort.SUCCEEDED:
            self._wake()


@enable_ki_protection
def ask_then(
    inbox: Inbox[Any], message: object, then: Then, context: Context, *, detached: bool = False
) -> ToldAsk[Any] | None:
    """Send a request, and have ``then`` told its reply or its error: :func:`ask` without a task that waits.

    It has no deadline, as there is no scope around it. For code in Trio's thread; ``then`` must not raise.

    Args:
        inbox: Whose.
        message: The request.
        then: Called once, perhaps before this returns. Of what was given up it is told ActorStopped.
        context: What the handler runs in. It is not copied.
        detached: As :func:`ask`.

    Returns:
        What can be cancelled; None if it would have to wait for room: then nothing was sent.

    Raises:
        ActorStopped: the actor has stopped.
        MailboxFull: no room, and the policy is ``reject``.
    """
    envelope = ToldAsk(message, inbox, None, inbox.clock(), inf, _WAITING, None, None, None, 0, context)
    envelope.detached = detached
    envelope.then = then
    return envelope if inbox.offer(envelope) else None


def _nothing_to_raise() -> NoReturn:
    raise AssertionError("nobody waits in a task")
