"""What a user defines: a flow."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction, isfunction, unwrap
from types import NoneType
from typing import Any, ClassVar, TypeVar, cast, get_args, get_type_hints, overload

import trio
from attrs import frozen

from actrio.actors import Actor, ActorRef, handles
from actrio.agents.flow._diagram import draw
from actrio.agents.flow._errors import FlowInterrupted, InvalidFlow
from actrio.agents.flow._reaction import Handler
from actrio.agents.flow._run import FlowRun
from actrio.agents.flow._saved import check, register
from actrio.agents.flow._snapshot import FlowSnapshot
from actrio.agents.flow._trigger import Trigger
from actrio.mailbox import Codec, Request
from actrio.mailbox._bounds import check_whole
from actrio.mailbox._nursery import open_nursery

SignalT = TypeVar("SignalT")

DEFAULT_MAX_SIGNALS = 10_000
DEFAULT_KEEP = 1_000  # items of the stream
DEFAULT_RUNS = 8


class Flow:
    """An event-driven flow: handlers, and the signals that set them off.

        flow = Flow("report")

        @flow.on(Topic)
        async def research(topic: Topic, run: FlowRun) -> Facts:
            ...

    A run of it is opened with :meth:`open`, or gone through as a whole with :meth:`start`. Any number of runs may go on
    at once; each has its own state. Spawned in a runtime, ``ref = await runtime.spawn(flow)``, it is an actor:
    ``await ref.start(input)``.

    Args:
        name: What errors, diagrams and snapshots call it.
        max_signals: How many signals a run may have; one more ends it with `FlowNeverSettles`.
        keep: How many items of its stream a run keeps for those who read.
        codec: What signals, answers and state are saved with. Types of signals and answers register themselves there,
            by their names; register those yourself that should have other ones.
        runs: How many runs go on at once where it is an actor.
    """

    kind: ClassVar[str] = "flow"  # what metrics and the tree call it

    def __init__(
        self,
        name: str,
        *,
        max_signals: int = DEFAULT_MAX_SIGNALS,
        keep: int = DEFAULT_KEEP,
        codec: Codec | None = None,
        runs: int = DEFAULT_RUNS,
    ) -> None:
        if not name or "/" in name:
            raise InvalidFlow(name, "a name is not empty and has no '/'")
        check_whole(name, "max_signals", max_signals)
        check_whole(name, "keep", keep)
        check_whole(name, "runs", runs)
        self.name: str = name
        self.max_signals: int = max_signals
        self.keep: int = keep
        self.codec: Codec = Codec() if codec is None else codec
        self.handlers: dict[str, Handler] = {}  # {name: handler}, in the order they were made
        self._runs = runs

    @overload
    def on(
        self, signal: type[SignalT], /, *, concurrency: int | None = None, emits: Iterable[type] = ()
    ) -> Callable[
        [Callable[[SignalT, FlowRun], Awaitable[Any]]],
        Callable[[SignalT, FlowRun], Awaitable[Any]],
    ]: ...
    @overload
    def on(
        self, signal: Trigger[SignalT], /, *, concurrency: int | None = None, emits: Iterable[type] = ()
    ) -> Callable[
        [Callable[[SignalT, FlowRun], Awaitable[Any]]],
        Callable[[SignalT, FlowRun], Awaitable[Any]],
    ]: ...
    def on(self, signal: Any, /, *, concurrency: int | None = None, emits: Iterable[type] = ()) -> Callable[[Any], Any]:
        """Have an async function called for signals of a type, or for several at once, with them and the run.

        What it returns, unless None, is emitted. A signal sets off every handler of its type or of a base of it.

        Args:
            signal: A type; or what `any_of`, `all_of` and `collect` make of types.
            concurrency: How many calls of it are at work at once in one run; None: as many as there are signals. One
                that waits in ``run.emit`` or ``run.pause_for`` is not at work.
            emits: Types of signals that it emits, for the diagram; its return annotation needs no mention.

        Raises:
            InvalidFlow: another handler has the function's name.
            InvalidBound: ``concurrency`` is less than 1.
        """
        trigger: Trigger[Any] = Trigger((signal,)) if isinstance(signal, type) else signal
        if not isinstance(cast("object", trigger), Trigger):
            raise InvalidFlow(
                self.name, f"{signal!r} is no type of signals, and not what any_of, all_of or collect make"
            )
        if concurrency is not None:
            check_whole(self.name, "concurrency", concurrency)
        for kind in trigger.kinds:
            register(self.codec, kind)

        def add(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            name = function.__name__
            if isfunction(function) and not iscoroutinefunction(unwrap(function)):
                raise InvalidFlow(self.name, f"{name} must be `async def`: async def {name}(signal, run)")
            if name in self.handlers:
                raise InvalidFlow(self.name, f"it has a handler {name!r} already; give this one another name")
            made = (*emits, *_returned(function))
            self.handlers[name] = Handler(name, function, trigger, concurrency, tuple(dict.fromkeys(made)))
            return function

        return add

    async def start(self, signal: object) -> FlowSnapshot:
        """Run it on one signal, until nothing more can happen, and give how the run then is.

        Cancelling this cancels its handlers. If handlers then wait for answers, the snapshot has what to restore them
        from.

        Raises:
            FlowNeverSettles: it had more signals than it may.
            Exception: what a handler raised; several as an exception group.
        """
        async with self.open(signal) as run:
            run.seal()
            await run.settled()
            return run.snapshot()

    @asynccontextmanager
    async def open(self, signal: object = None) -> AsyncGenerator[FlowRun]:
        """A run, for the length of a block; on a signal, if there is one: ``async with flow.open(topic) as run``.

        When the block is left the run takes no more signals, and its handlers are waited for; those that then wait for
        answers are cancelled. Leaving the block by an error, or cancelling it, cancels all handlers.

        Raises: as :meth:`start`. An error of a handler cancels the block and is raised in its place; with one of the
        block itself, both come in an exception group.
        """
        async with self._opened() as run:
            if signal is not None:
                run.emit_nowait(signal)
            yield run

    @asynccontextmanager
    async def restore(self, saved: object) -> AsyncGenerator[FlowRun]:
        """The run that was saved, to go on with, as :meth:`open`.

        Give it a :class:`FlowSnapshot`, or the data that `FlowRun.save` gave. Handlers that had not returned begin
        again; what they had emitted, put and been answered is not done again, but taken from the snapshot.

        Raises:
            InvalidFlow: it is no snapshot of this flow.
            CodecError: a signal in it cannot be read.
            FlowDiverged: a handler does something else than it did before it was saved.
            Others: as :meth:`open`.
        """
        data = saved.saved if isinstance(saved, FlowSnapshot) else saved
        known = check(self.name, self.handlers, data)
        async with self._opened() as run:
            run.restore(known)
            yield run

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[FlowRun]:
        run: FlowRun | None = None
        try:
            async with open_nursery() as nursery:
                run = FlowRun(self, nursery)
                yield run
                run.seal()
                run.close_readers()
                await run.settled()
                nursery.cancel_scope.cancel()  # those that wait for answers
        except BaseException as error:
            _end(run, self.name, error)
            raise
        assert run is not None
        _end(run, self.name, None)

    def diagram(self) -> str:
        """Its signals and handlers as a flowchart in Mermaid's language."""
        return draw(self.handlers.values())

    def __repr__(self) -> str:
        return f"<Flow {self.name!r}: {len(self.handlers)} handlers>"

    # For the runtime, see Definition

    def make_actor(self) -> Actor:
        """A fresh instance of its actor."""
        return FlowActor(self)

    def make_ref(self, node: Any) -> "FlowRef":
        """The ref of a new actor."""
        return FlowRef(node)

    def settings(self) -> dict[str, Any]:
        """How it is spawned."""
        return {"concurrency": self._runs}


