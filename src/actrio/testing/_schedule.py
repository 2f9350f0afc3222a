"""The order in which tasks run: the same each time."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import trio


@contextmanager
def deterministic_schedule(seed: int) -> Generator[None]:
    """Inside, Trio runs tasks that are ready at once in an order that depends on the seed alone.

        with deterministic_schedule(seed=1):
            trio.run(main, clock=MockClock(autojump_threshold=0))

    Trio shuffles them, so that no program comes to rely on an order. With this, a clock of Trio's that is not the real
    one, and no threads or sockets, a run is the same each time, also in another process; another seed is another
    schedule to test. Put it around the whole ``trio.run``.

    It uses what Trio has for Hypothesis, and it holds for every Trio run of the process. The state before is put back.

    Raises:
        RuntimeError: this version of Trio has no such thing.
    """
    scheduler = _find_scheduler()
    allowed, state = scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r.getstate()
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True
    scheduler._r.seed(seed)
    try:
        yield
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = allowed
        scheduler._r.setstate(state)


def _find_scheduler() -> Any:
    """The module of Trio's that decides which task is next. Private: there is no public way to seed it."""
    name = "trio._core._run"
    scheduler = import_module(name) if find_spec(name) else None
    if not (hasattr(scheduler, "_ALLOW_DETERMINISTIC_SCHEDULING") and hasattr(scheduler, "_r")):
        raise RuntimeError(
            f"the schedule of trio {trio.__version__} cannot be made deterministic: {name} has changed. "
            f"Use a version of which this is known, such as trio 0.35"
        )
    return scheduler
