"""The table a person reads, and the JSON a program reads. Pure functions of rows."""

import json
from collections.abc import Mapping, Sequence
from textwrap import fill

from attrs import asdict

from actrio.benchmarks._row import NOISY_SPREAD, Absent, Goal, Row

_COLUMNS = "{:<13} {:>12} {:>12} {:>7} {:>7} {:>7} {:>9}  {}"

# Of the first column, unless a name is longer.
NAME_WIDTH = 17

_WIDTH = 120

# What a saved run has, beside.
_NOT_IN_JSON = {"kind", "rounds"}

_LEGEND = (
    "actrio, baseline: the median over all rounds. ratio: above 1, actrio is better.\n"
    "min, max: the least and greatest ratio of one round. to reach: what the ratio should be."
)
_LEGEND_AT_MOST = "\n≤: what actrio itself should not be above. It is a figure of one machine, a ratio is not."


def heading(width: int = NAME_WIDTH) -> str:
    """The first two lines of the table, its first column so wide."""
    names = f"{'scenario':<{width}} " + _COLUMNS.format(
        "unit", "actrio", "baseline", "ratio", "min", "max", "to reach", ""
    )
    names = names.rstrip()
    return f"{names}\n{'-' * len(names)}"


def legend(goals: Sequence[Goal]) -> str:
    """What the columns mean, said under every table."""
    return _LEGEND + (_LEGEND_AT_MOST if any(goal.at_most is not None for goal in goals) else "")


def line(row: Row | Absent, goal: Goal, width: int = NAME_WIDTH) -> str:
    """One row of the table, with what it should reach if anything; or why there is none."""
    if isinstance(row, Absent):
        return f"{row.scenario:<{width}} not measured: {row.reason}"
    cells = _COLUMNS.format(
        row.unit,
        _figure(row.actrio),
        _figure(row.baseline),
        f"{row.ratio:.2f}",
        f"{row.min:.2f}",
        f"{row.max:.2f}",
        str(goal),
        ("short" if goal.shortfalls(row) else "reached") if goal else "",
    )
    return f"{row.scenario:<{width}} {cells}".rstrip()


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.1f}"


def verdict(rows: Sequence[tuple[Row, Goal]]) -> str:
    """How many of the rows with a goal reached it, and which did not. Empty if there was none to reach."""
    judged = [(row, goal.shortfalls(row)) for row, goal in rows if goal]
    short = [f"{row.scenario} {' and '.join(found)}" for row, found in judged if found]
    if not judged:
        return ""
    said = f"Reached {len(judged) - len(short)} of {len(judged)}." + (f" Short: {', '.join(short)}." if short else "")
    return _wrap(said)


def noise_note(rows: Sequence[Row]) -> str:
    """A warning that names the rows whose rounds differ too much to trust; empty if there are none."""
    noisy = ", ".join(row.scenario for row in rows if row.noisy)
    if not noisy:
        return ""
    return _wrap(
        f"Noisy: {noisy}. The best round is more than {NOISY_SPREAD:g} times the worst, so trust no more of a ratio "
        "than its first digit. Stop other programs, or give more --rounds."
    )


def _wrap(text: str) -> str:
    return fill(text, _WIDTH, break_on_hyphens=False)


def to_json(suite: str, environment: Mapping[str, str], rows: Sequence[Row | Absent]) -> str:
    """``{"suite": …, "environment": {what: which}, "rows": [{"scenario", "unit", "actrio", "baseline", …}]}``.

    A row also has "ratio", "min" and "max", all unrounded; one that could not be measured is ``{"scenario",
    "reason"}``.
    """
    fields = [asdict(row, filter=lambda attribute, _: attribute.name not in _NOT_IN_JSON) for row in rows]
    return json.dumps({"suite": suite, "environment": dict(environment), "rows": fields}, indent=2) + "\n"
