"""How a cost grows: the exponent of the power of N that fits it best. Pure functions."""

from collections.abc import Mapping, Sequence
from math import log

from actrio.benchmarks._row import Row


def exponent(points: Mapping[int, float]) -> float:
    """That of ``cost = a * N ** exponent``, by least squares over the logarithms. 0: flat; 1: as N does.

    Raises:
        ValueError: there are fewer than two different N, or one of the values is not above zero.
    """
    if len(points) < 2 or not all(number > 0 and cost > 0 for number, cost in points.items()):
        raise ValueError(f"a growth needs two points or more, above zero: {dict(points)}")
    xs, ys = [log(number) for number in points], [log(cost) for cost in points.values()]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return over / sum((x - mean_x) ** 2 for x in xs)


def series(rows: Sequence[Row], references: Mapping[str, int]) -> dict[str, dict[int, float]]:
    """{what: {N: its cost}} of rows named ``what-N``, with the reference's own cost, which is their baseline."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        what, _, number = row.scenario.rpartition("-")
        if number.isdecimal() and what in references:
            points = found.setdefault(what, {references[what]: row.baseline})
            points[int(number)] = row.actrio
    return {what: dict(sorted(points.items())) for what, points in found.items()}


def growth_lines(rows: Sequence[Row], references: Mapping[str, int]) -> str:
    """What a person reads: a line for each series."""
    lines = [
        f"  {what:<12} N^{exponent(points):+.2f}  " + "  ".join(f"{n:,}: {cost:,.0f}" for n, cost in points.items())
        for what, points in series(rows, references).items()
    ]
    return "Growth (N^0 is flat):\n" + "\n".join(lines) if lines else ""
