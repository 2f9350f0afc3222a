"""One actor as its supervisor sees it: a name, a life, an instance that can be started and ended."""

from collections.abc import Awaitable
from math import inf
from typing import TYPE_CHECKING, Any

import trio
from attrs import frozen

from actrio.actors._lifecycle import Signal, State, advance
from actrio.actors._metrics import ActorMetrics
from actrio.mailbox import ActorStopped, Inbox

if TYPE_CHECKING:
    from actrio.actors._ref import ActorRef
    from actrio.actors._runtime import Runtime
    from actrio.actors._spec import ChildSpec

# Looked up once: a member of an enum costs several times what a global does, and every spawn uses these.
_NEW, _START, _STARTED = State.NEW, Signal.START, Signal.STARTED


@frozen
class Down:
    """An actor has stopped for good. Attributes: ``ref``, ``reason`` (one line), ``error`` (if a crash ended it)."""

    ref: "ActorRef[Any]"
    reason: str
    error: Exception | None = None


class Building:
    """A start under way: its scope, an event set when it is over, and the errors that make it fail.

    It is over when it has succeeded, or has failed and what it left is cleared away.
    """

    __slots__ = ("errors", "failed", "over", "scope")

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.over = trio.Event()
        self.failed: bool = False
        self.errors: list[Exception] = []

    def fail(self, error: Exception) -> None:
        """Give the start up because of an error, in it or in something it had set going."""
        self.errors.append(error)
        self.scope.cancel()

    def failure(self, name: str) -> Exception:
        """Why it failed: its error, or all of them if it has several; without one it was stopped."""
        if len(self.errors) > 1:
            return ExceptionGroup(f"{name} did not start", self.errors)
        return self.errors[0] if self.errors else ActorStopped(name, "stopped while it was starting")


