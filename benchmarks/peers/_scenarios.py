"""How do actrio's actors compare with those of other systems? The work of the kernel suite, beside each peer."""

from collections.abc import Sequence
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
from actrio.benchmarks.peers._peer import PEERS, Peer
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


def _of(
    name: str, scenario: Scenario, question: str, *, full: int, quick: int | None, function: str | None = None
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
    _of("idle-bytes", _idle_bytes.SCENARIO, "How much memory does one more idle actor take?", full=500, quick=200),
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
        quick=work.quick,
        reach=_reach(work.name, peer.name),
    )


def _reach(work: str, peer: str) -> float | None:
    if work == "restart":
        return None
    return AUTOGEN.get(work, AHEAD) if peer == "autogen-core" else AHEAD


SCENARIOS: tuple[Scenario, ...] = tuple(_beside(work, peer) for work in WORK for peer in PEERS)


def best_of_peers(rows: Sequence[Row]) -> str:
    """A line for each measurement: actrio beside the best peer in it."""
    lines: list[str] = []
    for work in WORK:
        of_it = [row for row in rows if row.scenario in {f"{work.name}-{peer.row_label}" for peer in PEERS}]
        if of_it:
            nearest = min(of_it, key=lambda row: row.ratio)
            name = nearest.scenario.removeprefix(f"{work.name}-")
            lines.append(f"  {work.name:<11} {nearest.ratio:6.2f} times the best of {len(of_it)}, {name}")
    return "Beside the best peer in each:\n" + "\n".join(lines) if lines else ""