def _end(run: FlowRun | None, name: str, error: BaseException | None) -> None:
    """Close a run. Raises: the errors of its handlers, and with them that of the block, if it is another."""
    if run is None:
        return
    errors = list(run.errors)
    if error is not None and not errors:
        run.end(error if isinstance(error, Exception) else FlowInterrupted(name))
        return
    run.end(errors[0] if errors else None)
    if not errors:
        return
    all_errors: list[BaseException] = [*errors]
    if error is not None and error not in errors:
        all_errors.insert(0, error)
    if len(all_errors) > 1:
        # Of exceptions, unless one is a cancellation from further out, which its scope takes out of the group.
        raise BaseExceptionGroup(f"errors of the run of flow {name!r}", all_errors) from None
    raise errors[0] from errors[0].__cause__


def _returned(function: Callable[..., Any]) -> tuple[type, ...]:
    """The types of signals that a handler returns, as far as its annotation tells."""
    try:
        returned = get_type_hints(function).get("return")
    except (NameError, TypeError):
        return ()
    members = get_args(returned) or (returned,)
    return tuple(one for one in members if isinstance(one, type) and one is not NoneType)


@frozen
class StartFlow(Request[FlowSnapshot]):
    """Asked of a flow's actor: run it on this signal."""

    signal: object


class FlowActor(Actor):
    """A flow in a runtime: every ask is a run of its own, cancelled when its asker is."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    @handles(raises=(Exception,))
    async def start(self, message: StartFlow) -> FlowSnapshot:
        """One run."""
        return await self._flow.start(message.signal)


class FlowRef(ActorRef[StartFlow]):
    """The address of a flow that was spawned."""

    __slots__ = ()

    async def start(self, signal: object) -> FlowSnapshot:
        """As `Flow.start`, in its actor. Cancelling this cancels the run. Raises too: as `ActorRef.ask`."""
        await trio.lowlevel.checkpoint()
        return await self.ask(StartFlow(signal))
