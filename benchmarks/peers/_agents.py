"""How do actrio's agents compare with those of other libraries? The work of the agents suite, beside each of them."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import trio
from attrs import frozen

from actrio.benchmarks._harness import Figures, Scenario, Side
from actrio.benchmarks.agents._agent import through_agents
from actrio.benchmarks.agents._tool_clients import EXCHANGE, agents_with_a_tool
from actrio.benchmarks.peers._peer import AGENTS, Peer
from actrio.benchmarks.peers._process import PATIENCE_S, measure, measure_fresh
from actrio.benchmarks.peers._stopping import CALLING, ENDLESS, cancel_to_close, tool_goes_on
from actrio.benchmarks.peers._watch import relay
from actrio.benchmarks.providers import KEY, MODEL, Exchange, first_token, request_cost, token_cost

# What is asked of a row: by how many times less a token and a turn with a tool may cost; of the others, to be ahead.
TOKEN: Final = 8.0
TOOL_TURN: Final = 4.0
AHEAD: Final = 1.0

_PROGRAM: Final = Path(__file__).with_name("_fresh_program.py")

_ONE: Final = Exchange(tokens=500)
_HUNDRED: Final = Exchange()
_THOUSAND: Final = Exchange(tokens=50)
_SHORT: Final = Exchange(tokens=16)

# After its first token an answer waits for longer than any of this takes.
_HELD: Final = Exchange(tokens=2, pace_ms=120_000)


@frozen(kw_only=True)
class AgentWork:
    """One measurement: its name in rows and in `turns.py`, and actrio's side of it. All are costs.

    Attributes:
        question: Without the peer and the unit; a sentence, or two.
        at_once: How many turns run at a time.
        figure: Which of the measurement's figures, where it has several.
    """

    name: str
    function: str
    question: str
    unit: str
    exchange: Exchange
    actrio: Side
    at_once: int = 1
    full: int
    quick: int | None = None
    rounds: int | None = None
    warm_up: int | None = None
    reach: float | None = AHEAD
    figure: str = ""


def _setup(exchange: Exchange, at_once: int) -> Mapping[str, Any]:
    """What `turns.py` is told."""
    return {
        "base_url": relay().base_url(exchange) if exchange is ENDLESS else exchange.base_url,
        "watch": relay().watch_port,
        "key": KEY,
        "model": MODEL,
        "messages": exchange.conversation(),
        "tokens": exchange.tokens,
        "at_once": at_once,
    }


async def _fresh(what: str, exchange: Exchange, *more: str) -> list[float]:
    """The numbers that actrio's program prints in a process of its own."""
    (_, instructions), (_, question) = exchange.conversation()
    # -P: the folder of the program is no place to import from.
    command = [sys.executable, "-P", str(_PROGRAM), what, exchange.base_url, instructions, question, *more]
    with trio.fail_after(PATIENCE_S):
        done = await trio.run_process(command, capture_stdout=True, stdin=subprocess.DEVNULL)
    return [float(one) for one in done.stdout.split()]


async def _start(_: int) -> Figures:
    tokens, imported_ms, answered_ms = await _fresh("start", _SHORT)
    assert tokens == _SHORT.tokens
    return {"import": imported_ms, "first-turn": answered_ms}


async def _memory(size: int) -> float:
    begun, megabytes = await _fresh("memory", _HELD, str(size))
    assert begun == size
    return megabytes


def _token(at_once: int, exchange: Exchange, which: str, **sizes: Any) -> AgentWork:
    return AgentWork(
        name=f"token-{at_once}",
        function="token",
        question=f"What does a token cost, {which}? Processor time, requests included.",
        unit="µs",
        exchange=exchange,
        actrio=token_cost(through_agents(at_once), exchange, at_once),
        at_once=at_once,
        reach=TOKEN,
        **sizes,
    )


