"""Supervision: who restarts whom, and when to give up. Prose first, then the policy as pure functions.

Principles
    A supervisor is an actor whose only work is to keep its children alive. It starts them in order and stops them in
    reverse, each with its own grace. An exception out of a handler, out of a coroutine actor or out of a task in
    ``ctx.nursery`` is a crash, unless the handler declared it in ``raises`` and an asker got it. A crash ends the
    *instance*: the state is gone, ``stopped`` has run. The ref, the name and the mailbox with all that is queued stay,
    and the next instance finds them. The message in hand fails to its asker and is not delivered again, unless the
    actor says ``redeliver``. Cancellation is never a crash.

Restart types
    ``permanent``: restarted whenever it ends by itself, by a crash or by returning. ``transient``: restarted when it
    crashes, retired when it returns. ``temporary``: never restarted. The crash of a temporary actor is handled if an
    asker got the error or somebody waits in ``ref.watch()``; else it leaves ``open_runtime()``, as the error of any
    task leaves its nursery. An actor that is stopped from outside is not restarted, whatever its type.

Strategies
    ``one_for_one``: the crashed child alone is restarted. Others that crash meanwhile do not wait for it.
    ``one_for_all``: when one crashes all are ended, in reverse, and started again, in order: for children that are
    nothing without each other.
    ``rest_for_one``: the crashed child and those after it in the list are ended and started again: for a chain in which
    each depends on those before it.
    Temporary children of a group that is restarted are ended and retired, as they are never started again.

Intensity
    At most ``intensity`` restarts in any ``period`` seconds, counted over all children together. One crash more and the
    supervisor gives up: it ends its children and crashes itself with :class:`RestartsExceeded`, whose cause is the last
    crash. Then its own supervisor decides; above the runtime's root there is none, and the error leaves
    ``open_runtime()``. A start that fails during a restart counts as a crash.

Backoff
    The first restart in a period is immediate. Each further one waits ``backoff`` seconds, doubled each time, at most
    ``max_backoff``, with a random part of up to half taken off, so that actors that failed together do not come back
    together.
"""

from collections import deque
from collections.abc import Sequence
from math import isfinite
from random import Random
from typing import Any, ClassVar, Literal, TypeVar, get_args

from attrs import field, frozen

from actrio.actors._errors import InvalidSpec
from actrio.actors._spec import ChildSpec, child
from actrio.mailbox._bounds import check_whole

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)

DEFAULT_INTENSITY = 3  # restarts
DEFAULT_PERIOD = 5.0  # seconds
DEFAULT_BACKOFF = 0.05  # seconds
DEFAULT_MAX_BACKOFF = 2.0  # seconds
MAX_DOUBLINGS = 64  # of the backoff; beyond any sensible most, and within what a float holds

T = TypeVar("T")


def _as_specs(children: Sequence[Any]) -> tuple[ChildSpec, ...]:
    return tuple(one if isinstance(one, ChildSpec) else child(one) for one in children)


@frozen(kw_only=True)
class RestartPolicy:
    """How often a supervisor restarts, and how long it waits before. Seconds."""

    intensity: int = DEFAULT_INTENSITY
    period: float = DEFAULT_PERIOD
    backoff: float = DEFAULT_BACKOFF
    max_backoff: float = DEFAULT_MAX_BACKOFF

    def check(self, name: str) -> None:
        """Refuse what makes no sense. Raises: InvalidBound, InvalidSpec."""
        check_whole(name, "intensity", self.intensity, least=0)
        for setting in ("period", "backoff", "max_backoff"):
            value = getattr(self, setting)
            if not isfinite(value) or value < 0 or (setting == "period" and value == 0):
                raise InvalidSpec(name, f"{setting}={value!r} must be a finite number of seconds above 0")


@frozen
class Supervisor:
    """A supervisor, to be spawned like any other actor; see this module for what it does.

    Args:
        name: Its name; children are named ``name/child``.
        children: In start order: :func:`child` specs, nested supervisors, actor classes, coroutine functions.
        strategy: ``one_for_one``, ``one_for_all`` or ``rest_for_one``.
        intensity, period: At most so many restarts in so many seconds, then it gives up.
        backoff, max_backoff: Seconds before the second restart in a period, doubled for each further, and the most.
    """

    __actrio_supervisor__: ClassVar[bool] = True

    name: str
    strategy: Strategy = "one_for_one"
    intensity: int = DEFAULT_INTENSITY
    period: float = DEFAULT_PERIOD
    children: Sequence[Any] = field(default=(), converter=_as_specs, kw_only=True)
    backoff: float = field(default=DEFAULT_BACKOFF, kw_only=True)
    max_backoff: float = field(default=DEFAULT_MAX_BACKOFF, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise InvalidSpec(self.name, f"strategy={self.strategy!r} must be one of {', '.join(STRATEGIES)}")
        self.policy.check(self.name)
        names = [spec.base_name for spec in self.children]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidSpec(self.name, f"two children are named {twice[0]!r}; give each child(...) a name of its own")

    @property
    def policy(self) -> RestartPolicy:
        """Its restart policy."""
        return RestartPolicy(
            intensity=self.intensity, period=self.period, backoff=self.backoff, max_backoff=self.max_backoff
        )


class RestartWindow:
    """The restarts of the last ``period`` seconds.

    Invariant: at most ``intensity`` times, all within ``period`` of the newest, oldest first.
    """

    __slots__ = ("_policy", "_times")

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._times: deque[float] = deque()

    def admit(self, now: float, random: Random) -> float | None:
        """Count a restart at ``now``: the seconds to wait before it; None if it is one too many, and not counted."""
        policy, times = self._policy, self._times
        while times and times[0] <= now - policy.period:
            times.popleft()
        if len(times) >= policy.intensity:
            return None
        times.append(now)
        if len(times) == 1:
            return 0.0
        doublings = min(len(times) - 2, MAX_DOUBLINGS)
        delay: float = min(policy.max_backoff, policy.backoff * 2.0**doublings)
        return delay * (1 - random.random() / 2)


def affected(strategy: Strategy, children: Sequence[T], crashed: Sequence[T]) -> list[T]:
    """Which children a crash restarts, in start order. A crashed one that has been retired meanwhile counts no more."""
    if strategy == "one_for_one":
        return [one for one in children if one in crashed]
    if strategy == "one_for_all":
        return list(children) if any(one in children for one in crashed) else []
    present = [children.index(one) for one in crashed if one in children]
    return list(children[min(present) :]) if present else []
