"""How fast does one message go round a ring of 1,000 actors, each telling the next? One hop after another, hops/s."""

from time import perf_counter

import trio
from attrs import frozen
from trio.testing import wait_all_tasks_blocked

from actrio.actors import Actor, ActorRef, handles, open_runtime
from actrio.benchmarks._harness import Scenario

ACTORS = 1_000


@frozen
class Hop:
    """To be handed on so many times more."""

    left: int


class Member(Actor):
    """Hands on to the one after it."""

    def __init__(self, place: int, ring: list[ActorRef[Hop]], visits: list[int], done: trio.Event) -> None:
        self.place = place
        self.after = (place + 1) % ACTORS
        self.ring = ring
        self.visits = visits
        self.done = done

    @handles
    async def hop(self, message: Hop) -> None:
        """Hand it on, or end."""
        self.visits[self.place] += 1
        if message.left:
            self.ring[self.after].tell_nowait(Hop(message.left - 1))
        else:
            self.done.set()


async def with_actrio(hops: int) -> float:
    """``tell_nowait`` from handler to handler."""
    ring: list[ActorRef[Hop]] = []
    visits, done = [0] * ACTORS, trio.Event()
    async with open_runtime() as runtime:
        for place in range(ACTORS):
            ring.append(await runtime.spawn(Member, place, ring, visits, done))
        started = perf_counter()
        ring[0].tell_nowait(Hop(hops - 1))
        await done.wait()
        seconds = perf_counter() - started
    assert visits == expected_visits(hops)
    return hops / seconds


async def member(
    place: int,
    receive: "trio.MemoryReceiveChannel[Hop]",
    ring: "list[trio.MemorySendChannel[Hop]]",
    visits: list[int],
    done: trio.Event,
) -> None:
    """The same in plain Trio."""
    after = (place + 1) % ACTORS
    async for message in receive:
        visits[place] += 1
        if message.left:
            ring[after].send_nowait(Hop(message.left - 1))
        else:
            done.set()


async def with_trio(hops: int) -> float:
    """``send_nowait`` from task to task."""
    ring: list[trio.MemorySendChannel[Hop]] = []
    visits, done = [0] * ACTORS, trio.Event()
    async with trio.open_nursery() as nursery:
        for place in range(ACTORS):
            send, receive = trio.open_memory_channel[Hop](1_000)
            nursery.start_soon(member, place, receive, ring, visits, done)
            ring.append(send)
        await wait_all_tasks_blocked()
        started = perf_counter()
        ring[0].send_nowait(Hop(hops - 1))
        await done.wait()
        seconds = perf_counter() - started
        for send in ring:
            send.close()
    assert visits == expected_visits(hops)
    return hops / seconds


def expected_visits(hops: int) -> list[int]:
    """How often the message came to each place."""
    return [len(range(place, hops, ACTORS)) for place in range(ACTORS)]


SCENARIO = Scenario(
    name="ring",
    question=__doc__,
    unit="hops/s",
    kind="rate",
    actrio=with_actrio,
    baseline=with_trio,
    full=60_000,
    quick=15_000,
    reach=1.5,
)
