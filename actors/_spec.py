"""What to spawn and how: the child specification, and what counts as something to spawn."""

import inspect
from functools import lru_cache
from math import isfinite
from types import FunctionType
from typing import Any, Literal, Protocol, TypedDict, TypeVar, get_args

from attrs import field, frozen

from actrio.actors._actor import Actor
from actrio.actors._errors import InvalidSpec
from actrio.mailbox import DEFAULT_CAPACITY, Overflow
from actrio.mailbox._bounds import check_mailbox

Restart = Literal["permanent", "transient", "temporary"]
RESTARTS: tuple[str, ...] = get_args(Restart)

DEFAULT_GRACE = 5.0  # seconds

RefT_co = TypeVar("RefT_co", covariant=True)


class Definition(Protocol[RefT_co]):
    """A value that spawns as an actor and is talked to through a ref of its own, such as an LLM agent."""

    @property
    def name(self) -> str:
        """Its name, unless ``spawn`` is given another."""
        ...

    def make_actor(self) -> Actor:
        """A fresh actor; called again at each restart."""
        ...

    def make_ref(self, node: Any) -> RefT_co:
        """The ref that ``spawn`` gives."""
        ...

    def settings(self) -> "dict[str, Any]":
        """Settings of the :class:`ChildSpec` that this definition decides."""
        ...


class SpawnSettings(TypedDict, total=False):
    """The settings that ``spawn`` takes beside the factory and its arguments; see :class:`ChildSpec`."""

    name: str
    restart: Restart
    capacity: int
    overflow: Overflow
    concurrency: int
    grace: float
    redeliver: bool


@frozen(kw_only=True)
class ChildSpec:
    """How to build an actor, and build it again. Made by :func:`child`; checked when it is made.

    Attributes:
        factory: An :class:`Actor` class (or a function giving an actor), ``async def actor(inbox, *args)``, a
            :class:`Supervisor` or a :class:`Definition`.
        args: What the factory is called with, at each start.
        name: The name in its runtime; made from the factory's if None.
        restart: ``permanent``: restarted whenever it ends. ``transient``: when it crashes. ``temporary``: never.
        capacity, overflow: Its mailbox, see :class:`Inbox`.
        concurrency: How many messages it handles at once.
        grace: Seconds that the message in hand and the ``stopped`` hook each get when it is stopped.
        redeliver: A message whose handler crashed is delivered again to the restarted actor, ahead of all others, and
            its asker goes on waiting. Off, it fails to its asker.
        base_name: The name, or what to make one from.
    """

    factory: Any
    args: tuple[Any, ...] = ()
    name: str | None = None
    restart: Restart = "temporary"
    capacity: int = DEFAULT_CAPACITY
    overflow: Overflow = "wait"
    concurrency: int = 1
    grace: float = DEFAULT_GRACE
    redeliver: bool = False
    kind: Literal["class", "coroutine", "supervisor", "definition"] = field(init=False)
    base_name: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "kind", kind_of(self.factory, self.name or _shown(self.factory)))
        object.__setattr__(self, "base_name", self._base_name())
        name, grace = self.base_name, _unchecked(self.grace)
        if not isinstance(_unchecked(name), str) or not name or "/" in name:
            raise InvalidSpec(
                str(name), "a name is a text, not empty and without '/', which parts supervisor and child"
            )
        check_mailbox(name, self.capacity, self.overflow, self.concurrency)
        if self.restart not in RESTARTS:
            raise InvalidSpec(name, f"restart={self.restart!r} must be one of {', '.join(RESTARTS)}")
        if not isinstance(grace, int | float) or not isfinite(grace) or grace < 0:
            raise InvalidSpec(name, f"grace={grace!r} must be a finite number of seconds, at least 0")
        if self.kind == "coroutine" and self.concurrency != 1:
            raise InvalidSpec(name, "a coroutine actor handles one message at a time; use an Actor class for more")
        if self.args and self.kind in ("supervisor", "definition"):
            raise InvalidSpec(name, f"{_shown(self.factory)} has all that it needs, and takes no arguments here")

    def _base_name(self) -> str:
        if self.name is not None:
            return self.name
        if self.kind in ("supervisor", "definition"):
            return str(self.factory.name)
        made: str = getattr(self.factory, "__name__", type(self.factory).__name__)
        return made.strip("<>").lower()


