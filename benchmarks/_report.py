"""The table a person reads, and the JSON a program reads. Pure functions of rows."""

import json
from collections.abc import Sequence

from attrs import asdict

from actrio.benchmarks._row import NOISY_SPREAD, Row

_COLUMNS = "{:<17} {:<13} {:>12} {:>12} {:>7} {:>7} {:>7} {:>9}  {}"

# What the columns mean, said under every table.
LEGEND = (
    "actrio, baseline: the median over all rounds. ratio: above 1, actrio is better.\n"
    "min, max: the least and greatest ratio of one round. to reach: what the ratio should be."
)


def heading() -> str:
    """The first two lines of the table."""
    names = _COLUMNS.format("scenario", "unit", "actrio", "baseline", "ratio", "min", "max", "to reach", "").rstrip()
    return f"{names}\n{'-' * len(names)}"


def line(row: Row, reach: float | None) -> str:
    """One row of the table, with the ratio to reach if there is one."""
    return _COLUMNS.format(
        row.scenario,
        row.unit,
        _figure(row.actrio),
        _figure(row.baseline),
        f"{row.ratio:.2f}",
        f"{row.min:.2f}",
        f"{row.max:.2f}",
        "" if reach is None else f"{reach:.2f}",
        "" if reach is None else "reached" if row.ratio >= reach else "short",
    ).rstrip()


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.1f}"


def verdict(rows: Sequence[tuple[Row, float | None]]) -> str:
    """How many of the ratios to reach were reached, and which were not. Empty if there was none to reach."""
    judged = [(row, reach) for row, reach in rows if reach is not None]
    short = [f"{row.scenario} {row.ratio:.2f} of {reach:g}" for row, reach in judged if row.ratio < reach]
    if not judged:
        return ""
    return f"Reached {len(judged) - len(short)} of {len(judged)}." + (f" Short: {', '.join(short)}." if short else "")


def noise_note(rows: Sequence[Row]) -> str:
    """A warning that names the rows whose rounds differ too much to trust; empty if there are none."""
    noisy = ", ".join(row.scenario for row in rows if row.noisy)
    if not noisy:
        return ""
    return (
        f"Noisy: {noisy}. The best round is more than {NOISY_SPREAD:g} times the worst, so trust no more of a ratio\n"
        "than its first digit. Stop other programs, or give more --rounds."
    )


def to_json(suite: str, rows: Sequence[Row]) -> str:
    """``{"suite": …, "rows": [{"scenario", "unit", "actrio", "baseline", "ratio", "min", "max"}]}``, unrounded."""
    return json.dumps({"suite": suite, "rows": [asdict(row) for row in rows]}, indent=2) + "\n"
