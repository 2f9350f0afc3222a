"""How fast is one asker that asks one question after the other? Questions asked and answered, asks/s."""

from time import perf_counter

import trio

from actrio.actors import open_runtime
from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.kernel._work import Double, Doubler, Question, ask, doubler


async def with_actrio(asks: int) -> float:
    """``await ref.ask``."""
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Doubler)
        total = 0
        started = perf_counter()
        for number in range(asks):
            total += await ref.ask(Double(number))
        seconds = perf_counter() - started
    assert total == asks * (asks - 1)
    return asks / seconds


async def with_trio(asks: int) -> float:
    """A request with an event and a slot for the answer."""
    send, receive = trio.open_memory_channel[Question](1_000)
    async with trio.open_nursery() as nursery, send:
        nursery.start_soon(doubler, receive)
        total = 0
        started = perf_counter()
        for number in range(asks):
            total += await ask(send, number)
        seconds = perf_counter() - started
    assert total == asks * (asks - 1)
    return asks / seconds


SCENARIO = Scenario(
    name="ask",
    question=__doc__,
    unit="asks/s",
    kind="rate",
    actrio=with_actrio,
    baseline=with_trio,
    full=15_000,
    quick=4_000,
    reach=0.95,
)
