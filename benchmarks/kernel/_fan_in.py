"""How fast do 100 senders get through to one actor? Messages told in bursts of 10 each and handled, messages/s."""

from time import perf_counter

import trio

from actrio.actors import ActorRef, open_runtime
from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.kernel._work import Add, Counter, Total, counter

SENDERS = 100

# Told without waiting, as tell-nowait is. With `await tell` each message costs its sender a checkpoint on either side,
# which tell-await measures.
BURST = 10


async def with_actrio(bursts: int) -> float:
    """``tell_nowait`` from each of the tasks, a checkpoint after each burst; the mailbox holds all."""

    async def sender(ref: ActorRef[Add]) -> None:
        one, done = Add(1), trio.Event()
        for _ in range(bursts):
            for _ in range(BURST):
                ref.tell_nowait(one)
            await trio.lowlevel.checkpoint()
        ref.tell_nowait(Add(0, done))
        await done.wait()

    messages = SENDERS * (bursts * BURST + 1)
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, capacity=messages)
        started = perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(SENDERS):
                nursery.start_soon(sender, ref)
        seconds = perf_counter() - started
        assert await ref.ask(Total()) == SENDERS * bursts * BURST
    return messages / seconds


async def with_trio(bursts: int) -> float:
    """``send_nowait``, likewise."""

    async def sender(send: "trio.MemorySendChannel[Add]") -> None:
        one, done = Add(1), trio.Event()
        for _ in range(bursts):
            for _ in range(BURST):
                send.send_nowait(one)
            await trio.lowlevel.checkpoint()
        send.send_nowait(Add(0, done))
        await done.wait()

    messages = SENDERS * (bursts * BURST + 1)
    totals: list[int] = []
    send, receive = trio.open_memory_channel[Add](messages)
    async with trio.open_nursery() as actors, send:
        actors.start_soon(counter, receive, totals)
        started = perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(SENDERS):
                nursery.start_soon(sender, send)
        seconds = perf_counter() - started
    assert totals == [SENDERS * bursts * BURST]
    return messages / seconds


SCENARIO = Scenario(
    name="fan-in",
    question=__doc__,
    unit="messages/s",
    kind="rate",
    actrio=with_actrio,
    baseline=with_trio,
    full=40,
    quick=10,
    reach=3.0,
)
