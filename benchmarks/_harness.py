"""A scenario, a suite of them, and running the sides of a scenario in turn."""

import gc
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby

import trio
from attrs import field, frozen

from actrio.benchmarks._row import Goal, Kind, Row, summarise

# Given a size it does that much work, asserts that it was done right, and returns the measurement.
Side = Callable[[int], Awaitable[float]]

LEAST_ROUNDS = 5


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]


@frozen(kw_only=True)
class Scenario:
    """One question, answered by the same work done twice. It gives one row.

    Where one measurement of actrio has several baselines, there is a scenario for each, one after the other, with the
    same function as their `actrio` side: it is run once a round for all of them.

    Attributes:
        name: Unique in its suite.
        question: One line: what is asked, and its unit. Given the docstring of the scenario's module, its first line.
        unit: Of both measurements.
        kind: ``rate``, better when higher; ``cost``, better when lower.
        actrio, baseline: The two sides. Each runs in a Trio run of its own, sets up and checks outside the measured
            part, and fails with AssertionError if the work was not done right.
        full, quick: The size of a round. ``quick`` is None if `--quick` leaves the scenario out.
        reach: The ratio that actrio should have; None if none is set.
        at_most: What actrio's own measurement should not be above, whatever the baseline's is; None if nothing is set.
    """

    name: str
    question: str = field(converter=_first_line)
    unit: str
    kind: Kind
    actrio: Side
    baseline: Side
    full: int
    quick: int | None
    reach: float | None = None
    at_most: float | None = None

    @property
    def goal(self) -> Goal:
        """What its row should come to."""
        return Goal(self.reach, self.at_most)

    def size(self, *, quick: bool) -> int | None:
        """The size of a round; None if it is left out."""
        return self.quick if quick else self.full


@frozen(kw_only=True)
class Suite:
    """Scenarios that are run together.

    Attributes:
        name: What is asked for on the command line.
        beside: What the baselines are, in a few words.
        scenarios: In the order of the rows.
        setting: What all of them need, such as a server: entered before the first measurement, left after the last,
            however that ends. It runs outside Trio; what it sets in context variables, the sides see.
        rounds: How many, unless told otherwise.
        notes: What the names and figures mean, said under the table.
    """

    name: str
    beside: str
    scenarios: tuple[Scenario, ...]
    setting: Callable[[], AbstractContextManager[None]] = nullcontext
    rounds: int = 15
    notes: str = ""


def run_side(side: Side, size: int) -> float:
    """One measurement.

    The garbage of what ran before is collected first, and not charged to this side. The collector stays on, as it is
    for users: a side that makes much garbage pays for it.
    """
    gc.collect()
    return trio.run(_call, side, size)


async def _call(side: Side, size: int) -> float:
    return await side(size)


def together(scenarios: Sequence[Scenario], *, quick: bool) -> list[tuple[int, list[Scenario]]]:
    """What is measured together, in order, with its size: neighbours with the same actrio side at the same size."""
    kept = [(size, one) for one in scenarios if (size := one.size(quick=quick)) is not None]
    groups = groupby(kept, key=lambda pair: (pair[0], id(pair[1].actrio)))
    return [(size, [one for _, one in group]) for (size, _), group in groups]


def measure(scenarios: Sequence[Scenario], *, rounds: int, size: int) -> list[Row]:
    """Run the sides in turn, actrio first, ``rounds`` times after one round that is not counted.

    Args:
        scenarios: One, or several with the same actrio side. Each baseline is run once a round as well.
        rounds: How many.
        size: Of each.
    """
    sides = [scenarios[0].actrio, *(one.baseline for one in scenarios)]
    assert all(one.actrio is sides[0] for one in scenarios)
    results = [[run_side(side, size) for side in sides] for _ in range(1 + rounds)][1:]
    return [
        summarise(one.name, one.unit, one.kind, [(result[0], result[place]) for result in results])
        for place, one in enumerate(scenarios, 1)
    ]
