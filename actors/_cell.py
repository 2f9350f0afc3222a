"""A class actor in its runtime: a record that the pool runs. It has no task of its own while it has nothing to do."""

from collections.abc import Awaitable
from contextvars import Context as ContextVars
from contextvars import copy_context
from math import inf
from threading import get_ident
from typing import TYPE_CHECKING, Any

import trio
from attrs import frozen

from actrio.actors._actor import Actor, Handler
from actrio.actors._context import Context
from actrio.actors._errors import InvalidSpec, NoHandler
from actrio.actors._histogram import Durations, Timings
from actrio.actors._lifecycle import State
from actrio.actors._metrics import ActorMetrics
from actrio.actors._node import Node, wait_quiet
from actrio.actors._pool import Pool, run_in
from actrio.mailbox import AskEnvelope, DeadReason, Envelope, Inbox, Stage
from actrio.mailbox._cycles import end_wait
from actrio.mailbox._errors import wrong_thread
from actrio.mailbox._working import current_inbox, message_in_hand, workers

if TYPE_CHECKING:
    from actrio.actors._runtime import Runtime
    from actrio.actors._spec import ChildSpec
    from actrio.actors._supervisor import SupervisorNode


_RUNNING = State.RUNNING
_set_current_inbox = current_inbox.set


@frozen(eq=False)
class NoKey:
    """Stands where ``conversation`` gave no key but an error."""

    error: Exception


@frozen
class Aside:
    """What a task works on while it runs a hook; ``depth`` as in Working."""

    envelope: Envelope[Any]
    depth: int


