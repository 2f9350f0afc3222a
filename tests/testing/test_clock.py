"""`run_virtual` and `stopwatch`: waits take no time, and what is measured is exact."""

import time

import trio

from actrio.actors import open_runtime
from actrio.agents import Agent
from actrio.testing import Say, ScriptedProvider, run_virtual, stopwatch


async def ask_three() -> tuple[float, list[str]]:
    order: list[str] = []
    async with open_runtime() as runtime:

        async def ask(name: str) -> None:
            agent = await runtime.spawn(Agent(name, ScriptedProvider(Say("Done.", delay_s=600))))
            await agent.ask("Go.")
            order.append(name)

        with stopwatch() as took:
            async with trio.open_nursery() as nursery:
                for name in "abcdefgh":
                    nursery.start_soon(ask, name)
    return took.seconds, order


def test_ten_minutes_take_no_time_and_are_exact() -> None:
    began = time.monotonic()
    seconds, order = run_virtual(ask_three)
    assert seconds == 600
    assert sorted(order) == list("abcdefgh")
    assert time.monotonic() - began < 30


def test_a_run_is_the_same_each_time_and_another_seed_is_another_schedule() -> None:
    assert run_virtual(ask_three, seed=4) == run_virtual(ask_three, seed=4)
    assert len({tuple(run_virtual(ask_three, seed=seed)[1]) for seed in range(5)}) > 1


def test_a_stopwatch_can_be_read_while_it_runs_and_stops_at_the_end() -> None:
    async def main() -> None:
        with stopwatch() as watch:
            await trio.sleep(2)
            assert watch.seconds == 2
            assert repr(watch) == "<Stopwatch: running>"
            await trio.sleep(3)
        await trio.sleep(10)
        assert repr(watch) == "<Stopwatch: 5 s>"

    run_virtual(main)
