# Made from hosts/asyncio/_calls.py by tests/hosts/unasync.py: change that, and run this.
"""What a host can do with its runtime, from a thread."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Literal, ParamSpec, TypeVar, TypeVarTuple, Unpack, overload

import actrio.agents as native
from actrio.actors import Actor, DeadLetter, LifeEvent, Runtime, RuntimeMetrics, SpawnSettings, Supervisor
from actrio.agents import Budget, Reply
from actrio.agents._prompt import Content
from actrio.agents.batch import BatchOptions, Outcome
from actrio.hosts._errors import RuntimeStopped
from actrio.hosts._streams import pump
from actrio.hosts.blocking._crossing import Crossing, Reader
from actrio.hosts.blocking._refs import ActorRef, AgentRef, SupervisorRef, unwrap, wrap
from actrio.hosts.blocking._topic import Topic
from actrio.hosts.blocking._turn import Run
from actrio.mailbox import Inbox, Lagged

P = ParamSpec("P")
M = TypeVar("M")
T = TypeVar("T")
OutputT = TypeVar("OutputT")
Ts = TypeVarTuple("Ts")


class Calls:
    """The methods of :class:`actrio.Runtime`, for a host, and a few of its own."""

    _crossing: Crossing

    @property
    def runtime(self) -> Runtime:
        """The runtime, for code that runs in it. Raises: RuntimeStopped."""
        runtime = self._crossing.bridge.runtime
        if runtime is None:
            raise self._crossing.bridge.stopped()
        return runtime

    @overload
    def spawn(self, factory: Supervisor, /, **settings: Unpack[SpawnSettings]) -> SupervisorRef: ...
    @overload
    def spawn(self, factory: native.Agent[OutputT], /, **settings: Unpack[SpawnSettings]) -> AgentRef[OutputT]: ...
    @overload
    def spawn(
        self, factory: Callable[[*Ts], Actor], /, *args: *Ts, **settings: Unpack[SpawnSettings]
    ) -> ActorRef[Any]: ...
    @overload
    def spawn(
        self,
        factory: Callable[[Inbox[M], *Ts], Awaitable[None]],
        /,
        *args: *Ts,
        **settings: Unpack[SpawnSettings],
    ) -> ActorRef[M]: ...
    @overload
    def spawn(self, factory: Callable[..., Any], /, *args: Any, **settings: Unpack[SpawnSettings]) -> Any: ...
    def spawn(self, factory: Any, /, *args: Any, **settings: Any) -> Any:  # type: ignore[misc]  # mypy: Any is not *Ts
        """Start an actor and give its ref. As :meth:`actrio.Runtime.spawn`.

        Refs of this host among the arguments are the runtime's own when they arrive.
        """
        native_args = [unwrap(one) for one in args]
        return wrap(self._crossing, self._crossing.call(self.runtime.spawn, factory, *native_args, **settings))

    def run(
        self,
        ref: AgentRef[OutputT],
        content: Content,
        *,
        conversation: str | None = None,
        budget: Budget | None = None,
        on_leave: Literal["cancel", "continue"] = "cancel",
    ) -> Run[OutputT]:
        """As :meth:`AgentRef.run`: ``for piece in host.run(writer, "Hello.").text()``."""
        return ref.run(content, conversation=conversation, budget=budget, on_leave=on_leave)

    def turn(
        self, begin: Callable[P, AbstractAsyncContextManager[native.Turn[OutputT]]], *args: P.args, **kwargs: P.kwargs
    ) -> Run[OutputT]:
        """A turn that a function of the runtime's opens: ``host.turn(client.run, "writer", "Hello.")``.

        For what has a ``run`` of its own, such as a client of a gateway, or a native ref. Else as :meth:`run`.
        """
        return Run(self._crossing, partial(begin, *args, **kwargs))

    def batch(
        self, ref: AgentRef[OutputT], inputs: Iterable[Content], **options: Unpack[BatchOptions]
    ) -> list[Outcome[Reply[OutputT]]]:
        """As :meth:`AgentRef.batch`: ``host.batch(writer, questions, max_concurrency=10)``."""
        return ref.batch(inputs, **options)

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an async function of your own in the runtime's thread, and give what it returns or raise what it raises.

        Refs of this host among the arguments are the runtime's own when they arrive, and a ref that it returns is one
        of this host's. The function ends with the runtime.
        """
        inside: Any = function  # with other arguments, of which no checker can say the types
        result: T = wrap(self._crossing, self._crossing.call(inside, *map(unwrap, args), **kwargs))
        return result

    def find(self, name: str) -> ActorRef[Any]:
        """The living actor of that name; an :class:`AgentRef` if it is an agent. Raises: UnknownActor."""
        found: ActorRef[Any] = wrap(self._crossing, self._crossing.do(self.runtime.find, name))
        return found

    def topic(self, name: str, message_type: type[T]) -> Topic[T]:
        """The topic of that name, made when first asked for. Raises: WrongTopicType."""
        return Topic(self._crossing, self._crossing.do(self.runtime.topic, name, message_type))

    def dead_letters(self, policy: Literal["lag", "disconnect"] = "lag") -> Reader[DeadLetter | Lagged]:
        """Messages that ended unhandled, with reasons. As :meth:`actrio.Runtime.dead_letters`."""
        subscribe: Any = self.runtime.dead_letters
        return self._crossing.read(pump, lambda: subscribe(policy))

    def events(self, policy: Literal["lag", "disconnect"] = "lag") -> Reader[LifeEvent | Lagged]:
        """Changes of actors' states, in the order they happened. As :meth:`actrio.Runtime.events`."""
        subscribe: Any = self.runtime.events
        return self._crossing.read(pump, lambda: subscribe(policy))

    def metrics(self) -> RuntimeMetrics:
        """A frozen snapshot of the whole tree."""
        return self._crossing.do(self.runtime.metrics)

    def report(self) -> str:
        """What its metrics say, as a text for people. As :meth:`actrio.Runtime.report`."""
        return self._crossing.do(self.runtime.report)

    def names(self) -> tuple[str, ...]:
        """The names of all living actors, those spawned first before the others."""
        return self._crossing.do(self.runtime.names)

    def tree(self) -> str:
        """Supervisors and actors with their states and depths, one a line, children indented."""
        return self._crossing.do(self.runtime.tree)

    def _leave(self, error: BaseException | None) -> None:
        """Stop at the end of a block, and raise what had ended the runtime, if the block does not know of it."""
        crash = self._crossing.stop(at_once=error is not None)
        if crash is None or (isinstance(error, RuntimeStopped) and error.__cause__ is crash):
            return
        if error is None:
            raise crash
        raise BaseExceptionGroup("errors of the block and of the runtime", [error, crash]) from None
