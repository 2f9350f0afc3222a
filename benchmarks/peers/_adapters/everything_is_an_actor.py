"""everything-is-an-actor: an asyncio task and a queue for each actor.

The fast path: `on_receive` with no middleware, ``await ref.tell``, which does not wait while the queue has room, and
``await ref.ask``. The queues hold what a burst puts into them.
"""

import asyncio
from time import perf_counter

from actor_for_agents import Actor, ActorSystem, OneForOneStrategy
from program import measured_bytes

ACTORS = 1_000


class Counter(Actor):
    async def on_started(self):
        self.total = 0

    async def on_receive(self, message):
        if message is None:
            return self.total
        amount, done = message
        self.total += amount
        if done is not None:
            done.set()


class Doubler(Actor):
    async def on_receive(self, message):
        return 2 * message


class Member(Actor):
    refs = []
    done = asyncio.Event()

    async def on_started(self):
        self.visits, self.after = 0, (int(self.context.self_ref.name) + 1) % ACTORS

    async def on_receive(self, message):
        if message is None:
            return self.visits
        self.visits += 1
        if message:
            await self.refs[self.after].tell(message - 1)
        else:
            Member.done.set()


class Fragile(Actor):
    async def on_receive(self, message):
        if message is None:
            raise RuntimeError
        message.set()


class Parent(Actor):
    restarts = 0

    def supervisor_strategy(self):
        return OneForOneStrategy(max_restarts=self.restarts + 1)

    async def on_receive(self, message):
        return await self.context.spawn(Fragile, "fragile")


async def _start(system, names, kind=Counter, capacity=1_100):
    return [await system.spawn(kind, str(name), mailbox_size=capacity) for name in names]


async def tell(bursts: int) -> float:
    system, one = ActorSystem(), (1, None)
    (ref,) = await _start(system, [0])
    started = perf_counter()
    for _ in range(bursts):
        for _ in range(999):
            await ref.tell(one)
        done = asyncio.Event()
        await ref.tell((1, done))
        await done.wait()
    seconds = perf_counter() - started
    assert await ref.ask(None) == bursts * 1_000
    await system.shutdown()
    return bursts * 1_000 / seconds


async def fan_in(bursts: int) -> float:
    messages, one = 100 * bursts * 10, (1, None)
    system = ActorSystem()
    (ref,) = await _start(system, [0], capacity=messages + 1)

    async def sender() -> None:
        for _ in range(bursts):
            for _ in range(10):
                await ref.tell(one)
            await asyncio.sleep(0)

    started = perf_counter()
    await asyncio.gather(*(sender() for _ in range(100)))
    total = await ref.ask(None)
    seconds = perf_counter() - started
    assert total == messages
    await system.shutdown()
    return messages / seconds


async def ask(asks: int) -> float:
    system, total = ActorSystem(), 0
    (ref,) = await _start(system, [0], Doubler)
    started = perf_counter()
    for number in range(asks):
        total += await ref.ask(number)
    seconds = perf_counter() - started
    assert total == asks * (asks - 1)
    await system.shutdown()
    return asks / seconds


async def asks_100(waves: int) -> float:
    system, total = ActorSystem(), 0
    refs = await _start(system, range(100), Doubler)
    started = perf_counter()
    for _ in range(waves):
        total += sum(await asyncio.gather(*(ref.ask(number) for number, ref in enumerate(refs))))
    seconds = perf_counter() - started
    assert total == waves * 9_900
    await system.shutdown()
    return waves * 100 / seconds


async def spawn(actors: int) -> float:
    system = ActorSystem()
    started = perf_counter()
    refs = await _start(system, range(actors))
    events = [asyncio.Event() for _ in refs]
    for ref, event in zip(refs, events):
        await ref.tell((1, event))
    for event in events:
        await event.wait()
    seconds = perf_counter() - started
    await system.shutdown()
    return seconds / actors * 1e6


async def ring(hops: int) -> float:
    Member.done = asyncio.Event()
    system = ActorSystem()
    Member.refs = await _start(system, range(ACTORS), Member)
    started = perf_counter()
    await Member.refs[0].tell(hops - 1)
    await Member.done.wait()
    seconds = perf_counter() - started
    assert sum([await ref.ask(None) for ref in Member.refs]) == hops
    await system.shutdown()
    return hops / seconds


async def idle_bytes(actors: int) -> float:
    system = ActorSystem()

    async def add(first: int, count: int) -> None:
        for ref in await _start(system, range(first, first + count)):
            done = asyncio.Event()
            await ref.tell((1, done))
            await done.wait()

    with measured_bytes() as in_use:
        await add(0, 500)
        before = in_use()
        await add(500, actors)
        used = in_use() - before
    await system.shutdown()
    return used / actors


async def restart(restarts: int) -> float:
    Parent.restarts = restarts
    system = ActorSystem()
    parent = await system.spawn(Parent, "parent")
    ref = await parent.ask("spawn")
    started = perf_counter()
    for _ in range(restarts):
        await ref.tell(None)
        done = asyncio.Event()
        await ref.tell(done)
        await done.wait()
    seconds = perf_counter() - started
    await system.shutdown()
    return seconds / restarts * 1e6
