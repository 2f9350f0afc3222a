"""How do actrio's actors compare with those of other systems? The work of the kernel suite, beside each of them.

Beside libraries of agents: `_agents`. Here are the rows of both, and what they come to.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from actrio.benchmarks._harness import Figures, Scenario, Side
from actrio.benchmarks._row import Kind, Row
from actrio.benchmarks.kernel import (
    _ask,
    _fan_in,
    _hundred_asks,
    _idle_bytes,
    _restart,
    _ring,
    _spawn,
    _tell_nowait,
)
from actrio.benchmarks.peers._agents import AGENT_SCENARIOS, AGENT_WORK
from actrio.benchmarks.peers._peer import ACTORS, AGENTS, Peer
from actrio.benchmarks.peers._process import measure

# What is asked of a row: ahead of every peer, and by far of one.
AHEAD: Final = 1.2
AUTOGEN: Final = {"tell": 40.0, "ask": 10.0}


@frozen
class _Work:
    """One measurement: its name in rows and in adapters, and actrio's side of it."""

    name: str
    function: str
    question: str
    unit: str
    kind: Kind
    actrio: Side
    full: int
    quick: int | None
    rounds: int | None


def _of(
    name: str,
    scenario: Scenario,
    question: str,
    *,
    full: int,
    quick: int | None,
    function: str | None = None,
    rounds: int | None = None,
) -> _Work:
    return _Work(
        name,
        function or name.replace("-", "_"),
        question,
        scenario.unit,
        scenario.kind,
        scenario.actrio,
        full,
        quick,
        rounds,
    )


WORK: Final = (
    _of("tell", _tell_nowait.SCENARIO, "How fast is one sender, in bursts of 1,000?", full=20, quick=3),
    _of("fan-in", _fan_in.SCENARIO, "How fast do 100 senders get through to one actor?", full=15, quick=3),
    _of("ask", _ask.SCENARIO, "How fast is one asker, one question after the other?", full=5_000, quick=800),
    _of(
        "100-asks",
        _hundred_asks.SCENARIO,
        "How fast are 100 askers at once, each with an actor of its own?",
        full=40,
        quick=8,
        function="asks_100",
    ),
    _of("spawn", _spawn.SCENARIO, "What does an actor cost until it has handled a message?", full=500, quick=100),
    _of("ring", _ring.SCENARIO, "How fast does a message go round 1,000 actors?", full=10_000, quick=2_000),
    # Counted to the byte, so that few rounds are enough; but counting takes its time.
    _of(
        "idle-bytes",
        _idle_bytes.SCENARIO,
        "How much memory does one more idle actor take?",
        full=500,
        quick=None,
        rounds=2,
    ),
    _of("restart", _restart.SCENARIO, "How long from a crash to the next message handled?", full=200, quick=50),
)


def _beside(work: _Work, peer: Peer) -> Scenario:
    async def baseline(size: int) -> Figures:
        return measure(peer, work.function, size)

    return Scenario(
        name=f"{work.name}-{peer.row_label}",
        question=f"{work.question} Beside {peer.name}, {work.unit}.",
        unit=work.unit,
        kind=work.kind,
        actrio=work.actrio,
        baseline=baseline,
        full=work.full,
        quick=work.quick if peer.quick else None,
        reach=_reach(work.name, peer.name),
        rounds=work.rounds,
    )


def _reach(work: str, peer: str) -> float | None:
    if work == "restart":
        return None
    return AUTOGEN.get(work, AHEAD) if peer == "autogen-core" else AHEAD


SCENARIOS: tuple[Scenario, ...] = (
    *(_beside(work, peer) for work in WORK for peer in ACTORS),
    *AGENT_SCENARIOS,
)


def best_of_peers(rows: Sequence[Row]) -> str:
    """A line for each measurement: actrio beside the best peer in it, and beside what is written by hand."""
    by_name = {row.scenario: row for row in rows}
    libraries = [peer for peer in AGENTS if not peer.by_hand]
    by_hand = [peer for peer in AGENTS if peer.by_hand]
    found = [(work.name, [_best(work.name, by_name, ACTORS)]) for work in WORK]
    for work in AGENT_WORK:
        best = _best(work.name, by_name, libraries), _best(work.name, by_name, by_hand, "{name} by hand")
        found.append((work.name, list(best)))
    lines = [f"  {name:<11} {'; '.join(filter(None, said))}" for name, said in found if any(said)]
    return "Beside the best peer in each:\n" + "\n".join(lines) if lines else ""


def _best(work: str, rows: Mapping[str, Row], peers: Sequence[Peer], which: str = "the best of {count}, {name}") -> str:
    """Of those of the peers that have a row; empty if none has."""
    of_it = [(row, peer) for peer in peers if (row := rows.get(f"{work}-{peer.row_label}"))]
    if not of_it:
        return ""
    nearest, peer = min(of_it, key=lambda pair: pair[0].ratio)
    return f"{nearest.ratio:6.2f} times {which.format(count=len(of_it), name=peer.row_label)}"
