# Made from hosts/asyncio/_refs.py by tests/hosts/unasync.py: change that, and run this.
"""How a thread talks to the actors of its runtime."""

from collections.abc import AsyncIterable, Iterable
from functools import partial
from typing import Any, Generic, Literal, TypeVar, Unpack, cast, overload

from typing_extensions import TypeVar as TypeVarWithDefault

import actrio.agents as native
from actrio import actors
from actrio.actors import ActorMetrics, Down, State
from actrio.agents import AgentMetrics, Budget, Conversation, ConversationSummary, Reply, Work
from actrio.agents._prompt import Content
from actrio.agents.batch import BatchOptions, Outcome, Sequence
from actrio.agents.tools import Tool
from actrio.hosts.blocking._batch import Batch
from actrio.hosts.blocking._crossing import Crossing
from actrio.hosts.blocking._turn import Run, Turn
from actrio.mailbox import Request
from actrio.providers import Message

M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")
OutputT = TypeVarWithDefault("OutputT", default=str)
ResultT = TypeVarWithDefault("ResultT", default=str)

_TEXT: Any = str  # a result unless another is wanted


class ActorRef(Generic[M_contra]):
    """The address of one actor: see :class:`actrio.ActorRef`, whose methods these are.

    Equal to others of that actor.
    """

    __slots__ = ("_crossing", "_native")

    def __init__(self, crossing: Crossing, ref: actors.ActorRef[M_contra]) -> None:
        self._crossing = crossing
        self._native = ref

    @property
    def native(self) -> actors.ActorRef[M_contra]:
        """The ref that the runtime's own code uses, in its own thread."""
        return self._native

    @property
    def name(self) -> str:
        """Unique among the living actors of the runtime."""
        return self._native.name

    @property
    def state(self) -> State:
        """Where the actor is in its life."""
        return self._native.state

    def tell_nowait(self, message: M_contra) -> None:
        """Put a message into the actor's mailbox, if there is room. As :meth:`actrio.ActorRef.tell_nowait`."""
        self._crossing.do(self._native.tell_nowait, message)

    def tell(self, message: M_contra) -> None:
        """Put a message into the actor's mailbox, waiting for room. As :meth:`actrio.ActorRef.tell`."""
        self._crossing.call(self._native.tell, message)

    def ask(self, message: Request[R], *, detached: bool = False) -> R:
        """Send a request and wait for its reply. As :meth:`actrio.ActorRef.ask`."""
        return self._crossing.call(self._native.ask, message, detached=detached)

    def stop(self) -> None:
        """Stop the actor for good, and wait until it has. As :meth:`actrio.ActorRef.stop`."""
        self._crossing.call(self._native.stop)

    def watch(self) -> Down:
        """Wait until the actor has stopped for good; gives why. As :meth:`actrio.ActorRef.watch`."""
        return self._crossing.call(self._native.watch)

    def metrics(self) -> ActorMetrics:
        """A frozen snapshot of this actor."""
        return self._crossing.do(self._native.metrics)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActorRef) and self._native is cast("Any", other)._native

    def __hash__(self) -> int:
        return hash(self._native)

    def __repr__(self) -> str:
        return repr(self._native)


class SupervisorRef(ActorRef[Any]):
    """The address of a supervisor: see :class:`actrio.SupervisorRef`."""

    __slots__ = ()

    def child(self, name: str) -> ActorRef[Any]:
        """A child by the name it has in the supervisor's list. Raises: UnknownActor."""
        found: ActorRef[Any] = wrap(self._crossing, self._crossing.do(self._supervisor.child, name))
        return found

    def spawn(self, factory: Any, *args: Any, **settings: Any) -> Any:
        """Add a child at the end of the list. As :meth:`actrio.SupervisorRef.spawn`."""
        inside = [unwrap(one) for one in args]
        return wrap(self._crossing, self._crossing.call(self._supervisor.spawn, factory, *inside, **settings))

    @property
    def _supervisor(self) -> actors.SupervisorRef:
        return cast("actors.SupervisorRef", self._native)


