"""How much memory does an actor take that has handled a message and has nothing to do? One more of many, bytes."""

import gc
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager

import trio

from actrio.actors import ActorRef, Runtime, open_runtime
from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.kernel._work import Add, Counter, Total, counter

# Made before those that are measured: they pay for what the first actors bring along, such as a log that fills up.
FIRST = 500


@contextmanager
def tracing() -> Generator[None]:
    """Let tracemalloc count every allocation that Python makes, frames of parked tasks included, to the byte.

    Resident memory would count pages instead, and those that earlier rounds left behind.
    """
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def in_use() -> int:
    """Bytes that are allocated and reachable now."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def add_actors(runtime: Runtime, refs: list[ActorRef[Add | Total]], actors: int) -> None:
    """That many more, idle again."""
    for _ in range(actors):
        done = trio.Event()
        ref = await runtime.spawn(Counter)
        ref.tell_nowait(Add(1, done))
        await done.wait()
        refs.append(ref)


async def with_actrio(actors: int) -> float:
    """Actors, and the refs to them."""
    refs: list[ActorRef[Add | Total]] = []
    async with open_runtime() as runtime:
        with tracing():
            await add_actors(runtime, refs, FIRST)
            before = in_use()
            await add_actors(runtime, refs, actors)
            used = in_use() - before
        assert [await ref.ask(Total()) for ref in refs] == [1] * (FIRST + actors)
    return used / actors


async def add_tasks(
    nursery: trio.Nursery, sends: "list[trio.MemorySendChannel[Add]]", totals: list[int], actors: int
) -> None:
    """That many more, idle again."""
    for _ in range(actors):
        done = trio.Event()
        send, receive = trio.open_memory_channel[Add](1_000)
        nursery.start_soon(counter, receive, totals)
        send.send_nowait(Add(1, done))
        await done.wait()
        sends.append(send)


async def with_trio(actors: int) -> float:
    """Tasks, and the channels to them."""
    sends: list[trio.MemorySendChannel[Add]] = []
    totals: list[int] = []
    async with trio.open_nursery() as nursery:
        with tracing():
            await add_tasks(nursery, sends, totals, FIRST)
            before = in_use()
            await add_tasks(nursery, sends, totals, actors)
            used = in_use() - before
        for send in sends:
            send.close()
    assert totals == [1] * (FIRST + actors)
    return used / actors


SCENARIO = Scenario(
    name="idle-bytes",
    question=__doc__,
    unit="bytes",
    kind="cost",
    actrio=with_actrio,
    baseline=with_trio,
    full=1_000,
    quick=1_000,
    reach=1.4,
)
