"""How do costs grow with the number of live agents? One more agent, and a turn among so many, µs and bytes."""

from time import process_time
from typing import Final

from actrio.actors import Runtime, open_runtime
from actrio.agents import Agent, AgentRef
from actrio.benchmarks._harness import Figures, Scenario, Side
from actrio.benchmarks.kernel._idle_bytes import in_use, tracing
from actrio.benchmarks.load._setting import quick_model

REFERENCE: Final = 100
NUMBERS: Final = (1_000, 10_000, 100_000)

# Made before those that are counted: they pay for what the first agents bring along.
_FIRST: Final = 100

# What a turn costs with so many alive is the mean of so many turns, one after the other, of agents far apart.
_TURNS: Final = 100
_TOKENS: Final = 20

# What may be dearer than the reference and still count as flat; 100,000 idle agents within 350 MB.
FLAT: Final = 1 / 1.3
MOST_BYTES: Final = 3_500


async def _spawn(runtime: Runtime, agent: "Agent[str]", kind: str, number: int) -> "list[AgentRef[str]]":
    return [await runtime.spawn(agent, name=f"{kind}-{place}") for place in range(number)]


async def live(number: int) -> Figures:
    """``spawn``: µs of processor time an agent. ``turn``: the same of a turn, with so many agents alive."""
    agent = Agent("agent", quick_model(_TOKENS))
    async with open_runtime() as runtime:
        warm = await _spawn(runtime, agent, "first", _FIRST)
        for ref in warm:
            await ref.ask("Hello.")
        started = process_time()
        refs = await _spawn(runtime, agent, "agent", number)
        spawned = process_time()
        asked = [refs[place * number // _TURNS] for place in range(_TURNS)]
        replies = [await ref.ask("Hello.") for ref in asked]
        ended = process_time()
        assert all(reply.usage.output_tokens == _TOKENS for reply in replies)
    return {"spawn": (spawned - started) / number * 1e6, "turn": (ended - spawned) / _TURNS * 1e6}


async def idle_bytes(number: int) -> Figures:
    """Bytes that one more idle agent takes, its ref and its name included."""
    agent = Agent("agent", quick_model(_TOKENS))
    async with open_runtime() as runtime:
        with tracing():
            warm = await _spawn(runtime, agent, "first", _FIRST)
            before = in_use()
            refs = await _spawn(runtime, agent, "agent", number)
            used = in_use() - before
        assert len(warm) + len(refs) == _FIRST + number
    return used / number


def _at_reference(side: Side) -> Side:
    async def reference(_: int) -> Figures:
        return await side(REFERENCE)

    return reference


_LIVE_REFERENCE: Final = _at_reference(live)
_BYTES_REFERENCE: Final = _at_reference(idle_bytes)


def _scenario(name: str, question: str, number: int, *, figure: str = "") -> Scenario:
    traced = figure == ""
    return Scenario(
        name=f"{name}-{number}",
        question=f"{question}, beside {REFERENCE}? {'bytes' if traced else 'µs'}.",
        unit="bytes" if traced else "µs",
        kind="cost",
        actrio=idle_bytes if traced else live,
        baseline=_BYTES_REFERENCE if traced else _LIVE_REFERENCE,
        full=number,
        quick=number if number <= 1_000 else None,
        reach=FLAT,
        at_most=MOST_BYTES if traced else None,
        figure=figure,
        rounds=3 if number > 10_000 else None,
        warm_up=REFERENCE,
    )


def _at(number: int) -> tuple[Scenario, ...]:
    return (
        _scenario("spawn", f"What does one of {number:,} agents cost to spawn", number, figure="spawn"),
        _scenario("turn-of", f"What does a turn cost with {number:,} agents alive", number, figure="turn"),
        _scenario("agent-bytes", f"What memory does one of {number:,} idle agents take", number),
    )


SCENARIOS: tuple[Scenario, ...] = tuple(one for number in NUMBERS for one in _at(number))
