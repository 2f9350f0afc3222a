"""Class actors: what a user writes, checked when the class is made."""

import inspect
import sys
from collections.abc import Awaitable, Callable, Hashable
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    ForwardRef,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from attrs import frozen

from actrio.actors._errors import HandlerError
from actrio.mailbox import Request

if TYPE_CHECKING:
    from actrio.actors._cell import Cell
    from actrio.actors._context import Context

HandlerT = TypeVar("HandlerT", bound=Callable[..., Awaitable[Any]])

_MARK = "__actrio_handles__"
NoneType = type(None)


@frozen
class Handler:
    """One method and what it promises.

    Attributes: ``function`` (called with the actor and the message), ``raises`` (exceptions that are answers to an
    asker, not crashes).
    """

    function: Callable[[Any, Any], Any]
    raises: tuple[type[Exception], ...] = ()


@overload
def handles(method: HandlerT, /) -> HandlerT: ...
@overload
def handles(*, raises: tuple[type[Exception], ...]) -> Callable[[HandlerT], HandlerT]: ...
def handles(
    method: HandlerT | None = None, /, *, raises: tuple[type[Exception], ...] = ()
) -> HandlerT | Callable[[HandlerT], HandlerT]:
    """Mark an ``async def`` method of an :class:`Actor` as the handler of the type its message is annotated with.

    ``@handles`` or ``@handles(raises=(NotFound,))``. The annotation may be a union. A handler of a ``Request[R]``
    returns ``R``; one of a plain message returns None.

    An exception out of a handler is a crash, see :class:`Supervisor`. Those in ``raises`` are answers instead: they go
    to the asker and the actor goes on with its state. With no asker they are a crash like any other, since no error
    may be lost.
    """
    _check_raises(raises)

    def mark(function: HandlerT) -> HandlerT:
        setattr(function, _MARK, raises)
        return function

    return mark if method is None else mark(method)


def _check_raises(raises: object) -> None:
    classes = cast("tuple[object, ...]", raises) if isinstance(raises, tuple) else (None,)
    if not all(isinstance(one, type) and issubclass(one, Exception) for one in classes):
        raise HandlerError("handles", "raises", f"{raises!r} is no tuple of exception classes, such as (NotFound,)")


class Actor:
    """Base of class actors: state in attributes, one method a message type.

    ``__init__`` takes what ``spawn`` was given and must not block. At most ``concurrency`` messages are handled at
    once, one unless the spawner says more.

    An asked message is handled in a copy of the asker's context variables, so that trace and log context follow the
    call; told ones are handled in the actor's own, a copy of what was set where it was spawned.
    """

    __actrio_handlers__: ClassVar[dict[type, Handler]] = {}  # {message type: its handler}, as declared
    __actrio_table__: ClassVar[dict[type, Handler]] = {}  # the same, and subtypes as they are met
    __actrio_cell__: "Cell | None" = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _check_hooks(cls)
        table: dict[type, Handler] = {}
        own: dict[type, str] = {}  # {message type: the method of this class that takes it}
        for base in reversed(cls.__mro__[1:]):
            table.update(base.__dict__.get("__actrio_handlers__", {}))
        for name, function in cls.__dict__.items():
            raises = getattr(function, _MARK, None)
            if hasattr(getattr(function, "__func__", None), _MARK):
                raise HandlerError(cls.__qualname__, name, "must be a plain method, no staticmethod or classmethod")
            if raises is None:
                if any(hasattr(base.__dict__.get(name), _MARK) for base in cls.__mro__[1:]):
                    raise HandlerError(cls.__qualname__, name, "overrides a handler; mark it with @handles, too")
                continue
            for message_type in _message_types(cls, name, function):
                if message_type in own:
                    problem = f"{message_type.__name__} is already handled by {own[message_type]}; keep one of them"
                    raise HandlerError(cls.__qualname__, name, problem)
                own[message_type] = name
                table[message_type] = Handler(function, raises)
        cls.__actrio_handlers__ = table
        cls.__actrio_table__ = dict(table)

    @property
    def ctx(self) -> "Context":
        """What the actor may do in its runtime. Not there yet in ``__init__``; use ``started``."""
        if self.__actrio_cell__ is None:
            raise HandlerError(
                type(self).__qualname__, "ctx", "is there once the actor is spawned; use started(), not __init__"
            )
        return self.__actrio_cell__.make_context()

    async def started(self) -> None:
        """Runs before the first message. An error here fails the spawn, or counts as a crash in a restart."""

    async def stopped(self) -> None:
        """Runs once for each instance whose ``started`` succeeded, after its last message, however it ended.

        Shielded from cancellation and bounded by the actor's ``grace``.
        """

    def conversation(self, message: Any) -> Hashable | None:
        """With ``concurrency`` above one: messages of equal conversation are never handled at once. None: no limit."""
        return None


