"""Virtual time: waits that take no time, and are exact."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TypeVar, TypeVarTuple

import trio
from trio.testing import MockClock

from actrio.testing._schedule import deterministic_schedule

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


def run_virtual(async_fn: Callable[[*Ts], Awaitable[R]], *args: *Ts, seed: int = 1) -> R:
    """``trio.run`` on a clock that jumps over every wait, with a schedule that depends on the seed alone.

    Whatever the program waits for by Trio's clock takes no time, and exactly as long as it says: ten minutes between
    two tries are over at once, and a deadline in between still passes. Run twice it does the same twice.

    Not with worker threads, processes or real sockets: the clock would jump while they work.

    Raises: what ``async_fn`` raises; RuntimeError: see ``deterministic_schedule``.
    """
    with deterministic_schedule(seed):
        return trio.run(async_fn, *args, clock=MockClock(autojump_threshold=0))


class Stopwatch:
    """How long its block took by Trio's clock, in seconds; inside, how long so far."""

    __slots__ = ("_began", "_ended")

    def __init__(self) -> None:
        self._began = trio.current_time()
        self._ended: float | None = None

    @property
    def seconds(self) -> float:
        """The time."""
        return (trio.current_time() if self._ended is None else self._ended) - self._began

    def stop(self) -> None:
        """Count no further."""
        self._ended = trio.current_time()

    def __repr__(self) -> str:
        return f"<Stopwatch: {'running' if self._ended is None else f'{self.seconds:g} s'}>"


@contextmanager
def stopwatch() -> Generator[Stopwatch]:
    """Measure a block by Trio's clock; on a virtual one the figure is exact.

    with stopwatch() as took:
        await agent.ask("Hello.")
    assert took.seconds == 2
    """
    watch = Stopwatch()
    try:
        yield watch
    finally:
        watch.stop()
