"""xoscar: `Actor`s, and `StatelessActor`s where there is no state, in a pool of this one process (``n_process=0``).

The fast path: a local ref, got from `actor_ref`, whose calls run in the caller's task with no mailbox between; an
`Actor` has a lock in place of it, a `StatelessActor` nothing. `.tell` where no answer is wanted.
"""

import asyncio
import socket
from contextlib import asynccontextmanager
from time import perf_counter

import xoscar
from program import measured_bytes

ACTORS = 1_000
restart = "it restarts processes of a pool, not actors in this one"


class Counter(xoscar.Actor):
    def __init__(self):
        super().__init__()
        self.total = 0

    async def add(self, amount):
        self.total += amount

    async def answer(self):
        return self.total


class Doubler(xoscar.StatelessActor):
    async def double(self, number):
        return 2 * number


class Member(xoscar.Actor):
    def __init__(self):
        super().__init__()
        self.visits = 0

    async def follow(self, after, done):
        self.after, self.done = after, done

    async def hop(self, left):
        self.visits += 1
        if left:
            # Not awaited in this handler: the stack of such calls would be as deep as there are hops.
            asyncio.get_running_loop().create_task(self.after.hop.tell(left - 1))
        else:
            self.done.set()

    async def answer(self):
        return self.visits


@asynccontextmanager
async def _pool():
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    pool = await xoscar.create_actor_pool(address, n_process=0)
    async with pool:
        yield address


async def _create(kind, address):
    return await xoscar.actor_ref(await xoscar.create_actor(kind, address=address))


async def tell(bursts: int) -> float:
    async with _pool() as address:
        ref = await _create(Counter, address)
        started = perf_counter()
        for _ in range(bursts * 1_000):
            await ref.add.tell(1)
        while await ref.answer() < bursts * 1_000:
            await asyncio.sleep(0)
        seconds = perf_counter() - started
    return bursts * 1_000 / seconds


async def fan_in(bursts: int) -> float:
    async with _pool() as address:
        ref = await _create(Counter, address)

        async def sender() -> None:
            for _ in range(bursts):
                for _ in range(10):
                    await ref.add.tell(1)
                await asyncio.sleep(0)

        messages = 100 * bursts * 10
        started = perf_counter()
        await asyncio.gather(*(sender() for _ in range(100)))
        while await ref.answer() < messages:
            await asyncio.sleep(0)
        seconds = perf_counter() - started
    return messages / seconds


async def ask(asks: int) -> float:
    async with _pool() as address:
        ref, total = await _create(Doubler, address), 0
        started = perf_counter()
        for number in range(asks):
            total += await ref.double(number)
        seconds = perf_counter() - started
    assert total == asks * (asks - 1)
    return asks / seconds


async def asks_100(waves: int) -> float:
    async with _pool() as address:
        refs, total = [await _create(Doubler, address) for _ in range(100)], 0
        started = perf_counter()
        for _ in range(waves):
            total += sum(await asyncio.gather(*(ref.double(number) for number, ref in enumerate(refs))))
        seconds = perf_counter() - started
    assert total == waves * 9_900
    return waves * 100 / seconds


async def spawn(actors: int) -> float:
    async with _pool() as address:
        started = perf_counter()
        refs = []
        for _ in range(actors):
            ref = await _create(Counter, address)
            await ref.add.tell(1)
            refs.append(ref)
        while await refs[-1].answer() < 1:
            await asyncio.sleep(0)
        seconds = perf_counter() - started
        assert [await ref.answer() for ref in refs] == [1] * actors
    return seconds / actors * 1e6


async def ring(hops: int) -> float:
    async with _pool() as address:
        done = asyncio.Event()
        refs = [await _create(Member, address) for _ in range(ACTORS)]
        for place, ref in enumerate(refs):
            await ref.follow(refs[(place + 1) % ACTORS], done)
        started = perf_counter()
        await refs[0].hop.tell(hops - 1)
        await done.wait()
        seconds = perf_counter() - started
        assert sum([await ref.answer() for ref in refs]) == hops
    return hops / seconds


async def idle_bytes(actors: int) -> float:
    refs = []
    async with _pool() as address:

        async def add(count: int) -> None:
            for _ in range(count):
                ref = await _create(Counter, address)
                await ref.add(1)
                refs.append(ref)

        with measured_bytes() as in_use:
            await add(500)
            before = in_use()
            await add(actors)
            used = in_use() - before
    return used / actors
