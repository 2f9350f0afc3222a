"""The kernel suite: what the actor runtime costs beside the same work in plain Trio.

The baseline is what a good Trio programmer writes: a memory channel and a task for each actor, ``async for``, a memory
channel for each subscriber, a nursery of tasks. Both sides do the same work and check the same result.
"""

from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.kernel import (
    _ask,
    _broadcast,
    _cancel,
    _fan_in,
    _hundred_asks,
    _idle_bytes,
    _restart,
    _ring,
    _spawn,
    _tell_await,
    _tell_nowait,
)

__all__ = ["SCENARIOS"]

SCENARIOS: tuple[Scenario, ...] = (
    _tell_nowait.SCENARIO,
    _tell_await.SCENARIO,
    _fan_in.SCENARIO,
    _ask.SCENARIO,
    _hundred_asks.SCENARIO,
    _spawn.SCENARIO,
    _ring.SCENARIO,
    _idle_bytes.SCENARIO,
    _restart.SCENARIO,
    _broadcast.SCENARIO,
    _cancel.SCENARIO,
)
