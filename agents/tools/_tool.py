"""What a user defines: a tool, made of a function."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import MethodType
from typing import Any, Generic, Literal, ParamSpec, TypeAlias, TypeVar, overload

from attrs import evolve, field, frozen
from docstring_parser import parse as parse_docstring

from actrio.agents.tools._errors import InvalidTool
from actrio.agents.tools._signature import Signature, read_signature
from actrio.providers import ToolDefinition

P = ParamSpec("P")
R = TypeVar("R")

# Where a tool runs: an async function in the agent's own run, another in a worker thread or a worker process.
RunIn: TypeAlias = Literal["trio", "thread", "process"]


@frozen(eq=False)
class Tool(Generic[P, R]):
    """A function that a model may call. Made by :func:`tool`; calling it calls the function.

    Attributes:
        function: The function.
        name: What the model calls it by.
        description: What the model is told that it does.
        timeout: Seconds for all of a call, its attempts and its wait for a place; None: no bound.
        idempotent: Whether calling it twice does the same as once. Only then is it tried again.
        attempts: How often it is tried, if idempotent.
        max_concurrent: How many calls of it go on at once in this process; None: no bound.
        run_in: Where it runs.
        approval: Whether a person has to approve of each call.
        parameters: What the model is told of each parameter.
    """

    function: Callable[P, R]
    name: str
    description: str
    timeout: float | None = None
    idempotent: bool = False
    attempts: int = 3
    max_concurrent: int | None = None
    run_in: RunIn = "trio"
    approval: bool = False
    parameters: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    _signatures: dict[frozenset[str], Signature] = field(
        factory=dict[frozenset[str], Signature], repr=False, init=False
    )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, as if it were no tool."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> "Tool[..., R]":
        """A method's tool, bound to its object."""
        if instance is None:
            return self
        return evolve(self, function=MethodType(self.function, instance))

    @property
    def __wrapped__(self) -> Callable[P, R]:
        """The function, for :mod:`inspect`."""
        return self.function

    def signature(self, given: frozenset[str] = frozenset()) -> Signature:
        """What it takes from the model, when the agent gives the parameters of these names. Read once.

        Raises: InvalidTool.
        """
        signature = self._signatures.get(given)
        if signature is None:
            signature = read_signature(self.name, self.function, given, self.parameters)
            self._signatures[given] = signature
        return signature

    def definition(self, given: frozenset[str] = frozenset()) -> ToolDefinition:
        """What the model is told of it. Raises: InvalidTool."""
        return ToolDefinition(self.name, self.description, self.signature(given).schema)


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    idempotent: bool = False,
    attempts: int = 3,
    max_concurrent: int | None = None,
    run_in: RunIn | None = None,
    approval: bool = False,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(function: Callable[..., Any] | None = None, /, **settings: Any) -> Any:
    """Make a function a tool: ``@tool``, or ``@tool(timeout=10)``.

    The model is told the function's name, its docstring and the schema of its parameters, with what the docstring says
    of each under ``Args:``. Arguments are checked and structured before the function is called: defaults, ``Literal``,
    ``Annotated``, enums, optional, lists and dicts, attrs classes, dataclasses, structs of msgspec, TypedDicts, and
    models of pydantic where they are used. Not told are a parameter annotated with :class:`ToolContext`, and those
    whose names the agent has in its ``deps``.

    An async function runs in a task of the turn, and is cancelled with it. Another runs in a worker thread, which
    cannot be stopped: cancelled, it is abandoned, counted and named in the agent's metrics. ``run_in="process"`` runs
    it in a worker process, which is killed; the function must be at the top level of a module, and
    ``pip install "actrio[process]"`` there.

    What it returns is told to the model: a text as it is, all else as JSON. What it raises is, too, and is no crash of
    the agent; see :class:`ToolError`.

    Args:
        function: The function, or a method; a method's tool is used bound, ``tools=[shop.order]``.
        **settings: See :class:`Tool`.

    Raises:
        InvalidTool: a setting cannot be. What is wrong with its parameters shows when an agent is made with it.
    """
    if function is None:
        return partial(_make, **settings)
    return _make(function, **settings)


def _make(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    description: str | None = None,
    run_in: RunIn | None = None,
    **settings: Any,
) -> Tool[..., Any]:
    named = name or str(getattr(function, "__name__", ""))
    is_async = inspect.iscoroutinefunction(function)
    where: RunIn = run_in or ("trio" if is_async else "thread")
    if is_async != (where == "trio"):
        kind = (
            "async, so it runs in the agent's own run" if is_async else "not async, so it runs in a thread or process"
        )
        raise InvalidTool(named, f"it is {kind}, not with run_in={run_in!r}")
    docs = parse_docstring(inspect.getdoc(function) or "")
    said = "\n\n".join(filter(None, (docs.short_description, docs.long_description)))
    made: Tool[..., Any] = Tool(
        function,
        named,
        description or said,
        run_in=where,
        parameters={one.arg_name: one.description for one in docs.params if one.description},
        **settings,
    )
    _check(made)
    return made


def _check(made: Tool[..., Any]) -> None:
    try:
        ToolDefinition(made.name)
    except ValueError as error:
        raise InvalidTool(made.name, str(error)) from None
    if made.timeout is not None and not made.timeout > 0:
        raise InvalidTool(made.name, f"timeout={made.timeout!r} must be a number of seconds above 0, or None")
    for setting, value in (("attempts", made.attempts), ("max_concurrent", made.max_concurrent or 1)):
        if value < 1:
            raise InvalidTool(made.name, f"{setting}={value!r} must be at least 1")
