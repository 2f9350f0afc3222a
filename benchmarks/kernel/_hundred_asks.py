"""How fast are 100 askers at once, each with an actor of its own? Questions asked and answered, asks/s."""

from time import perf_counter

import trio

from actrio.actors import ActorRef, open_runtime
from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.kernel._work import Double, Doubler, Question, ask, doubler

ACTORS = 100
WAVE_SUM = ACTORS * (ACTORS - 1)  # the sum of all answers of one wave, asked for 0, 1, …, 99


async def with_actrio(waves: int) -> float:
    """``ref.ask`` in a task for each actor; the next wave starts when all have their answer."""
    answers = 0

    async def asker(ref: ActorRef[Double], number: int) -> None:
        nonlocal answers
        answer = await ref.ask(Double(number))
        answers += answer

    async with open_runtime() as runtime:
        refs = [await runtime.spawn(Doubler) for _ in range(ACTORS)]
        started = perf_counter()
        for _ in range(waves):
            async with trio.open_nursery() as nursery:
                for number, ref in enumerate(refs):
                    nursery.start_soon(asker, ref, number)
        seconds = perf_counter() - started
    assert answers == waves * WAVE_SUM
    return waves * ACTORS / seconds


async def with_trio(waves: int) -> float:
    """A task and a channel for each actor."""
    answers = 0

    async def asker(send: "trio.MemorySendChannel[Question]", number: int) -> None:
        nonlocal answers
        answer = await ask(send, number)
        answers += answer

    async with trio.open_nursery() as actors:
        sends: list[trio.MemorySendChannel[Question]] = []
        for _ in range(ACTORS):
            send, receive = trio.open_memory_channel[Question](1_000)
            actors.start_soon(doubler, receive)
            sends.append(send)
        started = perf_counter()
        for _ in range(waves):
            async with trio.open_nursery() as nursery:
                for number, send in enumerate(sends):
                    nursery.start_soon(asker, send, number)
        seconds = perf_counter() - started
        for send in sends:
            send.close()
    assert answers == waves * WAVE_SUM
    return waves * ACTORS / seconds


SCENARIO = Scenario(
    name="100-asks",
    question=__doc__,
    unit="asks/s",
    kind="rate",
    actrio=with_actrio,
    baseline=with_trio,
    full=120,
    quick=30,
    reach=1.1,
)
