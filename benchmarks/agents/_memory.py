"""How much memory does a process take in which 1,000 answers stream at once? Its peak, with Python and modules, MB."""

import sys
from pathlib import Path
from typing import Final, Literal

import trio

from actrio.benchmarks._harness import Scenario, Side
from actrio.benchmarks.agents._agent import BARE_REACH
from actrio.benchmarks.providers import Exchange

AT_MOST_MB: Final = 130

_PROGRAM: Final = Path(__file__).with_name("_memory_program.py")

# Slow enough that all of them are open before the first ends.
_EXCHANGE: Final = Exchange(tokens=20, pace_ms=100)


def _side(kind: Literal["agents", "bare"]) -> Side:
    async def side(size: int) -> float:
        # -P: the folder of the program is no place to import from.
        command = [sys.executable, "-P", str(_PROGRAM), kind, _EXCHANGE.base_url, str(size)]
        done = await trio.run_process(command, capture_stdout=True)
        tokens, megabytes = done.stdout.split()
        assert int(tokens) == size * _EXCHANGE.tokens
        return float(megabytes)

    return side


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="peak-1000-bare",
        question=__doc__,
        unit="MB",
        kind="cost",
        actrio=_side("agents"),
        baseline=_side("bare"),
        full=1_000,
        quick=None,
        reach=BARE_REACH,
        at_most=AT_MOST_MB,
        rounds=5,
    ),
)
