"""How long does it take to cancel 1,000 asks in flight? From the cancellation until all work has ended, ms."""

from time import perf_counter

import trio
from attrs import frozen
from trio.testing import wait_all_tasks_blocked

from actrio.actors import Actor, handles, open_runtime
from actrio.benchmarks._harness import Scenario
from actrio.mailbox import Request

ASKS = 1_000


class Work:
    """Work that never ends by itself, and how much of it was begun and has ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0

    async def do(self) -> None:
        """Until cancelled."""
        self.begun += 1
        try:
            await trio.sleep_forever()
        finally:
            self.ended += 1


@frozen
class Do(Request[None]):
    """Ask for the work."""


class Worker(Actor):
    """Does the work when asked."""

    def __init__(self, work: Work) -> None:
        self.work = work

    @handles
    async def do(self, message: Do) -> None:
        """Until cancelled."""
        await self.work.do()


async def with_actrio(waves: int) -> float:
    """An actor for each ask, whose handler is suspended; the askers' nursery is cancelled."""
    work, seconds = Work(), 0.0
    async with open_runtime() as runtime:
        refs = [await runtime.spawn(Worker, work) for _ in range(ASKS)]
        for wave in range(waves):
            async with trio.open_nursery() as nursery:
                for ref in refs:
                    nursery.start_soon(ref.ask, Do())
                await wait_all_tasks_blocked()
                assert (work.begun, work.ended) == ((wave + 1) * ASKS, wave * ASKS)
                started = perf_counter()
                nursery.cancel_scope.cancel()
            seconds += perf_counter() - started
            assert work.ended == work.begun
        assert runtime.metrics().totals.abandoned == waves * ASKS
    return seconds / waves * 1e3


async def with_trio(waves: int) -> float:
    """A nursery of tasks that do the work themselves: plain Trio needs no actor to cancel a call."""
    work, seconds = Work(), 0.0
    for wave in range(waves):
        async with trio.open_nursery() as nursery:
            for _ in range(ASKS):
                nursery.start_soon(work.do)
            await wait_all_tasks_blocked()
            assert (work.begun, work.ended) == ((wave + 1) * ASKS, wave * ASKS)
            started = perf_counter()
            nursery.cancel_scope.cancel()
        seconds += perf_counter() - started
        assert work.ended == work.begun
    return seconds / waves * 1e3


# Several waves, so that a full garbage collection is paid for in proportion, and not by chance.
SCENARIO = Scenario(
    name="cancel",
    question=__doc__,
    unit="ms",
    kind="cost",
    actrio=with_actrio,
    baseline=with_trio,
    full=5,
    quick=3,
    reach=0.5,
)
