"""How fast is one sender that does not wait? Messages told in bursts of 1,000 and handled, messages/s."""

from time import perf_counter

import trio

from actrio.actors import open_runtime
from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.kernel._work import Add, Counter, Total, counter

BURST = 1_000


async def with_actrio(bursts: int) -> float:
    """``tell_nowait``."""
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, capacity=BURST)
        one = Add(1)
        started = perf_counter()
        for _ in range(bursts):
            for _ in range(BURST - 1):
                ref.tell_nowait(one)
            done = trio.Event()
            ref.tell_nowait(Add(1, done))
            await done.wait()
        seconds = perf_counter() - started
        assert await ref.ask(Total()) == bursts * BURST
    return bursts * BURST / seconds


async def with_trio(bursts: int) -> float:
    """``send_nowait``."""
    totals: list[int] = []
    send, receive = trio.open_memory_channel[Add](BURST)
    async with trio.open_nursery() as nursery, send:
        nursery.start_soon(counter, receive, totals)
        one = Add(1)
        started = perf_counter()
        for _ in range(bursts):
            for _ in range(BURST - 1):
                send.send_nowait(one)
            done = trio.Event()
            send.send_nowait(Add(1, done))
            await done.wait()
        seconds = perf_counter() - started
    assert totals == [bursts * BURST]
    return bursts * BURST / seconds


SCENARIO = Scenario(
    name="tell-nowait",
    question=__doc__,
    unit="messages/s",
    kind="rate",
    actrio=with_actrio,
    baseline=with_trio,
    full=50,
    quick=12,
    reach=3.0,
)
