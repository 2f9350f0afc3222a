"""What the measurements of one scenario come to. Pure functions: nothing here runs or measures."""

from collections.abc import Sequence
from statistics import median
from typing import Literal

from attrs import field, frozen

# A rate is better when it is higher, such as messages a second; a cost when it is lower, such as bytes an actor.
Kind = Literal["rate", "cost"]

# A row is noisy if its best round is more than this many times its worst: then a ratio says little beyond one digit.
NOISY_SPREAD = 1.5


@frozen
class Row:
    """One scenario's result.

    Attributes:
        scenario, unit: What was measured, and in what.
        actrio, baseline: The median over all rounds, in ``unit``.
        ratio: That of the two medians. Above one always means that actrio is better, for a rate and for a cost.
        min, max: The least and the greatest ratio of any one round, whose sides ran right after each other; ``ratio``
            always lies between them.
        kind: Whether higher or lower is better.
        rounds: What each round measured, ``(actrio, baseline)``.
    """

    scenario: str
    unit: str
    actrio: float
    baseline: float
    ratio: float
    min: float
    max: float
    kind: Kind = field(default="rate", kw_only=True)
    rounds: tuple[tuple[float, float], ...] = field(default=(), kw_only=True, eq=False, repr=False)

    @property
    def noisy(self) -> bool:
        """Whether the rounds differ so much that the ratio should not be trusted."""
        return self.max > NOISY_SPREAD * self.min


@frozen
class Absent:
    """A scenario without a result, and why.

    Attributes:
        scenario: Its name.
        reason: What is missing or went wrong, with the way out where there is one.
    """

    scenario: str
    reason: str


@frozen
class Goal:
    """What a row should come to. None: nothing is asked of it.

    Attributes:
        ratio: At least this.
        at_most: What actrio's own measurement should not be above, in the row's unit. It depends on the machine.
    """

    ratio: float | None = None
    at_most: float | None = None

    def __bool__(self) -> bool:
        return self.ratio is not None or self.at_most is not None

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return ratio if self.at_most is None else f"{ratio} ≤{self.at_most:g}".lstrip()

    def shortfalls(self, row: Row) -> list[str]:
        """What of it the row does not reach, each as "measured of asked"; empty if it is reached."""
        found: list[str] = []
        if self.ratio is not None and row.ratio < self.ratio:
            found.append(f"{row.ratio:.2f} of {self.ratio:.3g}")
        if self.at_most is not None and row.actrio > self.at_most:
            found.append(f"{row.actrio:.3g} {row.unit} of at most {self.at_most:g}")
        return found


def ratio(kind: Kind, actrio: float, baseline: float) -> float:
    """How many times better actrio is. Both measurements are above zero."""
    return actrio / baseline if kind == "rate" else baseline / actrio


def summarise(scenario: str, unit: str, kind: Kind, rounds: Sequence[tuple[float, float]]) -> Row:
    """The row of a scenario from its rounds, each ``(actrio, baseline)``.

    Raises:
        ValueError: there is no round, or a measurement is not above zero.
    """
    if not rounds:
        raise ValueError(f"{scenario}: there is no round to summarise")
    if not all(one > 0 for both in rounds for one in both):
        raise ValueError(f"{scenario}: a measurement is not above zero: {list(rounds)}")
    actrio = median(one for one, _ in rounds)
    baseline = median(one for _, one in rounds)
    ratios = [ratio(kind, *both) for both in rounds]
    return Row(
        scenario,
        unit,
        actrio,
        baseline,
        ratio(kind, actrio, baseline),
        min(ratios),
        max(ratios),
        kind=kind,
        rounds=tuple(rounds),
    )
