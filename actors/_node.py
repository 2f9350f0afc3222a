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
    """A start under way: its scope, an event set when it is over, and the failure of something it had set going.

    It is over when it has succeeded, or has failed and what it left is cleared away.
    """

    __slots__ = ("failed", "failure", "over", "scope")

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.over = trio.Event()
        self.failed: bool = False
        self.failure: Exception | None = None

    def fail(self, error: Exception) -> None:
        """Give the start up because of an error elsewhere."""
        self.failure = error
        self.scope.cancel()


class Node:
    """The common part of class actors, coroutine actors and supervisors.

    The runtime's own tasks alone call :meth:`start`, :meth:`end` and :meth:`retire`; an instance exists between
    ``start`` and ``end``. :meth:`crash` is called by whoever runs the instance, at most once an instance.
    """

    __slots__ = (
        "_building",
        "_ended",
        "_retired",
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
        "watchers",
        "watching",
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
        self.watchers: list[Inbox[Any]] | None = None  # each gets one Down as a signal
        self.watching: int = 0  # tasks in watch()
        self._building: Building | None = None  # while STARTING
        self._ended: trio.Event | None = None  # while STOPPING
        self._retired: trio.Event | None = None  # made by the first who waits

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

        Raises what building it raised, or ActorStopped if :meth:`end` came meanwhile; the state is then DOWN.
        """
        self.for_good = False
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
        stopped = ActorStopped(self.name, "stopped while it was starting")
        failure: Exception | None = stopped
        try:
            with building.scope:
                await opening
                failure = building.failure
        except Exception as error:
            failure = error
            raise
        finally:
            try:
                if failure is not None:
                    building.failed = True
                    with trio.CancelScope(shield=True):  # bounded by the grace of what it ends
                        await self._undo()
                    self._not_started(building.failure or failure)
            finally:  # a Ctrl-C may have struck in there: whoever waits for this goes on and ends it
                self._building = None
                building.over.set()
        if failure is not None:
            raise building.failure or failure

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

    def retire(self, reason: str, error: Exception | None = None) -> None:
        """Close the mailbox, tell the watchers, free the name. There is no instance; there will be none."""
        if self.state is State.STOPPED:
            return
        self.move(Signal.RETIRE)
        self.inbox.close(reason)
        self.down = down = Down(self.ref, self.inbox.stopped or reason, error)
        for inbox in self.watchers or ():
            inbox.signal(down)
        self.runtime.forget(self)
        if self.parent is not None:
            self.parent.lose(self)
        if self._retired is not None:
            self._retired.set()

    def crash(self, error: Exception, *, taken: bool) -> None:
        """The instance failed with ``error``; ``taken``: an asker already got it. Told to the supervisor, once."""
        self.last_error = error
        if self._building is not None and not self.undoing:
            self._building.fail(error)
            return
        if self.retiring and isinstance(error, ActorStopped):
            # Its mailbox closed when the stop was asked for, a step before the instance is told to end.
            self.runtime.fail(error, ending=True)
            return
        if self.state is not State.RUNNING:
            # Already ending: no supervisor decides any more, but the error must still reach somebody.
            lost = self.for_good or (self.state is State.CRASHED and self.spec.restart == "temporary")
            if not taken and lost:
                (self.parent or self).unhandled(error, ending=True)
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

    @property
    def watched(self) -> bool:
        """Whether somebody will learn how it ends."""
        others = (inbox for inbox in self.watchers or () if inbox is not self.inbox)  # its own is closed by then
        return self.watching > 0 or any(inbox.stopped is None for inbox in others)

    async def watch(self) -> Down:
        """:meth:`wait_retired`, and whoever waits here takes the error."""
        self.watching += 1
        try:
            return await self.wait_retired()
        finally:
            self.watching -= 1

    async def wait_retired(self) -> Down:
        """Wait until it has stopped for good."""
        if self.state is not State.STOPPED:
            if self._retired is None:
                self._retired = trio.Event()
            await self._retired.wait()
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
