"""What sets a handler off: one signal, any of some, all of some, or so many of one. Pure."""

from collections import deque
from typing import Any, Generic, Literal, TypeVar, overload

from attrs import frozen

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
PayloadT_co = TypeVar("PayloadT_co", covariant=True)


@frozen
class Trigger(Generic[PayloadT_co]):
    """Signals that a handler reacts to, made by `any_of`, `all_of` and `collect`.

    Attributes: ``kinds`` (types of signals), ``how``, ``count`` (how many, of `collect`).
    """

    kinds: tuple[type, ...]
    how: Literal["any", "all", "collect"] = "any"
    count: int = 1

    def __attrs_post_init__(self) -> None:
        wrong = [kind for kind in self.kinds if not isinstance(_unchecked(kind), type)]
        if not self.kinds or wrong:
            raise TypeError(f"signals are types, at least one, not {wrong or self.kinds!r}")
        if not isinstance(_unchecked(self.count), int) or self.count < 1:
            raise ValueError(f"collect() takes at least 1 signal, not {self.count!r}")

    def payload(self, signals: tuple[Any, ...]) -> Any:
        """What the handler is given."""
        return signals[0] if self.how == "any" else signals


def _unchecked(value: object) -> object:
    return value


@overload
def any_of(one: type[A], other: type[B], /) -> Trigger[A | B]: ...
@overload
def any_of(one: type[A], other: type[B], third: type[C], /) -> Trigger[A | B | C]: ...
@overload
def any_of(*kinds: type[Any]) -> Trigger[Any]: ...
def any_of(*kinds: type[Any]) -> Trigger[Any]:
    """Each signal of any of these types sets the handler off, alone."""
    return Trigger(kinds)


@overload
def all_of(one: type[A], other: type[B], /) -> Trigger[tuple[A, B]]: ...
@overload
def all_of(one: type[A], other: type[B], third: type[C], /) -> Trigger[tuple[A, B, C]]: ...
@overload
def all_of(*kinds: type[Any]) -> Trigger[tuple[Any, ...]]: ...
def all_of(*kinds: type[Any]) -> Trigger[Any]:
    """One signal of each of these types sets the handler off; it gets them as a tuple, in the order of the types.

    Further signals wait for their counterparts, the first of one type for the first of the other.
    """
    return Trigger(kinds, "all")


def collect(kind: type[A], count: int) -> Trigger[tuple[A, ...]]:
    """Every ``count`` signals of a type set the handler off; it gets them as a tuple, in the order they came."""
    return Trigger((kind,), "collect", count)


class Join:
    """The signals that wait at one handler for others."""

    __slots__ = ("_trigger", "_waiting")

    def __init__(self, trigger: Trigger[Any]) -> None:
        self._trigger = trigger
        self._waiting: tuple[deque[Any], ...] = tuple(deque() for _ in trigger.kinds)  # one for each type

    def take(self, signal: object) -> tuple[Any, ...] | None:
        """Signals that set the handler off now; None if this one waits, or is of no type it reacts to."""
        at = next((at for at, kind in enumerate(self._trigger.kinds) if isinstance(signal, kind)), None)
        if at is None:
            return None
        if self._trigger.how == "any":
            return (signal,)
        self._waiting[at].append(signal)
        if self._trigger.how == "collect":
            together = self._waiting[0]
            if len(together) < self._trigger.count:
                return None
            taken = tuple(together)
            together.clear()
            return taken
        if not all(self._waiting):
            return None
        return tuple(one.popleft() for one in self._waiting)

    @property
    def waiting(self) -> tuple[Any, ...]:
        """Those that wait, of one type in the order they came."""
        return tuple(signal for one in self._waiting for signal in one)
