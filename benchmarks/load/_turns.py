"""How do costs grow with the number of turns at once? Processor time a turn, and how late tasks run, µs.

The mock model takes its time: when the first token comes, how fast the others do and how many there are is drawn from a
seeded distribution. How late tasks run is measured by one more task that sleeps and looks at the clock.
"""

from time import process_time
from typing import Final

import trio

from actrio.actors import open_runtime
from actrio.agents import Agent, AgentRef
from actrio.benchmarks._harness import Figures, Scenario
from actrio.benchmarks.load._live import FLAT
from actrio.benchmarks.load._setting import paced_models
from actrio.benchmarks.providers._sides import percentile

REFERENCE: Final = 10
NUMBERS: Final = (1, 100, 1_000, 10_000)

# Few turns at once are repeated, so that there are enough to measure.
_LEAST_TURNS: Final = 6

_TICK_S: Final = 0.01
PERCENTS: Final = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}


class _Lateness:
    """A task that wants to run each `_TICK_S`, and notes how late it did."""

    def __init__(self) -> None:
        self.late_s: list[float] = []

    async def tick(self) -> None:
        while True:
            due = trio.current_time() + _TICK_S
            await trio.sleep_until(due)
            self.late_s.append(trio.current_time() - due)


async def _cost_of_a_tick() -> float:
    """Processor time, in seconds, which is no part of what a turn costs."""
    lateness = _Lateness()
    started = process_time()
    with trio.move_on_after(20 * _TICK_S):
        await lateness.tick()
    return (process_time() - started) / max(1, len(lateness.late_s))


async def turns(at_once: int) -> Figures:
    """``turn``: µs of processor time a turn. ``p50``, ``p99``, ``p99.9``: how late a task runs, µs."""
    models, lateness = paced_models(), _Lateness()
    left = max(1, _LEAST_TURNS // at_once)
    done = 0

    async def ask(ref: "AgentRef[str]", tokens: int) -> None:
        nonlocal done
        for _ in range(left):
            reply = await ref.ask("Hello.")
            assert reply.usage.output_tokens == tokens
            done += 1

    async with open_runtime() as runtime:
        agents = [(Agent("agent", model), tokens) for model, tokens in models]
        refs = [
            (await runtime.spawn(agents[place % len(agents)][0], name=f"agent-{place}"), agents[place % len(agents)][1])
            for place in range(at_once)
        ]
        tick_s = await _cost_of_a_tick()
        started = process_time()
        async with trio.open_nursery() as ticking:
            ticking.start_soon(lateness.tick)
            async with trio.open_nursery() as asking:
                for ref, tokens in refs:
                    asking.start_soon(ask, ref, tokens)
            ticking.cancel_scope.cancel()
        seconds = process_time() - started - tick_s * len(lateness.late_s)
    assert done == at_once * left
    late = {name: max(1.0, percentile(lateness.late_s, percent) * 1e6) for name, percent in PERCENTS.items()}
    return {"turn": max(seconds, 1e-6) / done * 1e6, **late}


async def _reference(_: int) -> Figures:
    return await turns(REFERENCE)


def _scenario(name: str, question: str, number: int, figure: str, reach: float | None) -> Scenario:
    return Scenario(
        name=f"{name}-{number}",
        question=f"{question}, beside {REFERENCE}? µs.",
        unit="µs",
        kind="cost",
        actrio=turns,
        baseline=_reference,
        full=number,
        quick=number if number == 100 else None,
        reach=reach,
        figure=figure,
        rounds=3 if number in (1, 10_000) else None,
        warm_up=REFERENCE,
    )


def _at(number: int) -> tuple[Scenario, ...]:
    said = "one turn at a time" if number == 1 else f"{number:,} turns at once"
    # Fewer turns than the reference share nothing, not even a wake-up, so what they cost is not asked to be the same.
    cost = _scenario("turns", f"What does a turn cost, {said}", number, "turn", FLAT if number > REFERENCE else None)
    return (
        cost,
        *(
            _scenario(f"late-{name}", f"How late does a task run ({name}), {said}", number, name, None)
            for name in PERCENTS
        ),
    )


SCENARIOS: tuple[Scenario, ...] = tuple(one for number in NUMBERS for one in _at(number))
