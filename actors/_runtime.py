"""The runtime: what actors live in, owner of every task."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from random import Random
from time import perf_counter
from typing import Any, Literal, TypeVar, TypeVarTuple, Unpack, overload

import trio

from actrio.actors._actor import Actor
from actrio.actors._cell import Cell
from actrio.actors._dead_letters import DeadLetter, LifeEvent
from actrio.actors._errors import NameTaken, RuntimeClosed, UnknownActor
from actrio.actors._lifecycle import State
from actrio.actors._metrics import RuntimeMetrics, Totals
from actrio.actors._node import Node
from actrio.actors._pool import Pool
from actrio.actors._process import Process
from actrio.actors._ref import ActorRef, SupervisorRef
from actrio.actors._report import make_report
from actrio.actors._resources import Resources
from actrio.actors._spec import ChildSpec, Definition, SpawnSettings, make_spec, plain_spec
from actrio.actors._supervision import RestartPolicy, Supervisor
from actrio.actors._supervisor import Family, SupervisorNode
from actrio.actors._topics import Topic, WrongTopicType
from actrio.actors._track import FunctionCounts
from actrio.mailbox import ActorStopped, Broadcast, DeadReason, Envelope, Inbox, Lagged, Subscription

M = TypeVar("M")
T = TypeVar("T")
RefT = TypeVar("RefT")
Ts = TypeVarTuple("Ts")

SPAWN_BUDGET = 16  # spawns without a wait before other tasks run
KEPT_EVENTS = 1_000  # dead letters, and life events, kept for a late subscriber

_RUNNING = State.RUNNING


class Runtime:
    """Actors, their supervisors and what they share. Made by :func:`open_runtime`; used from its thread only.

    Attributes:
        random: The source of all randomness in the runtime, seeded by ``open_runtime(seed=...)``.
        log: The logger ``actrio.runtime``; silent unless the host configures logging.
    """

    def __init__(self, nursery: trio.Nursery, policy: RestartPolicy, seed: int | None) -> None:
        self.nursery = nursery
        self._now = trio.lowlevel.current_clock().current_time
        self.clock: Callable[[], float] = _fast_clock()
        self.random: Random = Random(seed)  # noqa: S311 - jitter, not secrets
        self.log: logging.Logger = logging.getLogger("actrio.runtime")
        self.pool: Pool = Pool(nursery, self.clock)
        self._dead_letters: Broadcast[DeadLetter] = Broadcast("dead letters", keep=KEPT_EVENTS)
        self._events: Broadcast[LifeEvent] = Broadcast("life events", keep=KEPT_EVENTS)
        self.restarts = 0
        self._unyielding = 0  # spawns since other tasks ran
        self.resources: Resources = Resources(nursery)
        self._nodes: dict[str, Node] = {}
        self._numbers: dict[str, int] = {}  # {base name: the last number given to a namesake}
        self._topics: dict[str, Topic[Any]] = {}
        self.bury: Callable[[Envelope[Any], DeadReason], None] = self._bury  # for all inboxes; bound once
        self._past = Totals()  # of stopped actors
        self._functions: dict[str, FunctionCounts] = {}  # {name: of the tracked functions}
        self._closing = False
        root = ChildSpec(factory=Supervisor("runtime"))
        self._root = SupervisorNode(self, None, root, "runtime", "one_for_one", policy)

    # Spawning

    @overload
    async def spawn(self, factory: Supervisor, /, **settings: Unpack[SpawnSettings]) -> SupervisorRef: ...
    @overload
    async def spawn(self, factory: Definition[RefT], /, **settings: Unpack[SpawnSettings]) -> RefT: ...
    @overload
    async def spawn(
        self, factory: Callable[[*Ts], Actor], /, *args: *Ts, **settings: Unpack[SpawnSettings]
    ) -> ActorRef[Any]: ...
    @overload
    async def spawn(
        self,
        factory: Callable[[Inbox[M], *Ts], Awaitable[None]],
        /,
        *args: *Ts,
        **settings: Unpack[SpawnSettings],
    ) -> ActorRef[M]: ...
    async def spawn(self, factory: Any, /, *args: Any, **settings: Any) -> Any:  # type: ignore[misc]  # mypy: Any is not *Ts
        """Start an actor and give its ref, once its ``started`` has run.

        Always a cancellation point; other tasks run while ``started`` waits, and after every 16th spawn at the latest.

        What it is given can be built again, so a restart begins from fresh state: an :class:`Actor` class with its
        arguments, ``async def actor(inbox, *args)``, an :class:`Agent`, a :class:`Supervisor`. Settings are those of
        :class:`ChildSpec`: ``name``, ``restart`` (``temporary`` unless told), ``capacity``, ``overflow``,
        ``concurrency``, ``grace``, ``redeliver``.

        If this is cancelled, or ``__init__`` or ``started`` raises, nothing of the actor is left and its name is free.

        Raises:
            NameTaken: a living actor has the name.
            InvalidSpec, InvalidBound: it cannot be spawned so.
            RuntimeClosed: the runtime is closing.
            Exception: whatever the factory or ``started`` raised, or what ``started`` had set going; several errors
                as an exception group.
        """
        return await self.spawn_under(self._root, factory, args, settings)

    async def spawn_under(self, parent: Any, factory: Any, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """As :meth:`spawn`, under a given supervisor."""
        if self._closing:
            raise RuntimeClosed
        if not isinstance(factory, type) and hasattr(factory, "make_actor"):
            settings = {**factory.settings(), **settings}
        if parent.state is not _RUNNING:
            if parent.state is State.NEW:
                await parent.start()
            elif parent.state is not State.STARTING or parent.undoing:
                raise ActorStopped(parent.name, f"{parent.state.value}, so it takes no new children")
        if args or settings or not isinstance(factory, type):
            spec = make_spec(factory, args, settings)
        else:
            spec = plain_spec(factory)
        node = self.make_node(parent, spec)
        started = False
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            await node.start()
            self._unyielding += 1
            if self._unyielding >= SPAWN_BUDGET:
                self._unyielding = 0
                await trio.lowlevel.cancel_shielded_checkpoint()
            started = True
        finally:
            if not started:
                node.retiring = True  # so that no restart of its siblings starts it after all
                await node.end("its spawn did not finish")  # noqa: ASYNC102 - shields itself, and is bounded by the grace
                node.retire("its spawn did not finish", node.last_error)
        return node.ref

    def make_node(self, parent: SupervisorNode, spec: ChildSpec) -> Node:
        """A named actor that has not started, among its parent's children. Raises: NameTaken."""
        name = self._name_for(parent, spec)
        node: Node
        if spec.kind == "supervisor":
            node = SupervisorNode(self, parent, spec, name, spec.factory.strategy, spec.factory.policy)
        elif spec.kind == "coroutine":
            node = Process(self, parent, spec, name)
        else:
            node = Cell(self, parent, spec, name)
        self._nodes[name] = node
        parent.children[name] = node
        return node

    def _name_for(self, parent: SupervisorNode, spec: ChildSpec) -> str:
        name = spec.base_name if parent is self._root else f"{parent.name}/{spec.base_name}"
        if name not in self._nodes:
            return name
        if spec.name is not None or spec.kind in ("supervisor", "definition"):
            raise NameTaken(name)
        number = self._numbers.get(name, 1)
        while True:
            number += 1
            numbered = f"{name}-{number}"
            if numbered not in self._nodes:
                self._numbers[name] = number
                return numbered

    def make_family(self, cell: Cell) -> SupervisorNode:
        """The supervisor of the actors that one actor spawns."""
        return Family(self, cell, ChildSpec(factory=Supervisor("family")), cell.name, "one_for_one", RestartPolicy())

    def make_ref(self, node: Node, spec: ChildSpec) -> ActorRef[Any]:
        """The ref of a new actor."""
        if spec.kind == "supervisor":
            return SupervisorRef(node)
        if spec.kind == "definition":
            ref: ActorRef[Any] = spec.factory.make_ref(node)
            return ref
        return ActorRef(node)

    def stop_soon(self, node: Node, reason: str) -> None:
        """Stop an actor for good, in a task of the runtime."""
        if node.retiring or node.state is State.STOPPED:
            return
        node.retiring = True
        node.inbox.close(reason)  # at once, so that no queued message is handled any more
        self.nursery.start_soon(self._stop, node, reason, name=f"stop {node.name}")

    async def _stop(self, node: Node, reason: str) -> None:
        await node.end(reason)
        if node.state in (State.NEW, State.DOWN):
            node.retire(reason)

    # Looking up

    def find(self, name: str) -> ActorRef[Any]:
        """The living actor of that name. Raises: UnknownActor."""
        node = self._nodes.get(name)
        if node is None:
            raise UnknownActor(name, tuple(sorted(self._nodes)[:20]))
        return node.ref

    def names(self) -> tuple[str, ...]:
        """The names of all living actors, those spawned first before the others."""
        return tuple(self._nodes)

    def topic(self, name: str, message_type: type[T]) -> Topic[T]:
        """The topic of that name, made when first asked for. Raises: WrongTopicType."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = Topic(name, message_type)
        elif topic.message_type is not message_type:
            raise WrongTopicType(name, topic.message_type.__name__, message_type.__name__)
        return topic

    async def share(self, key: object, open_resource: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """What ``open_resource()`` gives, opened by the first who asks for ``key`` and closed with the runtime.

        For what is needed once a runtime: a model server, an HTTP client. Opened in a task of the runtime, after which
        the actors are long gone when it closes. If opening fails everybody who waits gets the error, and the next who
        asks tries again. Cancelling one who waits leaves the opening to the others.
        """
        if self._closing:
            raise RuntimeClosed
        shared: T = await self.resources.get(key, open_resource)
        return shared

    @overload
    def dead_letters(self, policy: Literal["lag"] = "lag") -> Subscription[DeadLetter | Lagged]: ...
    @overload
    def dead_letters(self, policy: Literal["disconnect"]) -> Subscription[DeadLetter]: ...
    def dead_letters(self, policy: Literal["lag", "disconnect"] = "lag") -> Subscription[Any]:
        """Messages that ended unhandled, with reasons: ``with runtime.dead_letters() as letters: async for ...``.

        Begins with the oldest of the last 1,000. Ends when the runtime closes. A slow reader cannot hold up actors: it
        is told how many it missed (``lag``) or is disconnected.
        """
        return self._dead_letters.subscribe(policy)

    @overload
    def events(self, policy: Literal["lag"] = "lag") -> Subscription[LifeEvent | Lagged]: ...
    @overload
    def events(self, policy: Literal["disconnect"]) -> Subscription[LifeEvent]: ...
    def events(self, policy: Literal["lag", "disconnect"] = "lag") -> Subscription[Any]:
        """Changes of actors' states, in the order they happened; otherwise as :meth:`dead_letters`."""
        return self._events.subscribe(policy)

    # What happens inside, told by its parts

    def note(self, name: str, state: str) -> None:
        """An actor changed its state."""
        self._events.send_nowait(LifeEvent(self._now(), name, state))

    def _bury(self, envelope: Envelope[Any], reason: DeadReason) -> None:
        to: ActorRef[Any] = envelope.inbox.owner
        sender: Any = envelope.sender
        self._dead_letters.send_nowait(DeadLetter(to, sender, envelope.message, reason, trio.current_time()))
        is_mistake = reason is DeadReason.UNHANDLED
        level = logging.WARNING if is_mistake else logging.INFO
        self.log.log(level, "dead letter: %s to %s: %s", type(envelope.message).__name__, to.name, reason.value)

    def forget(self, node: Node) -> None:
        """An actor has stopped for good: its name is free, its messages stay counted."""
        if self._nodes.get(node.name) is node:
            del self._nodes[node.name]
        self._past = self._past.plus(node.inbox.statistics())

    def fail(self, error: Exception, *, ending: bool = False) -> None:
        """An error that nobody else takes: it ends the runtime, and leaves :func:`open_runtime`.

        Not if the actor is ``ending``, or all of the runtime is, and the error only says that others have ended: who
        tells a neighbour that was stopped a moment before is not at fault.
        """
        if not self.excuses(error, ending=ending):
            self.nursery.start_soon(_raise, error, name="unhandled error")

    def excuses(self, error: Exception, *, ending: bool) -> bool:
        """Whether an error is nobody's fault, see :meth:`fail`."""
        excused = (ending or self._closing) and isinstance(error, ActorStopped | RuntimeClosed)
        if excused:
            self.log.info("while stopping: %s", error)
        return excused

    async def shut_down(self, *, at_once: bool) -> None:
        """Stop all actors, the last spawned first. Bounded by the grace of each.

        ``at_once``: handlers have been cancelled already, so no actor can answer: all mailboxes close first.
        """
        self._closing = True
        self._root.for_good = True
        if at_once:
            for node in tuple(self._nodes.values()):
                node.inbox.close("the runtime was cancelled")
        await self._root.end("the runtime closed")
        self._root.retire("the runtime closed")
        self.pool.close()
        await self.resources.close()
        self._dead_letters.close()
        self._events.close()

    async def start(self) -> None:
        """Ready the root supervisor."""
        await self._root.start()

    # Looking on

    def metrics(self) -> RuntimeMetrics:
        """A frozen snapshot of the whole tree."""
        actors = {name: node.ref.metrics() for name, node in self._nodes.items()}
        totals = self._past
        for one in actors.values():
            totals = totals.plus(one.mailbox)
        functions = {name: counts.snapshot(name) for name, counts in tuple(self._functions.items())}
        return RuntimeMetrics(trio.current_time(), actors, totals, self.pool.workers, self.restarts, functions)

    def report(self) -> str:
        """The living actors and the tracked functions with counts and times, as tables: ``print(runtime.report())``."""
        return make_report(self.metrics())

    def counts_of(self, function: str) -> FunctionCounts:
        """Where the calls of a tracked function are counted. For :func:`track`; may be called in any thread."""
        return self._functions.setdefault(function, FunctionCounts())

    def tree(self) -> str:
        """Supervisors and actors with their states and depths, one a line, children indented."""
        return "\n".join(_outline(self._root, 0))

    def __str__(self) -> str:
        return self.tree()

    def __repr__(self) -> str:
        state = "closing" if self._closing else "open"
        return f"<Runtime {state}, {len(self._nodes)} actors, {self.pool.workers} workers>"


def _outline(node: Node, depth: int) -> list[str]:
    lines = ["  " * depth + node.outline()]
    for one in node.offspring():
        lines += _outline(one, depth + 1)
    return lines


def _fast_clock() -> Callable[[], float]:
    """What durations are measured with: Trio's clock, or its source where that is known; three readings a message."""
    clock = trio.lowlevel.current_clock()
    return perf_counter if type(clock).__name__ == "SystemClock" else clock.current_time


async def _raise(error: Exception) -> None:
    raise error
