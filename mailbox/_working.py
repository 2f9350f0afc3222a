"""Who works on what: on behalf of which actor the running code runs, and on which of its messages."""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import trio

if TYPE_CHECKING:
    from actrio.mailbox._envelope import Envelope
    from actrio.mailbox._inbox import Inbox


class Working(Protocol):
    """What handles messages in a task of its own."""

    @property
    def envelope(self) -> "Envelope[Any] | None":
        """The message it handles now."""
        ...

    @property
    def depth(self) -> int:
        """How many nurseries its task had open when it took that message; the tasks in them work on none."""
        ...


class Consumer(Protocol):
    """Who is told that there is something to take."""

    def wake(self) -> None:
        """Called once after :meth:`Ledger.take` found nothing, from within a send: must be quick.

        Raises: NotInTrio: nobody can be woken from here; then nothing has changed, and the send is undone.
        """
        ...


# The inbox of the actor whose code this is; None outside actors. Tasks inherit it, so it names the sender of whatever
# an actor's code sends, from wherever it does.
current_inbox: ContextVar["Inbox[Any] | None"] = ContextVar("actrio_current_inbox", default=None)

# {task that handles messages: what it handles}. Each enters itself when it starts and leaves when it ends.
workers: dict[trio.lowlevel.Task, Working] = {}


def message_in_hand() -> "Envelope[Any] | None":
    """The message that the running task works on; None if it works on none.

    A handler's own task does, and so do the tasks in nurseries that the handler opened: the message is in hand until
    they have ended. Tasks in other nurseries outlive it and work on none.
    """
    if current_inbox.get() is None:
        return None
    task: trio.lowlevel.Task | None = trio.lowlevel.current_task()
    below: trio.Nursery | None = None  # the nursery of `task` that the running task is somewhere in
    while task is not None:
        working = workers.get(task)
        if working is not None:
            beside = below is not None and below in task.child_nurseries[: working.depth]
            return None if beside else working.envelope
        below = task.parent_nursery
        task = None if below is None else below.parent_task
    return None
