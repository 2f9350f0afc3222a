"""What does a token cost, and how late is it, when each comes at its own time? Server and client together, µs.

The model gives tokens at times that are drawn, the same on either side. So there is
seldom more than one to send, and both sides send the same frames, one a token; nothing can be saved by joining them.
``late`` is the time from the model's giving a token until it is in the client's hand.
"""

from collections.abc import Sequence
from typing import Final

from actrio.benchmarks._harness import Scenario
from actrio.benchmarks._row import Row
from actrio.benchmarks.gateway._beside import REACH, Question, sides
from actrio.benchmarks.gateway._flow import Flow
from actrio.benchmarks.gateway._sides import PERCENTS

_LATE: Final = "late-{}-p{}"


def _scenarios(
    connections: int, flow: Flow, *, full: int, quick: int | None, rounds: int | None = None
) -> tuple[Scenario, ...]:
    which = "one connection" if connections == 1 else f"{connections:,} connections"
    by = sides(flow, connections)
    cost = f"What does a token cost, one each {flow.pace_ms:g} ms, {which}? Processor time of both ends"
    late = f"How late is a token, one each {flow.pace_ms:g} ms, {which}? From model to client"
    rows = (
        Question(f"paced-{connections}", cost, "cost", REACH),
        *[Question(_LATE.format(connections, p), f"{late}, percentile {p}", f"late-p{p}") for p in PERCENTS],
    )
    return tuple(one.row(by.gateway, by.each, full=full, quick=quick, rounds=rounds) for one in rows)


SCENARIOS: tuple[Scenario, ...] = (
    *_scenarios(1, Flow(tokens=30, pace_ms=10), full=10, quick=1),
    # One to two thousand tokens a second: what one processor can do on either side, and have time left.
    *_scenarios(100, Flow(tokens=20, pace_ms=60, spread_ms=600), full=200, quick=100),
    *_scenarios(1_000, Flow(tokens=20, pace_ms=1_000, spread_ms=8_000), full=1_000, quick=None, rounds=3),
)


def added(rows: Sequence[Row]) -> str:
    """What the gateway adds to the way of a token, from those rows that were measured; empty if none was."""
    late = {row.scenario: row.actrio - row.baseline for row in rows if row.scenario.startswith("late-")}
    said = [f"{name.removeprefix('late-')} {more:+,.0f} µs" for name, more in late.items()]
    return f"Added to a token's way by the gateway: {', '.join(said)}." if said else ""
