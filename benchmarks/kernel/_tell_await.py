"""How fast is one sender that waits for room? Messages told to a bounded mailbox and handled, messages/s."""

from time import perf_counter

import trio

from actrio.actors import open_runtime
from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.kernel._work import Add, Counter, Total, counter

CAPACITY = 1_000


async def with_actrio(messages: int) -> float:
    """``await tell``."""
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, capacity=CAPACITY)
        one, done = Add(1), trio.Event()
        started = perf_counter()
        for _ in range(messages - 1):
            await ref.tell(one)
        await ref.tell(Add(1, done))
        await done.wait()
        seconds = perf_counter() - started
        assert await ref.ask(Total()) == messages
    return messages / seconds


async def with_trio(messages: int) -> float:
    """``await send``."""
    totals: list[int] = []
    send, receive = trio.open_memory_channel[Add](CAPACITY)
    async with trio.open_nursery() as nursery, send:
        nursery.start_soon(counter, receive, totals)
        one, done = Add(1), trio.Event()
        started = perf_counter()
        for _ in range(messages - 1):
            await send.send(one)
        await send.send(Add(1, done))
        await done.wait()
        seconds = perf_counter() - started
    assert totals == [messages]
    return messages / seconds


SCENARIO = Scenario(
    name="tell-await",
    question=__doc__,
    unit="messages/s",
    kind="rate",
    actrio=with_actrio,
    baseline=with_trio,
    full=25_000,
    quick=6_000,
    reach=1.0,
)
