"""A scenario, and running both sides of it in turn."""

import gc
from collections.abc import Awaitable, Callable

import trio
from attrs import field, frozen

from actrio.benchmarks._row import Kind, Row, summarise

# Given a size it does that much work, asserts that it was done right, and returns the measurement.
Side = Callable[[int], Awaitable[float]]

LEAST_ROUNDS = 5


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]


@frozen(kw_only=True)
class Scenario:
    """One question, answered by the same work done twice.

    Attributes:
        name: Unique in its suite.
        question: One line: what is asked, and its unit. Given the docstring of the scenario's module, its first line.
        unit: Of both measurements.
        kind: ``rate``, better when higher; ``cost``, better when lower.
        actrio, baseline: The two sides. Each runs in a Trio run of its own, sets up and checks outside the measured
            part, and fails with AssertionError if the work was not done right.
        full, quick: The size of a round.
        reach: The ratio that actrio should have; None if none is set.
    """

    name: str
    question: str = field(converter=_first_line)
    unit: str
    kind: Kind
    actrio: Side
    baseline: Side
    full: int
    quick: int
    reach: float | None = None


def run_side(side: Side, size: int) -> float:
    """One measurement.

    The garbage of what ran before is collected first, and not charged to this side. The collector stays on, as it is
    for users: a side that makes much garbage pays for it.
    """
    gc.collect()
    return trio.run(_call, side, size)


async def _call(side: Side, size: int) -> float:
    return await side(size)


def measure(scenario: Scenario, *, rounds: int, size: int) -> Row:
    """Run both sides in turn, actrio first, ``rounds`` times after one round that is not counted."""
    run_side(scenario.actrio, size)
    run_side(scenario.baseline, size)
    results = [(run_side(scenario.actrio, size), run_side(scenario.baseline, size)) for _ in range(rounds)]
    return summarise(scenario.name, scenario.unit, scenario.kind, results)