AGENT_WORK: Final = (
    _token(1, _ONE, "one turn of 500 at a time", full=4, quick=1),
    _token(100, _HUNDRED, "100 turns of 100 at once", full=100, rounds=3, warm_up=10),
    # What this costs some of the peers is minutes as it is.
    _token(1_000, _THOUSAND, "1,000 turns of 50 at once", full=1_000, rounds=1, warm_up=10),
    AgentWork(
        name="tool-turn",
        function="tool_turn",
        question="What does a turn with one tool call cost, two requests? Processor time.",
        unit="µs",
        exchange=EXCHANGE,
        actrio=request_cost(agents_with_a_tool(1), EXCHANGE, 1),
        full=20,
        quick=5,
        reach=TOOL_TURN,
    ),
    AgentWork(
        name="first-token",
        function="first_token",
        question="How long from the call to the first token, one turn at a time? Half of them within.",
        unit="µs",
        exchange=_SHORT,
        actrio=first_token(through_agents(1), _SHORT, 1, 50),
        full=50,
    ),
    AgentWork(
        name="memory-1000",
        function="memory",
        question="How much memory does a process take in which 1,000 answers have begun? Python and modules included.",
        unit="MB",
        exchange=_HELD,
        actrio=_memory,
        at_once=1_000,
        full=1_000,
        rounds=1,
        warm_up=10,
    ),
    AgentWork(
        name="import",
        function="first_turn",
        question="What does it take until Python has started and imported it? Processor time.",
        unit="ms",
        exchange=_SHORT,
        actrio=_start,
        full=1,
        rounds=3,
        figure="import",
    ),
    AgentWork(
        name="first-turn",
        function="first_turn",
        question="What does it take until a process has started and had its first turn? Processor time.",
        unit="ms",
        exchange=_SHORT,
        actrio=_start,
        full=1,
        rounds=3,
        figure="first-turn",
    ),
    AgentWork(
        name="cancel",
        function="cancel",
        question="How long from the cancel of a turn until the server sees its connection closed?",
        unit="µs",
        exchange=ENDLESS,
        actrio=cancel_to_close,
        full=10,
    ),
    AgentWork(
        name="tool-stop",
        function="tool_stop",
        question="How long does a tool of 1 s go on after its turn was cancelled? 1,000,000: to its end.",
        unit="µs",
        exchange=CALLING,
        actrio=tool_goes_on,
        full=3,
        reach=None,
    ),
)

_FRESH: Final = ("memory", "first_turn")


def _baselines(peer: Peer) -> dict[tuple[str, int], Side]:
    """The peer's side of each measurement, one function for those that differ in their figure alone."""

    def side(work: AgentWork) -> Side:
        async def baseline(size: int) -> Figures:
            at_once = min(work.at_once, size)
            return measure(peer, work.function, size, _setup(work.exchange, at_once))

        async def fresh(size: int) -> Figures:
            imported_s, value = measure_fresh(peer, work.function, size, _setup(work.exchange, min(work.at_once, size)))
            return value if work.function == "memory" else {"import": imported_s * 1e3, "first-turn": value * 1e3}

        return fresh if work.function in _FRESH else baseline

    return {(work.function, work.at_once): side(work) for work in AGENT_WORK}


def _beside(work: AgentWork, peer: Peer, baseline: Side) -> Scenario:
    return Scenario(
        name=f"{work.name}-{peer.row_label}",
        question=f"{work.question} Beside {peer.name}, {work.unit}.",
        unit=work.unit,
        kind="cost",
        actrio=work.actrio,
        baseline=baseline,
        full=work.full,
        quick=work.quick if peer.quick else None,
        reach=work.reach,
        figure=work.figure,
        rounds=work.rounds,
        warm_up=work.warm_up,
    )


_SIDES: Final = {peer.name: _baselines(peer) for peer in AGENTS}

AGENT_SCENARIOS: tuple[Scenario, ...] = tuple(
    _beside(work, peer, _SIDES[peer.name][work.function, work.at_once]) for work in AGENT_WORK for peer in AGENTS
)
