"""What a user defines: an agent."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Generic, cast

from attrs import field, frozen
from typing_extensions import TypeVar

from actrio.actors import Actor, InvalidSpec
from actrio.agents._actor import AgentActor
from actrio.agents._budget import Budget, Price
from actrio.agents._conversation import HistoryLimit
from actrio.agents._middleware import Middleware
from actrio.agents._prices import known_price
from actrio.agents._ref import AgentRef
from actrio.agents._store import ConversationStore
from actrio.agents.output import OutputType
from actrio.agents.tools import Tool, as_tools, check_tools
from actrio.mailbox import InvalidBound
from actrio.providers import Message, ModelRequest, Provider, ToolChoice, ToolDefinition, User, as_provider

OutputT = TypeVar("OutputT", default=str)

DEFAULT_CONCURRENCY = 8  # turns
DEFAULT_HISTORY_LIMIT = 1_000  # messages
DEFAULT_MAX_CONVERSATIONS = 10_000
DEFAULT_OUTPUT_RETRIES = 2
DEFAULT_MAX_STEPS = 20  # calls of the model in one turn
DEFAULT_MAX_EVENTS = 100_000  # about 15 MB, if a turn ever has as many


_LEAST = {
    "concurrency": 1,
    "history_limit": 0,
    "history_tokens": 0,
    "max_conversations": 1,
    "max_events": 1,
    "max_steps": 1,
    "output_retries": 0,
}


def _unchecked(value: object) -> object:
    """A value whose annotation not every caller's type checker has seen to."""
    return value


def _as_middleware(middleware: Iterable[Middleware]) -> tuple[Middleware, ...]:
    if isinstance(middleware, Middleware):
        raise TypeError("middleware is a list of them: middleware=[...]")
    return tuple(middleware)


def _as_stop(stop: str | Iterable[str]) -> tuple[str, ...]:
    return (stop,) if isinstance(stop, str) else tuple(stop)


