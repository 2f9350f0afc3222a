"""What a user defines: a tool, made of a function."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import FrameType, MethodType
from typing import Any, Final, Generic, Literal, ParamSpec, TypeAlias, TypeVar, cast, get_args, overload

from attrs import evolve, field, frozen
from docstring_parser import ParseError
from docstring_parser import parse as parse_docstring

from actrio.agents.tools._errors import InvalidTool
from actrio.agents.tools._signature import Signature, local_names, plain_function, read_signature
from actrio.providers import ToolDefinition

P = ParamSpec("P")
R = TypeVar("R")

# Where a tool runs: an async function in the agent's own run of Trio, or on an asyncio loop; another in a worker thread
# or a worker process.
RunIn: TypeAlias = Literal["trio", "asyncio", "thread", "process"]

# What a tool in a class becomes a method of.
_Binds: TypeAlias = Literal["object", "class", "nothing"]

_FOR_ASYNC: Final = ("trio", "asyncio")

# {whether a function is async: what that means}
_KINDS: Final = {
    True: "async, so it runs in the agent's own run, or on an asyncio loop with run_in='asyncio'",
    False: "not async, so it runs in a thread, or with run_in='process' in a process",
}

_GENERATORS: Final = (inspect.isgeneratorfunction, inspect.isasyncgenfunction)


class _Made:
    """Stands for one use of `tool`, whatever its function is bound to."""

    __slots__ = ("__weakref__",)


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
        max_concurrent: How many calls of it go on at once, for all agents of one Trio run and, if it is a method, all
            objects together; None: no bound. A call that waits for approval is none of them.
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
    places: object = field(factory=_Made, repr=False)  # calls of tools that have the same one share the bound
    _binds: _Binds = field(default="object", repr=False, alias="binds")
    _names: Mapping[str, Any] | None = field(
        default=None, repr=False, alias="names"
    )  # what annotations may name beside globals
    _signatures: dict[frozenset[str], Signature] = field(
        factory=dict[frozenset[str], Signature], repr=False, init=False
    )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, as if it were no tool."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> "Tool[..., R]":
        """A method's tool, bound to its object, or to its class."""
        target = owner if self._binds == "class" else instance
        if target is None or self._binds == "nothing":
            return self
        return evolve(self, function=MethodType(self.function, target), binds="nothing")

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
            signature = read_signature(self.name, self.function, given, self.parameters, self._names)
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
    models of pydantic where they are used. They are taken strictly, at any depth: a field that a class does not have is
    refused, and so is a number for a text. Not told are a parameter annotated with :class:`ToolContext`, and those
    whose names the agent has in its ``deps``.

    An async function runs in a task of the turn, on Trio, and is cancelled with it. One that needs asyncio is made with
    ``run_in="asyncio"``: it runs in a task of the loop of the :class:`AsyncioHost` that its agent lives in; elsewhere
    on a loop in a thread, one for the runtime, opened with the first such call and closed with the runtime. The turn
    goes on when that task has ended, cancelled or not. Context variables go along, as a copy.

    Another function runs in a worker thread, which cannot be stopped: cancelled, it is abandoned, counted and named in
    the agent's metrics; what it asks of other actors it asks with :meth:`ToolContext.from_thread`. With
    ``run_in="process"`` it runs in a worker process, which is killed; the function must be at the top level of a
    module, and ``pip install "actrio[process]"`` there.

    What it returns is told to the model: a text as it is, all else as JSON. What it raises is, too, and is no crash of
    the agent; see :class:`ToolError`.

    Args:
        function: The function, or a method; a method's tool is used bound, ``tools=[shop.order]``.
        **settings: See :class:`Tool`.

    Raises:
        InvalidTool: a setting cannot be. What is wrong with its parameters shows when an agent is made with it.
    """
    caller: FrameType | None = getattr(inspect.currentframe(), "f_back", None)
    if function is None:
        return partial(_make, caller=caller, **settings)
    return _make(function, caller=caller, **settings)


def _make(
    function: Callable[..., Any],
    *,
    caller: FrameType | None,
    name: str | None = None,
    description: str | None = None,
    run_in: RunIn | None = None,
    **settings: Any,
) -> Tool[..., Any]:
    binds: _Binds = "object"
    if isinstance(function, staticmethod | classmethod):
        method = cast("staticmethod[..., Any] | classmethod[Any, ..., Any]", function)
        binds = "class" if isinstance(method, classmethod) else "nothing"
        function = method.__func__
    if not callable(function):
        raise InvalidTool(name or repr(function), "it is no function")
    plain = plain_function(function)
    named = name or str(getattr(function, "__name__", None) or getattr(plain, "__name__", ""))
    if any(is_generator(plain) for is_generator in _GENERATORS):
        problem = "it yields. Return what the model is told, and show what comes before with ToolContext.progress"
        raise InvalidTool(named, problem)
    parsed = _read_docstring(plain)
    made = Tool[..., Any](
        function,
        named,
        description or parsed[0],
        run_in=_where(named, inspect.iscoroutinefunction(plain), run_in),
        parameters=parsed[1],
        binds=binds,
        names=None if caller is None else local_names(plain, caller),
        **settings,
    )
    _check(made)
    return made


def _where(named: str, is_async: bool, run_in: RunIn | None) -> RunIn:
    where: RunIn = run_in or ("trio" if is_async else "thread")
    if where not in get_args(RunIn):
        raise InvalidTool(named, f"run_in={run_in!r} is none of {', '.join(map(repr, get_args(RunIn)))}")
    if is_async != (where in _FOR_ASYNC):
        raise InvalidTool(named, f"it is {_KINDS[is_async]}, not with run_in={run_in!r}")
    return where


def _read_docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """What it says of the function, and of each parameter."""
    text = inspect.getdoc(function) or ""
    try:
        docs = parse_docstring(text)
    except ParseError:
        return text, {}
    said = "\n\n".join(filter(None, (docs.short_description, docs.long_description)))
    return said, {one.arg_name: one.description for one in docs.params if one.description}


def _check(made: Tool[..., Any]) -> None:
    try:
        ToolDefinition(made.name)
    except ValueError as error:
        raise InvalidTool(made.name, str(error)) from None
    if made.timeout is not None and not (_is_number(made.timeout) and made.timeout > 0):
        raise InvalidTool(made.name, f"timeout={made.timeout!r} must be a number of seconds above 0, or None")
    for setting, value in (("attempts", made.attempts), ("max_concurrent", made.max_concurrent or 1)):
        if not _is_number(value) or value < 1:
            raise InvalidTool(made.name, f"{setting}={value!r} must be at least 1")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)
