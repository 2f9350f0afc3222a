"""How fast does a stream reach 1,000 subscribers? Items sent in bursts of 10 and read by each, deliveries/s."""

from time import perf_counter

import trio
from trio.testing import wait_all_tasks_blocked

from actrio.benchmarks._harness import Scenario
from actrio.mailbox import Broadcast, Subscription

SUBSCRIBERS = 1_000

# As the tokens of one network read come. Sent one at a time, each item wakes every subscriber's task on either side,
# and that is most of the cost: the ratio is then much nearer to one.
BURST = 10


async def with_actrio(bursts: int) -> float:
    """One broadcast that keeps them all."""
    items = bursts * BURST
    sums: list[int] = []

    async def subscriber(subscription: Subscription[int]) -> None:
        total = 0
        with subscription:
            async for item in subscription:
                total += item
        sums.append(total)

    broadcast: Broadcast[int] = Broadcast(keep=items)
    async with trio.open_nursery() as nursery:
        for _ in range(SUBSCRIBERS):
            nursery.start_soon(subscriber, broadcast.subscribe())
        await wait_all_tasks_blocked()
        started = perf_counter()
        for first in range(0, items, BURST):
            for item in range(first, first + BURST):
                broadcast.send_nowait(item)
            await trio.lowlevel.checkpoint()
        broadcast.close()
    seconds = perf_counter() - started
    assert sums == [sum(range(items))] * SUBSCRIBERS
    return items * SUBSCRIBERS / seconds


async def with_trio(bursts: int) -> float:
    """A memory channel for each subscriber that holds them all."""
    items = bursts * BURST
    sums: list[int] = []

    async def subscriber(receive: "trio.MemoryReceiveChannel[int]") -> None:
        total = 0
        async with receive:
            async for item in receive:
                total += item
        sums.append(total)

    sends: list[trio.MemorySendChannel[int]] = []
    async with trio.open_nursery() as nursery:
        for _ in range(SUBSCRIBERS):
            send, receive = trio.open_memory_channel[int](items)
            nursery.start_soon(subscriber, receive)
            sends.append(send)
        await wait_all_tasks_blocked()
        started = perf_counter()
        for first in range(0, items, BURST):
            for item in range(first, first + BURST):
                for send in sends:
                    send.send_nowait(item)
            await trio.lowlevel.checkpoint()
        for send in sends:
            send.close()
    seconds = perf_counter() - started
    assert sums == [sum(range(items))] * SUBSCRIBERS
    return items * SUBSCRIBERS / seconds


SCENARIO = Scenario(
    name="broadcast",
    question=__doc__,
    unit="deliveries/s",
    kind="rate",
    actrio=with_actrio,
    baseline=with_trio,
    full=10,
    quick=3,
    reach=2.0,
)