@frozen
class Agent(Generic[OutputT]):
    """An agent: a model with instructions, spawned as an actor: ``ref = await runtime.spawn(Agent("writer", model))``.

    A definition has no state. It may be spawned any number of times, in any runtime; each time it has conversations of
    its own, which outlive restarts of the actor and end with its ref. The model is opened once a runtime, by the first
    turn that needs it, however many agents share it.

    Args:
        name: The actor's name, unless ``spawn`` is given another.
        model: A name, ``"openai:gpt-5-mini"``, see ``model_named``; or a provider: ``LocalProvider()``,
            ``ScriptedProvider("Hello.")``. Kept as the provider.
        description: What it is for, as other agents are told that have it as a tool.
        instructions: What the model is told before every conversation.
        concurrency: How many turns go on at once; of one conversation never more than one.
        history_limit: The most messages that are remembered of a conversation, and sent. Beyond it the oldest turns
            are forgotten, each as a whole. 0: none.
        history_tokens: The same in tokens, by estimate. None: no such bound.
        store: Where conversations are kept beside the agent's memory. None: nowhere.
        max_conversations: The most conversations that are remembered; the longest unused is forgotten first.
        max_events: The most pieces in which an answer may come. A turn keeps them all, so that it can be read again.
        output: What its answers are to be: an attrs class, a dataclass, a struct of msgspec's, a TypedDict, a union, a
            list, a model of pydantic's. The reply has it as ``data``. Plain text unless given.
        output_retries: How often the model is told in one turn that its answer is not of that type, and answers again.
        tools: What its model may call: functions, or what ``@tool`` makes of them.
        tool_choice: Whether the model must call a tool, in its first step; "none": never. See ``ModelRequest``.
        parallel_tool_calls: See ``ModelRequest``.
        deps: What tools get that the model is not told of: {name of a parameter: its value}.
        middleware: What stands around its turns, model calls and tool calls, the outermost first.
        budget: What all its turns together may cost, over restarts, with what its tools ask of other agents.
        price: What its model costs, for a budget of cost, and for the cost in replies and metrics. None: as
            ``actrio.agents.PRICES`` has it, if it does.
        max_steps: How often the model is called in one turn, at most.
        max_tokens, temperature, top_p, seed, stop: Passed on in each request, see ``ModelRequest``. None: the model's
            own.

    Raises:
        InvalidSpec: no name, or a model that is neither a name nor a provider.
        UnknownModel: the model's name does not say which.
        InvalidBound: a bound that cannot be.
        InvalidOutputType: JSON cannot carry the output type.
        InvalidTool: a function that cannot be a tool, or two of one name.
        ValueError: a setting of the request is out of its range.
    """

    kind: ClassVar[str] = "agent"  # what metrics and the tree call it

    name: str
    model: Provider = field(converter=as_provider)
    instructions: str = ""
    description: str = field(default="", kw_only=True)
    concurrency: int = field(default=DEFAULT_CONCURRENCY, kw_only=True)
    history_limit: int = field(default=DEFAULT_HISTORY_LIMIT, kw_only=True)
    history_tokens: int | None = field(default=None, kw_only=True)
    store: ConversationStore | None = field(default=None, kw_only=True)
    max_conversations: int = field(default=DEFAULT_MAX_CONVERSATIONS, kw_only=True)
    max_events: int = field(default=DEFAULT_MAX_EVENTS, kw_only=True)
    max_tokens: int | None = field(default=None, kw_only=True)
    temperature: float | None = field(default=None, kw_only=True)
    top_p: float | None = field(default=None, kw_only=True)
    # A type, or what typing makes of types, such as a union; `str` is plain text.
    output: type[OutputT] = field(default=cast("type[OutputT]", str), kw_only=True)
    output_retries: int = field(default=DEFAULT_OUTPUT_RETRIES, kw_only=True)
    tools: tuple[Tool[..., Any], ...] = field(default=(), kw_only=True, converter=as_tools)
    tool_choice: ToolChoice = field(default="auto", kw_only=True)
    parallel_tool_calls: bool | None = field(default=None, kw_only=True)
    deps: Mapping[str, Any] = field(factory=dict[str, Any], kw_only=True, hash=False)
    middleware: tuple[Middleware, ...] = field(default=(), kw_only=True, converter=_as_middleware)
    budget: Budget | None = field(default=None, kw_only=True)
    price: Price | None = field(default=None, kw_only=True)
    max_steps: int = field(default=DEFAULT_MAX_STEPS, kw_only=True)
    seed: int | None = field(default=None, kw_only=True)
    stop: tuple[str, ...] = field(default=(), kw_only=True, converter=_as_stop)

    # How answers are read; None for plain text.
    output_type: OutputType[OutputT] | None = field(default=None, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        name, model = _unchecked(self.name), _unchecked(self.model)
        if not isinstance(name, str) or not name or "/" in name:
            raise InvalidSpec(str(name), "an agent's name is a text, not empty and without '/'")
        if isinstance(model, type):
            raise InvalidSpec(name, f"model={model.__name__} is a class; give what {model.__name__}(...) makes")
        if not isinstance(model, Provider):
            problem = (
                f"model={model!r} is no provider. Give one, or a name: LocalProvider(), 'openai:gpt-5-mini', or "
                "ScriptedProvider('Hello.') in a test"
            )
            raise InvalidSpec(name, problem)
        budget = _unchecked(self.budget)
        if budget is not None and not isinstance(budget, Budget):
            raise InvalidSpec(name, f"budget={budget!r} is no Budget, such as Budget(tokens=10_000)")
        for setting, least in _LEAST.items():
            value = getattr(self, setting)
            if setting == "history_tokens" and value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidBound(name, setting, value, f"must be a whole number of at least {least}")
        if self.price is None:
            object.__setattr__(self, "price", known_price(self.model))
        if self.output is not str:
            object.__setattr__(self, "output_type", OutputType(name, self.output))
        self.request([User("")], check_tools(self.tools, frozenset(self.deps)))

    def request(
        self, messages: Iterable[Message], tools: Iterable[ToolDefinition] = (), *, first: bool = True
    ) -> ModelRequest:
        """What the model is sent in one step; a call that it must make, it must make in the first."""
        return ModelRequest(
            messages,
            tools=tools,
            tool_choice=self.tool_choice if first or self.tool_choice == "none" else "auto",
            parallel_tool_calls=self.parallel_tool_calls,
            response_format=None if self.output_type is None else self.output_type.format,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            stop=self.stop,
        )

    @property
    def limit(self) -> HistoryLimit:
        """How much it remembers of a conversation."""
        return HistoryLimit(self.history_limit, self.history_tokens)

    # For the runtime, see Definition

    def make_actor(self) -> Actor:
        """A fresh instance of its actor."""
        return AgentActor(self)

    def make_ref(self, node: Any) -> AgentRef[OutputT]:
        """The ref of a new actor."""
        return AgentRef(node, self)

    def settings(self) -> dict[str, Any]:
        """How it is spawned."""
        return {"concurrency": self.concurrency}