@lru_cache(maxsize=256)
def plain_spec(factory: type) -> ChildSpec:
    """The spec of a class spawned with no arguments or settings: the same one for all its actors."""
    return ChildSpec(factory=factory)


def kind_of(factory: object, name: str) -> Literal["class", "coroutine", "supervisor", "definition"]:
    """Which kind of thing to spawn this is. Raises: InvalidSpec."""
    if _is_actor_class(factory):
        return "class"
    if getattr(factory, "__actrio_supervisor__", False):
        return "supervisor"
    is_coroutine = inspect.iscoroutinefunction(getattr(factory, "func", factory))
    problem = _problem_of(factory, is_coroutine=is_coroutine)
    if problem is not None:
        raise InvalidSpec(name, problem)
    if is_coroutine:
        return "coroutine"
    return "definition" if hasattr(factory, "make_actor") else "class"


def _problem_of(factory: object, *, is_coroutine: bool) -> str | None:
    """Why it cannot be spawned, and what can be instead; None if it can."""
    if inspect.iscoroutine(factory):
        factory.close()
        return "it is a coroutine, already called; give the function and its arguments, uncalled"
    if isinstance(factory, Actor):
        return "it is already built; give the class and its arguments, so it can be rebuilt"
    if isinstance(factory, type) and hasattr(factory, "make_actor"):
        return f"it is the class {factory.__name__}; give what {factory.__name__}(...) makes"
    if inspect.isfunction(factory):
        return _problem_of_function(factory, is_coroutine=is_coroutine)
    known = callable(factory) or hasattr(factory, "make_actor")
    return None if known else f"{factory!r} is no Actor class, coroutine function, Agent or Supervisor"


def _problem_of_function(function: FunctionType, *, is_coroutine: bool) -> str | None:
    code = function.__code__
    takes_nothing = not code.co_argcount and not code.co_flags & inspect.CO_VARARGS
    if is_coroutine and takes_nothing:
        return "a coroutine actor takes its inbox first, and this function takes nothing"
    if code.co_varnames[: code.co_argcount][:1] == ("inbox",) and not is_coroutine:
        return "it takes an inbox, so it is a coroutine actor, and must be `async def`"
    return None


def _unchecked(value: object) -> object:
    """A value whose annotation not every caller's type checker has seen to."""
    return value


def _shown(factory: object) -> str:
    """What errors call it before it has a name."""
    return str(getattr(factory, "__name__", type(factory).__name__))


def make_spec(factory: Any, args: tuple[Any, ...], settings: dict[str, Any]) -> ChildSpec:
    """The spec of these settings. Raises: InvalidSpec, also of a setting that there is not."""
    try:
        return ChildSpec(factory=factory, args=args, **settings)
    except TypeError:
        known = SpawnSettings.__annotations__
        unknown = sorted(settings.keys() - known.keys())
        if not unknown:
            raise
        problem = (
            f"{unknown[0]}= is no setting; there are: {', '.join(known)}. What the actor itself takes is given by "
            f"position, or with functools.partial"
        )
        raise InvalidSpec(str(settings.get("name") or _shown(factory)), problem) from None


def _is_actor_class(factory: object) -> bool:
    return isinstance(factory, type) and issubclass(factory, Actor)


def child(
    factory: Any,
    *args: Any,
    name: str | None = None,
    restart: Restart = "permanent",
    **settings: Any,
) -> ChildSpec:
    """A child of a :class:`Supervisor`: ``child(Editor, writer, name="editor")``. Settings: see :class:`ChildSpec`.

    ``restart`` is ``permanent`` unless told: who names a supervisor wants its children kept alive.
    """
    if hasattr(factory, "settings") and hasattr(factory, "make_actor"):
        settings = {**factory.settings(), **settings}
    return make_spec(factory, args, {"name": name, "restart": restart, **settings})
