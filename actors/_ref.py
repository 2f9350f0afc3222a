"""How one talks to an actor."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, TypeVar

from trio.lowlevel import checkpoint

from actrio.actors._errors import NoHandler
from actrio.mailbox import Request, ask
from actrio.mailbox._working import message_in_hand

if TYPE_CHECKING:
    from actrio.actors._lifecycle import State
    from actrio.actors._metrics import ActorMetrics
    from actrio.actors._node import Down, Node
    from actrio.mailbox import Inbox

M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")


class ActorRef(Generic[M_contra]):
    """The address of one actor. It survives restarts; equal only to itself. Usable in the runtime's own thread.

    ``ActorRef[Increment | Get]`` says what may be sent; the ref of a class actor takes anything, and what no handler
    takes has the outcome that :meth:`tell` and :meth:`ask` document.
    """

    __slots__ = ("_inbox", "_node")

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._inbox = node.inbox

    @property
    def name(self) -> str:
        """Unique among the living actors of the runtime; ``supervisor/child`` under a supervisor."""
        return self._node.name

    @property
    def state(self) -> "State":
        """Where the actor is in its life."""
        return self._node.state

    def tell_nowait(self, message: M_contra) -> None:
        """Put a message into the actor's mailbox. The fast path: no checkpoint.

        A message that no handler takes becomes a dead letter.

        Raises:
            MailboxFull: there is no room, and the mailbox's policy is ``wait`` or ``reject``.
            ActorStopped: it has stopped.
        """
        self._inbox.send_nowait(message)

    def tell(self, message: M_contra) -> Coroutine[Any, Any, None]:
        """Put a message into the actor's mailbox, waiting for room under the policy ``wait``. Always a checkpoint.

        Returning means enqueued. Cancelled, it was not. A message that no handler takes becomes a dead letter.

        Raises:
            MailboxFull: there is no room, and the policy is ``reject``.
            ActorStopped: it has stopped, or did while this waited.
            TellCycleError: the wait for room would never end, as the actor waits for the one that tells.
        """
        return self._inbox.send(message)

    def ask(self, message: Request[R], *, detached: bool = False) -> Coroutine[Any, Any, R]:
        """Send a request and wait for its reply. Always a checkpoint.

        The deadline of the enclosing scopes travels along: ``with trio.fail_after(30)`` around an ask is its time-out.
        Cancelling the asker cancels the handler and what that asked in turn, and this returns only when they have
        ended. With ``detached=True`` the work goes on without the asker.

        Raises:
            ActorStopped: it has stopped, or did before it answered.
            NoHandler: it has no handler for this type.
            MailboxFull: there is no room and the policy is not ``wait``, or the policy dropped the request.
            AskCycleError: it waits, directly or through others, for the one that asks.
            Exception: what its handler raised.
        """
        return ask(self._inbox, message, detached=detached)

    async def stop(self) -> None:
        """Stop the actor for good, and wait until it has.

        It takes no further message. What is in hand gets its ``grace``, then is cancelled; ``stopped`` runs; queued
        messages become dead letters. Cancelling this leaves the stop under way. Called from the actor's own handler it
        returns at once, and the stop begins when the handler has ended. Harmless on a stopped actor.
        """
        node = self._node
        node.runtime.stop_soon(node, "stopped")
        envelope = message_in_hand()
        if envelope is not None and envelope.inbox is node.inbox:
            await checkpoint()
        else:
            await node.wait_retired()

    async def watch(self) -> "Down":
        """Wait until the actor has stopped for good; gives why. Restarts are not an end. See also ``ctx.watch``.

        Who waits here takes the actor's last crash: it then counts as handled.
        """
        return await self._node.watch()

    def notify(self, inbox: "Inbox[Any]") -> None:
        """Have a :class:`Down` put before the mail of ``inbox`` once the actor has stopped, at once if it has."""
        self._node.add_watcher(inbox)

    def metrics(self) -> "ActorMetrics":
        """A frozen snapshot of this actor."""
        return self._node.metrics()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._node.outline()}>"


_FOR_CHILDREN: Final = "It is a supervisor: send it to one of its children, supervisor.child(name)"


class SupervisorRef(ActorRef[Any]):
    """The address of a supervisor. It takes no messages of its own, but can be stopped and watched as a whole."""

    __slots__ = ()

    def tell_nowait(self, message: Any) -> NoReturn:
        """Raises: NoHandler: a supervisor takes no messages."""
        raise NoHandler(self.name, type(message).__name__, (), _FOR_CHILDREN)

    def tell(self, message: Any) -> NoReturn:
        """Raises: NoHandler: a supervisor takes no messages."""
        raise NoHandler(self.name, type(message).__name__, (), _FOR_CHILDREN)

    def ask(self, message: Any, *, detached: bool = False) -> NoReturn:
        """Raises: NoHandler: a supervisor takes no messages."""
        raise NoHandler(self.name, type(message).__name__, (), _FOR_CHILDREN)

    def child(self, name: str) -> ActorRef[Any]:
        """A child by the name it has in the supervisor's list. Raises: UnknownActor."""
        return self._node.runtime.find(f"{self.name}/{name}")

    async def spawn(self, factory: Any, *args: Any, **settings: Any) -> Any:
        """Add a child at the end of the list, as :meth:`Runtime.spawn` does; it lives under this supervisor."""
        return await self._node.runtime.spawn_under(self._node, factory, args, settings)


_ASK: Final[Any] = ActorRef[Any].ask


def asked_inbox(function: Any) -> "Inbox[Any] | None":
    """Whose mailbox it goes to, if a function is :meth:`ActorRef.ask` of some ref. None of any other."""
    if getattr(function, "__func__", None) is _ASK:
        inbox: Inbox[Any] = function.__self__._inbox
        return inbox
    return None
