"""How long until a crashed actor's successor has handled its first message? From before the crash to after that, µs."""

from time import perf_counter

import trio
from attrs import frozen
from trio.testing import wait_all_tasks_blocked

from actrio.actors import Actor, Supervisor, child, handles, open_runtime
from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.kernel._work import Add


class FaultError(Exception):
    """The crash."""


@frozen
class Crash:
    """Makes it crash."""


class Fragile(Actor):
    """Notes what each instance counted up to."""

    def __init__(self, counts: list[int]) -> None:
        self.counts = counts
        self.place = len(counts)
        counts.append(0)

    @handles
    async def add(self, message: Add) -> None:
        """Count."""
        self.counts[self.place] += message.amount
        if message.done is not None:
            message.done.set()

    @handles
    async def crash(self, message: Crash) -> None:
        """Crash."""
        raise FaultError


async def with_actrio(restarts: int) -> float:
    """A supervisor that restarts at once, without backoff."""
    counts: list[int] = []
    supervisor = Supervisor(
        "supervisor", intensity=restarts, period=3_600, backoff=0, children=[child(Fragile, counts, name="fragile")]
    )
    async with open_runtime() as runtime:
        ref = (await runtime.spawn(supervisor)).child("fragile")
        started = perf_counter()
        for _ in range(restarts):
            done = trio.Event()
            ref.tell_nowait(Crash())
            ref.tell_nowait(Add(1, done))
            await done.wait()
        seconds = perf_counter() - started
        assert ref.metrics().restarts == restarts
    assert counts == [0, *[1] * restarts]
    return seconds / restarts * 1e6


async def fragile(receive: "trio.MemoryReceiveChannel[Add | Crash]", counts: list[int]) -> None:
    """The same in plain Trio: one instance."""
    place = len(counts)
    counts.append(0)
    async for message in receive:
        if isinstance(message, Crash):
            raise FaultError
        counts[place] += message.amount
        if message.done is not None:
            message.done.set()


async def keep_running(receive: "trio.MemoryReceiveChannel[Add | Crash]", counts: list[int]) -> None:
    """A restart loop as one writes it by hand: the task and the channel stay."""
    while True:
        try:
            await fragile(receive, counts)
        except FaultError:
            continue
        return


async def with_trio(restarts: int) -> float:
    """A task in a nursery under a restart loop."""
    counts: list[int] = []
    send, receive = trio.open_memory_channel[Add | Crash](1_000)
    async with trio.open_nursery() as nursery, send:
        nursery.start_soon(keep_running, receive, counts)
        await wait_all_tasks_blocked()
        started = perf_counter()
        for _ in range(restarts):
            done = trio.Event()
            send.send_nowait(Crash())
            send.send_nowait(Add(1, done))
            await done.wait()
        seconds = perf_counter() - started
    assert counts == [0, *[1] * restarts]
    return seconds / restarts * 1e6


SCENARIO = Scenario(
    name="restart",
    question=__doc__,
    unit="µs",
    kind="cost",
    actrio=with_actrio,
    baseline=with_trio,
    full=900,
    quick=300,
)
