"""What a runtime did, as a table to print."""

from collections.abc import Sequence

from actrio.actors._metrics import RuntimeMetrics

_ACTOR_HEAD = ("actor", "state", "handled", "failed", "queued", "restarts", "p50", "p90", "p99", "max")
_FUNCTION_HEAD = ("function", "calls", "errors", "cancelled", "p50", "p90", "p99", "min", "max")


def make_report(metrics: RuntimeMetrics) -> str:
    """Two tables: actors that live, and functions that are tracked. Times have their units."""
    actors = [
        (
            one.name,
            one.state,
            str(one.mailbox.handled),
            str(one.mailbox.failed),
            str(one.mailbox.queued),
            str(one.restarts),
            *map(_time, (one.handling.p50, one.handling.p90, one.handling.p99, one.handling.max)),
        )
        for _, one in sorted(metrics.actors.items())
    ]
    functions = [
        (
            one.name,
            str(one.calls),
            str(one.errors),
            str(one.cancelled),
            *map(_time, (one.p50, one.p90, one.p99, one.min, one.max)),
        )
        for _, one in sorted(metrics.functions.items())
    ]
    tables = [_table(head, rows) for head, rows in ((_ACTOR_HEAD, actors), (_FUNCTION_HEAD, functions)) if rows]
    return "\n\n".join(tables) or "no actors, and no tracked functions"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(_line(row, widths) for row in (head, *rows))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = row
    return "  ".join(
        [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))]
    )


def _time(seconds: float) -> str:
    if not seconds:
        return "0"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.2f} s"