class Cell(Node):
    """One class actor.

    Attributes: ``actor``, the instance, None without one; ``table``, its handlers; ``scheduled``, whether it is in the
    run queue; ``timings``, made for its first message; ``context``, made when first used; ``variables``, a copy of the
    context variables of the task that spawned it.

    Invariant: while RUNNING, it is in the run queue, or being run, or its inbox is armed, or as many messages are in
    hand as it may hold: mail never waits unseen.
    """

    __slots__ = ("actor", "context", "pool", "scheduled", "table", "timings", "variables")

    def __init__(self, runtime: "Runtime", parent: "SupervisorNode", spec: "ChildSpec", name: str) -> None:
        self.actor: Actor | None = None
        self.table: dict[type, Handler] = {}
        self.scheduled: bool = False
        self.timings: Timings | None = None
        self.context: Context | None = None
        self.pool: Pool = runtime.pool
        super().__init__(runtime, parent, spec, name)
        self.variables: ContextVars = copy_context()
        if spec.concurrency == 1:  # else messages are handled in copies, and this one stays as small as it is
            self.variables.run(_set_current_inbox, self.inbox)

    def _make_inbox(self) -> Inbox[Any]:
        spec, runtime = self.spec, self.runtime
        key_of = self._conversation if spec.concurrency > 1 else None
        inbox: Inbox[Any] = Inbox(
            self.name, spec.capacity, spec.overflow, spec.concurrency, key_of, runtime.clock, runtime.bury
        )  # by position, at two thirds of the price
        inbox.scoped = True
        inbox.consumer = self
        return inbox

    def _conversation(self, message: Any) -> Any:
        if self.actor is None:
            return None
        try:
            key = self.actor.conversation(message)
            hash(key)
        except Exception as error:  # noqa: BLE001 - raised where the message is handled, a step later
            return NoKey(error)  # a key of its own, so that it waits for no other message
        return key

    # Running messages: called by the pool

    def wake(self) -> None:
        """There is mail: join the run queue. Raises: NotInTrio."""
        pool = self.pool
        if get_ident() != pool.thread:
            raise wrong_thread(self.name)
        self.scheduled = True
        pool.ready.append(self)
        if not pool.dispatching:
            pool.appoint()

    def rearm(self) -> None:
        """See to it that the next message is noticed. Called whenever a batch ends, suspends or finishes."""
        inbox = self.inbox
        if self.scheduled or self.state is not _RUNNING or len(inbox.in_hand) >= inbox.concurrency:
            inbox.armed = False
        elif inbox.has_mail():
            inbox.armed = False
            self.wake()
        else:
            inbox.armed = True

    def find_handler(self, envelope: Envelope[Any]) -> Handler | None:
        """The handler for a type seen for the first time: that of its nearest base. None: the message is buried."""
        message_type: type[Any] = envelope.message.__class__
        for base in message_type.__mro__:
            if base in self.table:
                self.table[message_type] = self.table[base]  # for all of this class; there are only so many types
                return self.table[base]
        handled = tuple(sorted(one.__name__ for one in (self.actor or Actor).__actrio_handlers__))
        message, way_out = envelope.message, None
        if isinstance(message, type):
            way_out = f"It is the class {message.__name__}: send what {message.__name__}(...) makes"
        envelope.die(DeadReason.UNHANDLED, NoHandler(self.name, message_type.__name__, handled, way_out))
        return None

    def context_of(self, envelope: Envelope[Any]) -> ContextVars:
        """The context variables to handle a message in: the asker's, or the actor's own.

        Raises: what ``conversation`` raised for this message, which was taken just before.
        """
        if isinstance(envelope.key, NoKey):
            raise envelope.key.error
        if isinstance(envelope, AskEnvelope):
            context: ContextVars = envelope.context
        elif self.inbox.concurrency == 1:
            return self.variables
        else:
            context = self.variables.copy()  # handlers of one actor that overlap do not see each other's
        context.run(_set_current_inbox, self.inbox)
        return context

    def handler_failed(self, envelope: Envelope[Any], error: Exception) -> None:
        """A handler raised: an answer if the handler says so and somebody gets it; else a crash."""
        if envelope.stage.value != "in hand":
            self.crash(error, taken=False)
            return
        handler = self.table.get(envelope.message.__class__)
        expected = handler is not None and isinstance(error, handler.raises)
        if self.spec.redeliver and not expected and not envelope.abandoned and self.state is State.RUNNING:
            self.inbox.put_back(envelope)
            self.crash(error, taken=False)
            return
        taken = envelope.break_off(error)
        if taken and (expected or self.state is not State.RUNNING):
            self.note_error(error)
        else:
            self.crash(error, taken=taken)

    # The instance

    def _build(self) -> Awaitable[None] | None:
        factory = self.spec.factory
        actor = factory.make_actor() if self.spec.kind == "definition" else factory(*self.spec.args)
        if not isinstance(actor, Actor):
            raise InvalidSpec(self.name, f"{factory!r} gave {type(actor).__name__}, which is no Actor")
        object.__setattr__(actor, "__actrio_cell__", self)  # so, as the class may be frozen
        self.actor = actor
        self.table = actor.__actrio_table__
        return None if type(actor).started is Actor.started else self._run_hook(actor.started())

    async def _undo(self) -> None:
        self.actor = None  # so that `stopped` does not run, also if a Ctrl-C strikes in here
        if self.context is not None:
            await self.context.close()
        self.context = None

    def _running(self) -> None:
        self.rearm()

    def make_context(self) -> Context:
        """The actor's ``ctx``, made when first used."""
        if self.context is None:
            self.context = Context(self, closed=self.state is State.STOPPING)
        return self.context

    async def _run_hook(self, work: Any) -> None:
        aside: Envelope[Any] = Envelope(None, self.inbox, None, self.runtime.clock(), stage=Stage.IN_HAND)
        waiter = message_in_hand()
        if waiter is not None:
            waiter.waits = [*(waiter.waits or ()), aside]
        task = trio.lowlevel.current_task()
        before = workers.get(task)
        workers[task] = Aside(aside, len(task.child_nurseries))
        self.inbox.aside = aside
        self.variables.run(_set_current_inbox, self.inbox)
        try:
            await run_in(self.variables, work)
        finally:
            self.inbox.aside = None
            if before is None:
                del workers[task]
            else:
                workers[task] = before
            end_wait(waiter, aside)

    async def _dismantle(self, grace: float) -> None:
        actor = self.actor
        self.inbox.armed = False
        await wait_quiet(self.inbox, grace)
        for envelope in tuple(self.inbox.in_hand):
            if envelope.scope is not None:
                envelope.scope.cancel()
            else:  # a Ctrl-C struck between two steps of its worker, and nobody runs it any more
                envelope.cut(self.cut_reason)
        await wait_quiet(self.inbox, inf)
        if self.context is not None:
            await self.context.close()
        if actor is not None and type(actor).stopped is not Actor.stopped:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + self.spec.grace) as scope:
                self.actor = None  # it runs once, also if a Ctrl-C strikes in it
                try:
                    await self._run_hook(actor.stopped())
                except Exception as error:  # noqa: BLE001 - whatever it is, it goes to the runtime's owner
                    self.runtime.fail(error)
            if scope.cancelled_caught:
                self.runtime.log.warning("actor %s: stopped() took more than %g s", self.name, self.spec.grace)
        self.actor = self.context = None

    def offspring(self) -> tuple[Node, ...]:
        return () if self.context is None else self.context.offspring()

    def metrics(self) -> ActorMetrics:
        snapshot = super().metrics()
        queueing, handling = (Durations(), Durations()) if self.timings is None else self.timings.snapshots()
        return ActorMetrics(
            snapshot.name,
            self.kind,
            snapshot.state,
            snapshot.mailbox,
            snapshot.restarts,
            snapshot.last_error,
            handling,
            queueing,
        )
