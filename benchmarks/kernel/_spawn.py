"""What does an actor cost, from its spawn until its first message is handled? Per actor, 2,000 spawned at once, µs."""

from time import perf_counter

import trio
from trio.testing import wait_all_tasks_blocked

from actrio.actors import ActorRef, open_runtime
from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.kernel._work import Add, Counter, Total, counter


async def with_actrio(actors: int) -> float:
    """``runtime.spawn``, then tell. All actors stay."""
    async with open_runtime() as runtime:
        refs: list[ActorRef[Add | Total]] = []
        started = perf_counter()
        done = trio.Event()
        for left in reversed(range(actors)):
            ref = await runtime.spawn(Counter)
            ref.tell_nowait(Add(1, None if left else done))
            refs.append(ref)
        await wait_all_tasks_blocked()
        assert done.is_set()
        seconds = perf_counter() - started
        assert [await ref.ask(Total()) for ref in refs] == [1] * actors
    return seconds / actors * 1e6


async def with_trio(actors: int) -> float:
    """A channel and a task for each."""
    totals: list[int] = []
    async with trio.open_nursery() as nursery:
        sends: list[trio.MemorySendChannel[Add]] = []
        started = perf_counter()
        done = trio.Event()
        for left in reversed(range(actors)):
            send, receive = trio.open_memory_channel[Add](1_000)
            nursery.start_soon(counter, receive, totals)
            send.send_nowait(Add(1, None if left else done))
            sends.append(send)
        await wait_all_tasks_blocked()
        assert done.is_set()
        seconds = perf_counter() - started
        for send in sends:
            send.close()
    assert totals == [1] * actors
    return seconds / actors * 1e6


SCENARIO = Scenario(
    name="spawn",
    question=__doc__,
    unit="µs",
    kind="cost",
    actrio=with_actrio,
    baseline=with_trio,
    full=2_000,
    quick=500,
    reach=1.8,
)
