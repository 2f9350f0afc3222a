"""The load suite: how costs grow with the number of live agents, and of turns at once.

- `_setting`: the mock model's server, and models that answer like real ones. `_live`: by the number of live agents.
- `_turns`: by the number of turns at once. `_growth`: how fast a cost grows.
- `_model`: the same load on a model of the user's own.
"""

from collections.abc import Sequence
from typing import Final

from actrio.benchmarks._harness import Suite
from actrio.benchmarks._row import Row
from actrio.benchmarks.load import _live, _turns
from actrio.benchmarks.load._growth import growth_lines
from actrio.benchmarks.load._model import run_model
from actrio.benchmarks.load._setting import loaded_server

__all__ = ["REFERENCES", "SUITE", "run_model"]

# {series: the N that its rows stand beside}
REFERENCES: Final = {
    **dict.fromkeys(("spawn", "turn-of", "agent-bytes"), _live.REFERENCE),
    **dict.fromkeys(("turns", *(f"late-{name}" for name in _turns.PERCENTS)), _turns.REFERENCE),
}

_NOTES = """\
baseline: actrio itself with 100 agents, or with 10 turns at once; 0.77 is at most 1.3 times its cost. µs of spawn,
turn-of and turns are processor time of this process, without the server's; late is how long after its time a task that
sleeps 10 ms runs, on the clock: with more turns than the processor can serve it is what they wait for each other."""


def _conclude(rows: Sequence[Row]) -> str:
    return growth_lines(rows, REFERENCES)


SUITE: Suite = Suite(
    name="load",
    beside="itself with less to do",
    scenarios=(*_live.SCENARIOS, *_turns.SCENARIOS),
    setting=loaded_server,
    rounds=5,
    notes=_NOTES,
    conclude=_conclude,
)