class AgentRef(ActorRef[native.Prompt], Generic[OutputT]):
    """The address of an agent: see :class:`actrio.AgentRef`, whose methods these are."""

    __slots__ = ()

    @property
    def _agent(self) -> native.AgentRef[OutputT]:
        return cast("native.AgentRef[OutputT]", self._native)

    @property
    def description(self) -> str:
        """What its agent is for, as the definition says; may be empty."""
        return self._agent.description

    # A request is an object too, which may be asked as a record; the first that matches holds, as it does at run time.
    @overload
    def ask(  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload]
        self,
        message: Request[R],
        *,
        detached: bool = False,
    ) -> R: ...
    @overload
    def ask(
        self,
        message: Content,
        *,
        conversation: str | None = None,
        budget: Budget | None = None,
        detached: bool = False,
    ) -> Reply[OutputT]: ...
    def ask(
        self,
        message: Any,
        *,
        conversation: str | None = None,
        budget: Budget | None = None,
        detached: bool = False,
    ) -> Any:
        """Have the agent answer, and wait for the whole answer. As :meth:`actrio.AgentRef.ask`."""
        ask: Any = self._agent.ask
        return self._crossing.call(ask, message, conversation=conversation, budget=budget, detached=detached)

    def run(
        self,
        content: Content,
        *,
        conversation: str | None = None,
        budget: Budget | None = None,
        on_leave: Literal["cancel", "continue"] = "cancel",
    ) -> Run[OutputT]:
        """Have the agent answer, and read while it does: ``with ref.run("Hello.") as turn``.

        Or without a block: ``for piece in ref.run("Hello.").text()``. Else as :meth:`actrio.AgentRef.run`.
        """
        begin = partial(self._agent.run, content, conversation=conversation, budget=budget, on_leave=on_leave)
        return Run(self._crossing, begin)

    def work(
        self,
        task: Content,
        *,
        result: type[ResultT] = _TEXT,
        max_steps: int | None = None,
        conversation: str | None = None,
        budget: Budget | None = None,
    ) -> Work[ResultT]:
        """Have the agent work on a task until its model says that it is done. As :meth:`actrio.AgentRef.work`."""
        return self._crossing.call(
            self._agent.work, task, result=result, max_steps=max_steps, conversation=conversation, budget=budget
        )

    def batch(
        self, inputs: Iterable[Content] | AsyncIterable[Content], **options: Unpack[BatchOptions]
    ) -> list[Outcome[Reply[OutputT]]]:
        """Have the agent answer many, and give the outcomes in their order. As :meth:`actrio.AgentRef.batch`.

        The inputs are read in the runtime's thread: an iterator that blocks holds it up, and an async one must be one
        of Trio's.
        """
        return self._crossing.call(self._agent.batch, inputs, **options)

    def open_batch(
        self, inputs: Iterable[Content] | AsyncIterable[Content] = (), **options: Unpack[BatchOptions]
    ) -> Batch[Content, Reply[OutputT]]:
        """The same to read as outcomes come, and to add to: ``with ref.open_batch(...) as batch``.

        As :meth:`actrio.AgentRef.open_batch`; the inputs as in :meth:`batch`.
        """
        return Batch(self._crossing, partial(self._agent.open_batch, inputs, **options))

    def sequence(
        self, messages: Iterable[Content] | AsyncIterable[Content], *, conversation: str | None = None
    ) -> Sequence[OutputT]:
        """Have the agent answer messages one after the other. As :meth:`actrio.AgentRef.sequence`."""
        return self._crossing.call(self._agent.sequence, messages, conversation=conversation)

    def steer(self, text: str, *, conversation: str | None = None) -> int:
        """Say something to the turns that are at work. As :meth:`actrio.AgentRef.steer`."""
        return self._crossing.do(self._agent.steer, text, conversation=conversation)

    def turns(self) -> tuple[Turn[OutputT], ...]:
        """The turns that are at work."""
        turns = self._crossing.do(lambda: self._agent.turns)
        return tuple(Turn(self._crossing, turn) for turn in turns)

    def as_tool(
        self, *, name: str | None = None, description: str | None = None, timeout: float | None = None
    ) -> Tool[..., Any]:
        """This agent as a tool of another agent of the same runtime. As :meth:`actrio.AgentRef.as_tool`."""
        return self._agent.as_tool(name=name, description=description, timeout=timeout)

    def as_hand_off(self, *, name: str | None = None, description: str | None = None) -> Tool[..., Any]:
        """A tool that hands a conversation over to this agent. As :meth:`actrio.AgentRef.as_hand_off`."""
        return self._agent.as_hand_off(name=name, description=description)

    def conversation(self, key: str) -> "RemoteConversation":
        """What the agent remembers under a key, to read, clear or fork."""
        return RemoteConversation(self._crossing, self._agent.conversation(key))

    def history(self, conversation: str) -> tuple[Message, ...]:
        """What the agent remembers under a key, oldest first: of the turns that are over."""
        return self._crossing.do(self._agent.history, conversation)

    def metrics(self) -> AgentMetrics:
        """A frozen snapshot of this agent and its actor."""
        return self._crossing.do(self._agent.metrics)


class RemoteConversation:
    """What an agent remembers under a key: see :class:`actrio.agents.Conversation`, whose methods these are."""

    __slots__ = ("_crossing", "_native", "key")

    def __init__(self, crossing: Crossing, conversation: Conversation) -> None:
        self._crossing = crossing
        self._native = conversation
        self.key: str = conversation.key

    def messages(self) -> tuple[Message, ...]:
        """What is remembered, oldest first."""
        return self._crossing.do(lambda: self._native.messages)

    def load(self) -> "RemoteConversation":
        """Read it from the store, if it is not in memory. Raises what the store raises."""
        self._crossing.call(self._native.load)
        return self

    def summary(self) -> ConversationSummary:
        """What there is of it."""
        return self._crossing.do(self._native.summary)

    def clear(self) -> None:
        """Forget it, in the store too. Raises what the store raises, and then nothing is forgotten."""
        self._crossing.call(self._native.clear)

    def fork(self, key: str) -> "RemoteConversation":
        """Have another conversation that begins as this one is now. As :meth:`actrio.agents.Conversation.fork`."""
        return RemoteConversation(self._crossing, self._crossing.call(self._native.fork, key))

    def __repr__(self) -> str:
        return f"<RemoteConversation {self.key!r}>"


def wrap(crossing: Crossing, value: Any) -> Any:
    """A ref of the runtime's as the host can use it; anything else as it is."""
    if isinstance(value, native.AgentRef):
        return AgentRef(crossing, cast("Any", value))
    if isinstance(value, actors.SupervisorRef):
        return SupervisorRef(crossing, value)
    if isinstance(value, actors.ActorRef):
        return ActorRef[Any](crossing, cast("Any", value))
    return value


def unwrap(value: Any) -> Any:
    """A ref of the host's as the runtime can use it; anything else as it is."""
    return cast("Any", value).native if isinstance(value, ActorRef) else value