class Node:
    """The common part of class actors, coroutine actors and supervisors.

    The runtime's own tasks alone call :meth:`start`, :meth:`end` and :meth:`retire`; an instance exists between
    ``start`` and ``end``. :meth:`crash` is called by whoever runs the instance, at most once an instance.
    """

    __slots__ = (
        "_building",
        "_ended",
        "_retired",
        "_watching",
        "cut_reason",
        "down",
        "for_good",
        "inbox",
        "last_error",
        "name",
        "parent",
        "ref",
        "restarts",
        "retiring",
        "runtime",
        "spec",
        "state",
        "untold",
        "watchers",
    )

    @property
    def kind(self) -> str:
        """What sort of actor it is, for people."""
        return "actor" if self.spec.kind == "class" else str(getattr(self.spec.factory, "kind", self.spec.kind))

    def __init__(self, runtime: "Runtime", parent: "Node | None", spec: "ChildSpec", name: str) -> None:
        self.runtime: Runtime = runtime
        self.parent: Node | None = parent
        self.spec: ChildSpec = spec
        self.name: str = name
        self.state: State = _NEW
        self.inbox: Inbox[Any] = self._make_inbox()
        self.ref: ActorRef[Any] = runtime.make_ref(self, spec)
        self.inbox.owner = self.ref
        self.restarts: int = 0
        self.last_error: Exception | None = None
        self.cut_reason: str = "stopped"  # what a message that is cut off is told
        self.down: Down | None = None  # once STOPPED
        self.retiring: bool = False  # it was asked to stop for good
        self.for_good: bool = False  # the end under way is the last
        self.untold: tuple[Exception, ...] = ()  # came after its crash or in its end; a restart stands for them
        self.watchers: list[Inbox[Any]] | None = None  # each gets one Down as a signal
        self._building: Building | None = None  # while STARTING
        self._ended: trio.Event | None = None  # while STOPPING
        self._retired: trio.Event | None = None  # made by the first in wait_retired()
        self._watching: trio.Event | None = None  # made by the first in watch()

    def _make_inbox(self) -> Inbox[Any]:
        spec = self.spec
        return Inbox(
            self.name,
            capacity=spec.capacity,
            overflow=spec.overflow,
            concurrency=spec.concurrency,
            clock=self.runtime.clock,
            on_dead=self.runtime.bury,
        )

    def move(self, signal: Signal) -> None:
        """Follow the life-cycle table."""
        self.state = advance(self.state, signal)
        self.runtime.note(self.name, self.state.value)

    # What the kinds fill in

    def _build(self) -> Awaitable[None] | None:
        """Make an instance; gives what is still to be awaited before it is ready, if anything."""
        raise NotImplementedError

    async def _undo(self) -> None:
        """Clear away what an unfinished :meth:`_build` left."""

    async def _dismantle(self, grace: float) -> None:
        """End the instance: let what is in hand finish within ``grace`` seconds, cut it off, run ``stopped``."""
        raise NotImplementedError

    def _running(self) -> None:
        """The instance is ready and the state is RUNNING: begin to take messages."""

    # What supervisors do with it

    async def start(self) -> None:
        """Start an instance.

        Raises what building it raised, and what it had set going, or ActorStopped if :meth:`end` came meanwhile; the
        state is then DOWN.
        """
        self.for_good = False
        self.untold = ()
        self.state = advance(self.state, _START)
        try:
            opening = self._build()
        except Exception as error:
            self._not_started(error)
            raise
        if opening is not None:
            self.runtime.note(self.name, self.state.value)
            await self._open(opening)
        self.move(_STARTED)
        self._running()

    @property
    def undoing(self) -> bool:
        """Whether its start has failed, and what that left is being cleared away; the state is still STARTING."""
        return self._building is not None and self._building.failed

    async def _open(self, opening: Awaitable[None]) -> None:
        building = self._building = Building()
        opened = False
        try:
            try:
                with building.scope:
                    await opening
                    opened = not building.errors
            except Exception as error:  # noqa: BLE001 - raised when all is cleared away
                self._fail_start(building, error)
            finally:
                if not opened:
                    building.failed = True
                    with trio.CancelScope(shield=True):  # bounded by the grace of what it ends
                        await self._undo()
                    self._not_started(building.failure(self.name))
        except trio.Cancelled:
            if building.errors:
                raise building.failure(self.name) from None  # noqa: ASYNC104 - an error goes before a cancellation
            raise
        finally:  # a Ctrl-C may have struck in there: whoever waits for this goes on and ends it
            self._building = None
            building.over.set()
        if not opened:
            raise building.failure(self.name)

    def _fail_start(self, building: Building, error: Exception) -> None:
        late = building.failed or building.errors  # then that others have ended is no news
        if not (late and self.runtime.excuses(error, ending=True)):
            building.fail(error)

    def _not_started(self, error: Exception) -> None:
        self.last_error = error
        self.move(Signal.STOP)
        self.move(Signal.ENDED)

    async def end(self, reason: str, *, crashed: bool = False, for_good: bool = True) -> None:
        """End the instance, if there is one; the mailbox stays. Shielded: bounded by the grace given to each step.

        A second caller waits for the first. Unless it is ``for_good`` another instance follows: then errors of what is
        in hand are handled by that restart.
        """
        if for_good:
            self.doom()
        with trio.CancelScope(shield=True):
            if self._building is not None:
                self._building.scope.cancel()
                await self._building.over.wait()
            if self._ended is not None:
                await self._ended.wait()
        if self.state in (State.NEW, State.DOWN, State.STOPPED):
            return
        self.cut_reason = reason
        self._ended = trio.Event()
        if self.state is not State.STOPPING:  # else a Ctrl-C struck in an earlier end, and this goes on with it
            self.move(Signal.STOP)
        try:
            with trio.CancelScope(shield=True):
                await self._dismantle(0.0 if crashed else self.spec.grace)
            self.move(Signal.ENDED)
        finally:
            ended, self._ended = self._ended, None
            ended.set()

    def doom(self) -> None:
        """The end that is under way, or the next, is the last."""
        self.for_good = True

    def retire(self, reason: str, error: Exception | None = None) -> bool:
        """Close the mailbox, tell the watchers, free the name. There is no instance; there will be none.

        True if somebody watches, who takes the error. Not this actor itself nor one below it, whose mailboxes are
        closed by then.
        """
        if self.state is State.STOPPED:
            return False
        self.move(Signal.RETIRE)
        self.inbox.close(reason)
        self.down = down = Down(self.ref, self.inbox.stopped or reason, error)
        watched = self._watching is not None and self._watching.statistics().tasks_waiting > 0
        for inbox in self.watchers or ():
            watched = watched or inbox.stopped is None
            inbox.signal(down)
        self.runtime.forget(self)
        if self.parent is not None:
            self.parent.lose(self)
        for event in (self._retired, self._watching):
            if event is not None:
                event.set()
        return watched

    def crash(self, error: Exception, *, taken: bool) -> None:
        """The instance failed with ``error``; ``taken``: an asker already got it. Told to the supervisor, once."""
        self.last_error = error
        if self._building is not None:
            self._fail_start(self._building, error)
            return
        if self.retiring and self.runtime.excuses(error, ending=True):
            return  # its mailbox closed when the stop was asked for, a step before the instance is told to end
        if self.state is not State.RUNNING:
            # Already ending: no supervisor decides any more, but the error must still reach somebody.
            last = self.for_good or (self.state is State.CRASHED and self.spec.restart == "temporary")
            if not taken and last:
                (self.parent or self).unhandled(error, ending=True)
            elif not taken and not self.runtime.excuses(error, ending=True):
                self.untold += (error,)
                self.runtime.log.warning("actor %s failed once more: %s", self.name, type(error).__name__)
            return
        self.move(Signal.CRASH)
        self.runtime.log.warning("actor %s crashed: %s", self.name, type(error).__name__)
        assert self.parent is not None
        self.parent.child_crashed(self, error, taken=taken)

    def note_error(self, error: Exception) -> None:
        """Keep an error that an asker took, for the metrics."""
        self.last_error = error

    # What supervisors add

    def child_crashed(self, child: "Node", error: Exception, *, taken: bool) -> None:
        """A child's instance failed. Only supervisors have children."""
        raise NotImplementedError

    def child_returned(self, child: "Node") -> None:
        """A coroutine child returned."""
        raise NotImplementedError

    def unhandled(self, error: Exception, *, ending: bool = False) -> None:
        """Nobody restarts, asked or watches a child that failed: its error goes up. ``ending``: see `Runtime.fail`."""
        raise NotImplementedError

    def lose(self, child: "Node") -> None:
        """A child has been retired."""

    # What others may ask of it

    async def watch(self) -> Down:
        """Wait until it has stopped for good. Whoever waits here when that happens takes the error."""
        if self._watching is None:
            self._watching = trio.Event()
        return await self._wait_for(self._watching)

    async def wait_retired(self) -> Down:
        """Wait until it has stopped for good, and take no error."""
        if self._retired is None:
            self._retired = trio.Event()
        return await self._wait_for(self._retired)

    async def _wait_for(self, event: trio.Event) -> Down:
        if self.down is None:
            await event.wait()
        else:
            await trio.lowlevel.checkpoint()
        assert self.down is not None
        return self.down

    def add_watcher(self, inbox: Inbox[Any]) -> None:
        """Signal :class:`Down` to an inbox when this has stopped, at once if it has."""
        if self.down is not None:
            inbox.signal(self.down)
        elif self.watchers is None:
            self.watchers = [inbox]
        elif inbox not in self.watchers:
            self.watchers.append(inbox)

    def metrics(self) -> ActorMetrics:
        """A frozen snapshot of this actor."""
        return ActorMetrics(
            name=self.name,
            kind=self.kind,
            state=self.state.value,
            mailbox=self.inbox.statistics(),
            restarts=self.restarts,
            last_error=None if self.last_error is None else repr(self.last_error),
        )

    def offspring(self) -> "tuple[Node, ...]":
        """Those below it in the tree."""
        return ()

    def outline(self) -> str:
        """One line of the tree."""
        mail = f"{self.inbox.queued}/{self.inbox.capacity} queued"
        in_hand = f", {len(self.inbox.in_hand)} in hand" if self.inbox.in_hand else ""
        restarts = f", {self.restarts} restarts" if self.restarts else ""
        return f"{self.name} [{self.kind}] {self.state.value}, {mail}{in_hand}{restarts}"


async def wait_quiet(inbox: Inbox[Any], seconds: float) -> None:
    """Wait until nothing of an inbox is in hand, at most so long; ``inf`` for as long as it takes."""
    if not inbox.in_hand:
        return
    quiet = trio.Event()
    inbox.call_when_quiet(quiet.set)
    with trio.CancelScope() as scope:
        if seconds != inf:
            scope.deadline = trio.current_time() + seconds
        await quiet.wait()
    if not quiet.is_set():
        inbox.call_when_quiet(None)
