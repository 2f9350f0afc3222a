"""A scenario, a suite of them, and running the sides of a scenario in turn."""

import gc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby

import trio
from attrs import field, frozen

from actrio.benchmarks._row import Absent, Goal, Kind, Row, summarise

# What a side measured: one figure, or several by their names.
Figures = float | Mapping[str, float]

# Given a size it does that much work, asserts that it was done right, and returns the measurement.
Side = Callable[[int], Awaitable[Figures]]

LEAST_ROUNDS = 5


class Unavailable(Exception):
    """Raised by a baseline that cannot be measured here: what it needs is not installed, or it fails.

    Its row says so, and the suite goes on. The text is the reason, with the way out where there is one.
    """


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]


@frozen(kw_only=True)
class Scenario:
    """One question, answered by the same work done twice. It gives one row.

    Where one measurement of actrio has several baselines, there is a scenario for each, one after the other, with the
    same function as their `actrio` side: it is run once a round for all of them. Where one measurement gives several
    figures, there is a scenario for each of them, likewise.

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
        figure: Which one of its sides' figures it is about, where they give several.
        rounds: At most so many, where one takes long; None: as many as the suite has.
        warm_up: The size of the round that is not counted; None: as the others.
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
    figure: str = ""
    rounds: int | None = None
    warm_up: int | None = None

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
        conclude: Says what the rows come to together; empty if there is nothing to say.
    """

    name: str
    beside: str
    scenarios: tuple[Scenario, ...]
    setting: Callable[[], AbstractContextManager[None]] = nullcontext
    rounds: int = 15
    notes: str = ""
    conclude: Callable[[Sequence[Row]], str] = field(default=lambda _: "", repr=False)


def run_side(side: Side, size: int, figure: str = "") -> float:
    """One measurement; see `run_figures`. Where it gives several, the figure of that name."""
    return _figure(run_figures(side, size), figure)


def run_figures(side: Side, size: int) -> Figures:
    """One measurement, with all its figures.

    The garbage of what ran before is collected first, and not charged to this side. The collector stays on, as it is
    for users: a side that makes much garbage pays for it.
    """
    gc.collect()
    return trio.run(_call, side, size)


async def _call(side: Side, size: int) -> Figures:
    return await side(size)


def together(scenarios: Sequence[Scenario], *, quick: bool) -> list[tuple[int, list[Scenario]]]:
    """What is measured together, in order, with its size: neighbours with the same actrio side at the same size."""
    kept = [(size, one) for one in scenarios if (size := one.size(quick=quick)) is not None]
    groups = groupby(kept, key=lambda pair: (pair[0], id(pair[1].actrio)))
    return [(size, [one for _, one in group]) for (size, _), group in groups]


def measure(scenarios: Sequence[Scenario], *, rounds: int, size: int) -> list[Row | Absent]:
    """Run the sides in turn, actrio first, ``rounds`` times after one round that is not counted.

    Args:
        scenarios: One, or several with the same actrio side. Each baseline is run once a round as well, and no more
            once it has said that it is unavailable.
        rounds: How many, unless the first scenario has fewer.
        size: Of each.
    """
    first = scenarios[0]
    assert all(one.actrio is first.actrio for one in scenarios)
    baselines = list(dict.fromkeys(one.baseline for one in scenarios))
    missing: dict[Side, str] = {}
    _run_round(first.actrio, baselines, size if first.warm_up is None else first.warm_up, missing)
    results = [_run_round(first.actrio, baselines, size, missing) for _ in range(min(rounds, first.rounds or rounds))]
    return [_result(one, results, missing) for one in scenarios]


def _run_round(
    actrio: Side, baselines: Sequence[Side], size: int, missing: dict[Side, str]
) -> tuple[Figures, dict[Side, Figures]]:
    ours = run_figures(actrio, size)
    theirs: dict[Side, Figures] = {}
    for side in baselines:
        if side not in missing:
            try:
                theirs[side] = run_figures(side, size)
            except Unavailable as reason:
                missing[side] = str(reason)
    return ours, theirs


def _result(
    one: Scenario, results: Sequence[tuple[Figures, Mapping[Side, Figures]]], missing: Mapping[Side, str]
) -> Row | Absent:
    if one.baseline in missing:
        return Absent(one.name, missing[one.baseline])
    pairs = [(_figure(ours, one.figure), _figure(theirs[one.baseline], one.figure)) for ours, theirs in results]
    return summarise(one.name, one.unit, one.kind, pairs)


def _figure(figures: Figures, name: str) -> float:
    return figures[name] if isinstance(figures, Mapping) else figures
