"""Handlers: what is checked when a class is made."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union

import pytest
from attrs import frozen

from actrio.actors import Actor, HandlerError, handles
from actrio.actors._actor import reply_type
from actrio.mailbox import Request
from tests.actors.crew import Add, Counter
from tests.actors.words import DeepResearch, Open, Report, Research

T = TypeVar("T")


@frozen
class LongReport(Report):
    pages: int = 1


@frozen
class Maybe(Request[int | None]):
    pass


@frozen
class Several(Request[Sequence[int]]):
    pass


@frozen
class Ping(Request[None]):
    pass


@frozen
class Boxed(Request[T], Generic[T]):
    value: T


@frozen
class BoxedInt(Boxed[int]):
    pass


@frozen
class Forward(Request["LaterReport"]):
    pass


@frozen
class LaterReport:
    pass


Method = Callable[[Any, Any], Any]


def define_actor(method: Any, **others: Any) -> type[Actor]:
    """An actor class "Editor" whose handler is this function, under its own name."""
    handler = handles(method) if not hasattr(method, "__actrio_handles__") else method
    return type("Editor", (Actor,), {method.__name__: handler, **others})


# What is accepted


async def plain(self: Any, message: Add) -> None: ...
async def exact(self: Any, message: Research) -> Report: ...  # type: ignore[empty-body]
async def narrower(self: Any, message: Research) -> LongReport: ...  # type: ignore[empty-body]
async def inherited(self: Any, message: DeepResearch) -> Report: ...  # type: ignore[empty-body]
async def anything(self: Any, message: Research) -> Any: ...
async def open_reply(self: Any, message: Open) -> int: ...  # type: ignore[empty-body]
async def none_reply(self: Any, message: Ping) -> None: ...
async def optional(self: Any, message: Maybe) -> int | None: ...
async def optional_spelled_otherwise(self: Any, message: Maybe) -> Optional[int]: ...  # noqa: UP045
async def member_of_union(self: Any, message: Maybe) -> int: ...  # type: ignore[empty-body]
async def sequence(self: Any, message: Several) -> Sequence[int]: ...  # type: ignore[empty-body]
async def kind_of_sequence(self: Any, message: Several) -> list[int]: ...  # type: ignore[empty-body]
async def generic(self: Any, message: Boxed[int]) -> int: ...  # type: ignore[empty-body]
async def generic_subclass(self: Any, message: BoxedInt) -> int: ...  # type: ignore[empty-body]
async def forward(self: Any, message: Forward) -> LaterReport: ...  # type: ignore[empty-body]
async def quoted(self: Any, message: "Research") -> "Report": ...  # type: ignore[empty-body]
async def union(self: Any, message: Add | str) -> None: ...
async def old_union(self: Any, message: Union[Add, str]) -> None: ...  # noqa: UP007
async def requests(self: Any, message: Research | DeepResearch) -> Report: ...  # type: ignore[empty-body]
async def builtin(self: Any, message: dict[str, int]) -> None: ...
async def everything(self: Any, message: object) -> None: ...


@pytest.mark.parametrize(
    ("method", "types"),
    [
        (plain, {Add}),
        (exact, {Research}),
        (narrower, {Research}),
        (inherited, {DeepResearch}),
        (anything, {Research}),
        (open_reply, {Open}),
        (none_reply, {Ping}),
        (optional, {Maybe}),
        (optional_spelled_otherwise, {Maybe}),
        (member_of_union, {Maybe}),
        (sequence, {Several}),
        (kind_of_sequence, {Several}),
        (generic, {Boxed}),
        (generic_subclass, {BoxedInt}),
        (forward, {Forward}),
        (quoted, {Research}),
        (union, {Add, str}),
        (old_union, {Add, str}),
        (requests, {Research, DeepResearch}),
        (builtin, {dict}),
        (everything, {object}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_right_handler_is_accepted_for_the_types_of_its_annotation(method: Method, types: set[type]) -> None:
    assert set(define_actor(method).__actrio_table__) == types


# What is refused


def annotated(name: str, **annotations: Any) -> Method:
    """A handler with these annotations."""

    async def method(self: Any, message: Any) -> None: ...

    method.__name__, method.__annotations__ = name, annotations
    return method


no_annotation = annotated("no_annotation", **{"return": None})
no_return = annotated("no_return", message=Add)
unresolvable = annotated("unresolvable", message="Nowhere", **{"return": None})
unresolvable_return = annotated("unresolvable_return", message=Add, **{"return": "Nowhere"})
type_variable = annotated("type_variable", message=T, **{"return": None})


def no_await(self: Any, message: Add) -> None: ...
async def wrong_return(self: Any, message: Research) -> int: ...  # type: ignore[empty-body]
async def wider_return(self: Any, message: Research) -> object: ...
async def nothing_back(self: Any, message: Research) -> None: ...
async def wrong_union_return(self: Any, message: Maybe) -> str | None: ...
async def wrong_for_one_of_the_union(self: Any, message: Research | Add) -> Report: ...  # type: ignore[empty-body]
async def wrong_inherited(self: Any, message: DeepResearch) -> int: ...  # type: ignore[empty-body]
async def reply_to_no_request(self: Any, message: Add) -> int: ...  # type: ignore[empty-body]
async def no_message(self: Any) -> None: ...
async def two_messages(self: Any, message: Add, other: Add) -> None: ...
async def default(self: Any, message: Add, other: int = 1) -> None: ...
async def keyword_only(self: Any, *, message: Add) -> None: ...
async def variadic(self: Any, *messages: Add) -> None: ...
async def any_message(self: Any, message: Any) -> None: ...
async def none_message(self: Any, message: None) -> None: ...
async def optional_message(self: Any, message: Add | None) -> None: ...
async def literal_message(self: Any, message: Literal["go"]) -> None: ...


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        (no_await, "must be `async def`"),
        (no_annotation, "its message 'message' has no annotation; write the type it handles"),
        (no_return, "has no return annotation; write what it answers, or None"),
        (unresolvable, "annotation cannot be resolved (name 'Nowhere' is not defined)"),
        (unresolvable_return, "annotation cannot be resolved (name 'Nowhere' is not defined)"),
        (wrong_return, "returns int, but Research asks for Report"),
        (wider_return, "returns object, but Research asks for Report"),
        (nothing_back, "returns None, but Research asks for Report"),
        (wrong_union_return, "returns str | None, but Maybe asks for int | None"),
        (wrong_for_one_of_the_union, "but Add is no Request: return None, or derive Add from Request"),
        (wrong_inherited, "returns int, but DeepResearch asks for Report"),
        (reply_to_no_request, "returns int, but Add is no Request: return None, or derive Add from Request"),
        (no_message, "must take exactly self and one message"),
        (two_messages, "must take exactly self and one message"),
        (default, "must take exactly self and one message"),
        (keyword_only, "must take exactly self and one message"),
        (variadic, "must take exactly self and one message"),
        (any_message, "which is not a class"),
        (none_message, "which is not a class"),
        (optional_message, "which is not a class"),
        (literal_message, "which is not a class"),
        (type_variable, "which is not a class"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_wrong_handler_is_refused_when_the_class_is_made(method: Method, problem: str) -> None:
    with pytest.raises(HandlerError) as info:
        define_actor(method)
    assert (info.value.actor_class, info.value.handler) == ("Editor", method.__name__)
    assert problem in info.value.problem
    assert str(info.value) == f"Editor.{method.__name__}: {info.value.problem}"


def test_an_annotated_message_is_handled_by_its_type() -> None:
    async def noted(self: Any, message: Annotated[Add, "a note"]) -> None: ...

    assert set(define_actor(noted).__actrio_table__) == {Add}


def test_two_handlers_of_one_class_cannot_take_the_same_type() -> None:
    with pytest.raises(HandlerError, match=r"Twice.second: Add is already handled by first; keep one of them"):

        class Twice(Actor):  # pyright: ignore[reportUnusedClass]
            @handles
            async def first(self, message: Add) -> None: ...

            @handles
            async def second(self, message: Add | str) -> None: ...


def test_one_handler_cannot_name_a_type_twice_over_by_its_generic() -> None:
    async def twice(self: Any, message: dict[str, int] | dict[int, str]) -> None: ...

    with pytest.raises(HandlerError, match="dict is already handled"):
        define_actor(twice)


def test_a_function_that_is_no_method_at_all_is_refused() -> None:
    with pytest.raises((HandlerError, TypeError)):

        class Static(Actor):  # pyright: ignore[reportUnusedClass]
            @staticmethod
            @handles
            async def loose(message: Add) -> None: ...


# The rest


def test_ctx_is_not_there_before_the_actor_is_spawned() -> None:
    with pytest.raises(HandlerError, match="is there once the actor is spawned; use started"):
        _ = Counter().ctx


@pytest.mark.parametrize(
    ("message_type", "reply"),
    [
        (Add, type(None)),
        (Research, Report),
        (DeepResearch, Report),
        (Ping, type(None)),
        (Open, Any),
        (Maybe, int | None),
        (Boxed, Any),
        (Request, Any),
    ],
)
def test_the_reply_type_of_a_message_is_found(message_type: type, reply: Any) -> None:
    assert reply_type(message_type) == reply


def test_handles_leaves_the_method_callable() -> None:
    async def method(self: Any, message: Add) -> None: ...

    assert handles(method) is method
    assert handles(raises=(KeyError,))(method) is method


@pytest.mark.parametrize("hook", ["started", "stopped"])
def test_a_hook_that_is_not_async_is_refused_with_its_class(hook: str) -> None:
    with pytest.raises(HandlerError, match=f"Odd.{hook}: must be `async def`"):
        type("Odd", (Actor,), {"__qualname__": "Odd", hook: lambda _: None})


def test_a_conversation_is_told_at_once_so_it_is_not_async() -> None:
    async def conversation(self: Any, message: Any) -> str:
        return "all"

    with pytest.raises(HandlerError, match=r"Odd\.conversation: must be a plain `def`"):
        type("Odd", (Actor,), {"__qualname__": "Odd", "conversation": conversation})


@pytest.mark.parametrize("raises", [ValueError, "ValueError", ("ValueError",), (KeyboardInterrupt,)])
def test_what_a_handler_may_raise_is_a_tuple_of_exception_classes(raises: Any) -> None:
    with pytest.raises(HandlerError, match="is no tuple of exception classes, such as"):
        handles(raises=raises)
