"""One call of a handler, and what it has done so far, so that it can be begun again elsewhere."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

import trio
from attrs import define, field, frozen

from actrio.agents.flow._errors import FlowDiverged
from actrio.agents.flow._trigger import Trigger

if TYPE_CHECKING:
    from actrio.agents.flow._run import FlowRun

TRAIL = 32  # handlers that led to a reaction, of which so many are known


@frozen
class Handler:
    """A handler of a flow. See `Flow.on`."""

    name: str
    function: Callable[[Any, Any], Any]
    trigger: Trigger[Any]
    concurrency: int | None
    emits: tuple[type, ...]


@define
class Emitted:
    """It emitted a signal, which has a number."""

    number: int


@define
class Put:
    """It put so many items one after the other."""

    times: int = 1


@define
class Paused:
    """It waited for an answer from outside. ``answer`` is plain data if it was restored, see ``raw``."""

    kind: str
    key: str
    status: Literal["waiting", "answered", "left"] = "waiting"
    answer: Any = None
    raw: bool = False
    event: trio.Event = field(factory=trio.Event, eq=False, repr=False)
    parked: "Reaction | None" = None  # whose own task waits


@define(eq=False)
class Emission:
    """A signal that was emitted, until the reactions to it have ended."""

    number: int
    left: int = 0  # reactions
    done: trio.Event = field(factory=trio.Event)
    parked: "list[Reaction]" = field(factory=list["Reaction"])  # whose own tasks wait for it
    error: BaseException | None = None


@define(eq=False)
class Reaction:
    """One call of a handler.

    Attributes: ``journal`` (what it did, in order), ``cursor`` (how much of that it has done in this process; less
    than all while it is restored), ``waits`` (tasks of it that wait in the flow), ``holding`` (whether it has a slot,
    which it has not while one of them waits).
    """

    run: "FlowRun"
    handler: Handler
    signals: tuple[Any, ...]
    emission: Emission
    trail: tuple[str, ...]
    journal: list[Emitted | Put | Paused] = field(factory=list[Emitted | Put | Paused])
    cursor: int = 0
    puts: int = 0  # of the entry at the cursor that were put again
    waits: int = 0
    holding: bool = False
    task: trio.lowlevel.Task | None = None

    @property
    def replaying(self) -> bool:
        """Whether it has not come as far yet as it was when it was saved."""
        return self.cursor < len(self.journal)

    @property
    def waiting(self) -> list[Paused]:
        """The answers that it waits for."""
        return [entry for entry in self.journal if isinstance(entry, Paused) and entry.status == "waiting"]

    def replay_emit(self) -> Emitted | None:
        """The signal that it emitted here before; None if it did not come so far. Raises: FlowDiverged."""
        found: Emitted | None = self._next(Emitted, "emits")
        return found

    def replay_pause(self) -> Paused | None:
        """The answer that it waited for here before; None if it did not come so far. Raises: FlowDiverged."""
        found: Paused | None = self._next(Paused, "pauses")
        return found

    def replay_put(self) -> bool:
        """Whether it put this item before. Raises: FlowDiverged."""
        if not self.replaying:
            return False
        entry = self.journal[self.cursor]
        if not isinstance(entry, Put):
            raise self._diverged(entry, "puts")
        self.puts += 1
        if self.puts == entry.times:
            self.cursor, self.puts = self.cursor + 1, 0
        return True

    def note(self, entry: Emitted | Put | Paused) -> None:
        """It did this."""
        last = self.journal[-1] if self.journal else None
        if isinstance(entry, Put) and isinstance(last, Put):
            last.times += 1
        else:
            self.journal.append(entry)
            self.cursor += 1

    def _next(self, kind: type[Any], does: str) -> Any:
        if not self.replaying:
            return None
        entry = self.journal[self.cursor]
        if not isinstance(entry, kind):
            raise self._diverged(entry, does)
        self.cursor += 1
        return entry

    def _diverged(self, entry: object, does: str) -> FlowDiverged:
        return FlowDiverged(self.run.name, self.handler.name, type(entry).__name__.lower(), does)


# The reaction whose code runs; tasks that it starts inherit it.
current_reaction: ContextVar[Reaction | None] = ContextVar("actrio_reaction", default=None)


def loop_of(trail: tuple[str, ...]) -> tuple[str, ...]:
    """The handlers that come again and again at the end of a trail; empty if none do."""
    for length in range(1, len(trail) // 2 + 1):
        if trail[-length:] == trail[-2 * length : -length]:
            return trail[-length:]
    return ()


def park(place: list[Reaction] | Paused, reaction: Reaction) -> None:
    """Let a reaction wait there."""
    if isinstance(place, Paused):
        place.parked = reaction
    else:
        place.append(reaction)


def unpark(place: list[Reaction] | Paused, reaction: Reaction) -> bool:
    """Whether it was still there, so nobody had woken it."""
    if isinstance(place, Paused):
        there, place.parked = place.parked is not None, None
        return there
    if reaction not in place:
        return False
    place.remove(reaction)
    return True
