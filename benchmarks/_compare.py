"""Whether a run differs from an earlier one, row by row, and by more than noise. Pure functions."""

from collections.abc import Mapping, Sequence
from math import comb
from statistics import median
from typing import Final, Literal

from attrs import frozen

from actrio.benchmarks._row import Row, ratio

Judgement = Literal["better", "worse", "same", "new", "gone"]

# The interval of a median holds the true one in this share of cases, or more.
CONFIDENCE: Final = 0.93

# What two runs of the same program may differ by though the rounds of each agree: memory lies otherwise, hashes have
# other seeds. Nothing below it is called a change.
LEAST_CHANGE: Final = 1.05


@frozen
class Change:
    """What became of one row.

    Attributes:
        scenario: Its name.
        judgement: ``worse`` or ``better`` only where that is beyond the noise; ``new``, ``gone``: only one run has it.
        factor: The ratio now by the ratio then, medians over rounds. Above one: better. None for new and gone ones.
        before, now: The intervals in which the ratio lay, each (least, greatest).
    """

    scenario: str
    judgement: Judgement
    factor: float | None = None
    before: tuple[float, float] = (0.0, 0.0)
    now: tuple[float, float] = (0.0, 0.0)


def compare(before: Sequence[Row], now: Sequence[Row]) -> list[Change]:
    """Each row's change, in today's order, then those that are gone.

    A row is its rounds' ratios of actrio beside its baseline. Both ran right after each other, so what made the whole
    machine slower for a while is in neither. Where they do not say more than chance would, a row is the same.
    """
    earlier: Mapping[str, Row] = {row.scenario: row for row in before}
    today = {row.scenario for row in now}
    changes = [
        _change(earlier[row.scenario], row) if row.scenario in earlier else Change(row.scenario, "new") for row in now
    ]
    return [*changes, *(Change(name, "gone") for name in earlier if name not in today)]


def _change(before: Row, now: Row) -> Change:
    old, new = _ratios(before), _ratios(now)
    factor = median(new) / median(old)
    then, today = median_interval(old), median_interval(new)
    judgement: Judgement = "same"
    if factor >= LEAST_CHANGE and today[0] > then[1]:
        judgement = "better"
    elif factor <= 1 / LEAST_CHANGE and today[1] < then[0]:
        judgement = "worse"
    return Change(now.scenario, judgement, factor, then, today)


def _ratios(row: Row) -> list[float]:
    return [ratio(row.kind, *both) for both in row.rounds]


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Between which values the true median lies, in `CONFIDENCE` of cases or more, whatever the distribution.

    By order statistics: each value is below the median as often as a coin shows heads. Fewer than five values are too
    few for that; then it is the least and the greatest.
    """
    ordered, count = sorted(values), len(values)
    outside, skipped = 0.0, 0
    while skipped < (count - 1) // 2:
        outside += 2 * comb(count, skipped) / 2**count
        if outside > 1 - CONFIDENCE:
            break
        skipped += 1
    left = max(0, skipped - 1)
    return ordered[left], ordered[count - 1 - left]


def changes_table(name: str, changes: Sequence[Change]) -> str:
    """What a person reads: a line for each row, and how many are worse."""
    width = max((len(one.scenario) for one in changes), default=0)
    lines = [f"Beside {name}, now / then of the ratio. worse, better: beyond the noise of both runs."]
    for one in changes:
        if one.factor is None:
            lines.append(f"  {one.scenario:<{width}}  {one.judgement}")
        else:
            spans = " ".join(f"{low:.2f}-{high:.2f}" for low, high in (one.before, one.now))
            lines.append(f"  {one.scenario:<{width}}  {one.factor:5.2f}  {one.judgement:<6}  {spans}")
    worse = [one.scenario for one in changes if one.judgement == "worse"]
    lines.append(f"Worse: {', '.join(worse)}." if worse else "Nothing is worse.")
    return "\n".join(lines)