def _check_hooks(cls: type) -> None:
    for hook in ("started", "stopped"):
        if hook in cls.__dict__ and not inspect.iscoroutinefunction(inspect.unwrap(cls.__dict__[hook])):
            raise HandlerError(cls.__qualname__, hook, "must be `async def`")
    if inspect.iscoroutinefunction(cls.__dict__.get("conversation")):
        raise HandlerError(cls.__qualname__, "conversation", "must be a plain `def`: it is called as messages arrive")


def _message_types(cls: type, name: str, function: Any) -> tuple[type, ...]:
    def wrong(problem: str) -> HandlerError:
        return HandlerError(cls.__qualname__, name, problem)

    if not inspect.iscoroutinefunction(function):
        raise wrong("must be `async def`")
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) != 2 or any(p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        raise wrong("must take exactly self and one message")
    try:
        hints = get_type_hints(function)
    except NameError as error:
        raise wrong(f"annotation cannot be resolved ({error}); define it at module level, before the class") from error
    if parameters[1].name not in hints:
        raise wrong(f"its message {parameters[1].name!r} has no annotation; write the type it handles")
    annotation = hints[parameters[1].name]
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    types: list[type] = []
    for member in members:
        message_type = get_origin(member) or member
        if not isinstance(message_type, type) or message_type in (NoneType, Any):
            raise wrong(f"its message is annotated with {member!r}, which is not a class")
        _check_return(wrong, message_type, hints)
        types.append(message_type)
    return tuple(types)


def _check_return(wrong: Callable[[str], HandlerError], message_type: type, hints: dict[str, Any]) -> None:
    if "return" not in hints:
        raise wrong("has no return annotation; write what it answers, or None")
    given = hints["return"]
    wanted = reply_type(message_type)
    if _fits(given, wanted):
        return
    shown = "None" if given is NoneType else getattr(given, "__name__", given)
    if wanted is NoneType and not issubclass(message_type, Request):
        name = message_type.__name__
        raise wrong(f"returns {shown}, but {name} is no Request: return None, or derive {name} from Request")
    raise wrong(f"returns {shown}, but {message_type.__name__} asks for {getattr(wanted, '__name__', wanted)}")


def _fits(given: Any, wanted: Any) -> bool:
    """Whether a return annotation may stand for a reply type: False only where it surely may not."""
    if given is Any or wanted is Any or given == wanted or isinstance(given, TypeVar) or isinstance(wanted, TypeVar):
        return True
    if get_origin(given) in (Union, UnionType):
        return all(_fits(one, wanted) for one in get_args(given))
    if get_origin(wanted) in (Union, UnionType):
        return any(_fits(given, one) for one in get_args(wanted))
    of, to = get_origin(given) or given, get_origin(wanted) or wanted
    if not (isinstance(of, type) and isinstance(to, type)):
        return True  # Literal, Annotated, NewType and the like: the type checkers know better
    if not issubclass(of, to):
        return False
    return of is not to or not get_args(given) or not get_args(wanted) or _all_fit(get_args(given), get_args(wanted))


def _all_fit(given: tuple[Any, ...], wanted: tuple[Any, ...]) -> bool:
    return len(given) == len(wanted) and all(_fits(one, other) for one, other in zip(given, wanted, strict=True))


def reply_type(message_type: type) -> Any:
    """The ``R`` of a ``Request[R]`` class; None's type for a plain message; Any where it is left open."""
    if not issubclass(message_type, Request):
        return NoneType
    for cls in message_type.__mro__:
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is Request:
                return _resolved(get_args(base)[0], cls)
    return Any


def _resolved(reply: Any, cls: type) -> Any:
    if isinstance(reply, TypeVar):
        return Any
    if reply is None:
        return NoneType
    if isinstance(reply, ForwardRef):
        return vars(sys.modules[cls.__module__]).get(reply.__forward_arg__, Any)
    return reply
