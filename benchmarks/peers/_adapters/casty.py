"""casty: virtual actors over a core in Rust, on one node without a cluster.

The fast path: ``ref.tell``, which does not wait, ``await ref.ask``, messages that are frozen dataclasses, and counts in
variables of an activation, as its state is what it replicates at each write. It restarts without a delay. What Python
allocates for an idle actor is without what the core does.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

from casty import ActorSystem, Askable, Backoff, Context, Ref, actor
from program import measured_bytes

ACTORS = 1_000
AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Add:
    amount: int


@dataclass(frozen=True)
class Total(Askable[int]):
    pass


@dataclass(frozen=True)
class Double(Askable[int]):
    number: int = 0


@dataclass(frozen=True)
class Crash:
    pass


@dataclass(frozen=True)
class Hop:
    left: int


@actor(initial=0)
async def counter(ctx: Context[int, Add | Total]) -> None:
    total = 0
    async for message in ctx.inbox:
        if isinstance(message, Add):
            total += message.amount
        else:
            message.reply_to.tell(total)


@actor(initial=0)
async def doubler(ctx: Context[int, Double]) -> None:
    async for message in ctx.inbox:
        message.reply_to.tell(2 * message.number)


@actor(initial=0, backoff=Backoff(first=AT_ONCE, limit=AT_ONCE))
async def fragile(ctx: Context[int, Crash | Total]) -> None:
    async for message in ctx.inbox:
        match message:
            case Total():
                message.reply_to.tell(1)
            case Crash():
                raise RuntimeError


class Round:
    """The ring that is measured now."""

    refs: list[Ref[Hop]] = []
    done = asyncio.Event()


@actor(initial=0)
async def member(ctx: Context[int, Hop | Total]) -> None:
    visits, after = 0, (int(ctx.key) + 1) % ACTORS
    async for message in ctx.inbox:
        if isinstance(message, Total):
            message.reply_to.tell(visits)
            continue
        visits += 1
        if message.left:
            Round.refs[after].tell(Hop(message.left - 1))
        else:
            Round.done.set()


async def tell(bursts: int) -> float:
    async with ActorSystem() as system:
        ref, one = system.ref(counter, "one"), Add(1)
        started = perf_counter()
        for _ in range(bursts):
            for _ in range(1_000):
                ref.tell(one)
            total = await ref.ask(Total())
        seconds = perf_counter() - started
        assert total == bursts * 1_000
    return total / seconds


async def fan_in(bursts: int) -> float:
    async with ActorSystem() as system:
        ref, one = system.ref(counter, "one"), Add(1)

        async def sender() -> None:
            for _ in range(bursts):
                for _ in range(10):
                    ref.tell(one)
                await asyncio.sleep(0)

        messages = 100 * bursts * 10
        started = perf_counter()
        await asyncio.gather(*(sender() for _ in range(100)))
        total = await ref.ask(Total())
        seconds = perf_counter() - started
        assert total == messages
    return messages / seconds


async def ask(asks: int) -> float:
    async with ActorSystem() as system:
        ref, total = system.ref(doubler, "one"), 0
        started = perf_counter()
        for number in range(asks):
            total += await ref.ask(Double(number))
        seconds = perf_counter() - started
    assert total == asks * (asks - 1)
    return asks / seconds


async def asks_100(waves: int) -> float:
    async with ActorSystem() as system:
        refs, total = [system.ref(doubler, str(number)) for number in range(100)], 0
        started = perf_counter()
        for _ in range(waves):
            total += sum(await asyncio.gather(*(ref.ask(Double(number)) for number, ref in enumerate(refs))))
        seconds = perf_counter() - started
    assert total == waves * 9_900
    return waves * 100 / seconds


async def spawn(actors: int) -> float:
    async with ActorSystem() as system:
        started = perf_counter()
        refs = [system.ref(counter, str(number)) for number in range(actors)]
        for ref in refs:
            ref.tell(Add(1))
        totals = await asyncio.gather(*(ref.ask(Total()) for ref in refs))
        seconds = perf_counter() - started
    assert totals == [1] * actors
    return seconds / actors * 1e6


async def ring(hops: int) -> float:
    Round.done = asyncio.Event()
    async with ActorSystem() as system:
        Round.refs = [system.ref(member, str(place)) for place in range(ACTORS)]
        await asyncio.gather(*(ref.ask(Total()) for ref in Round.refs))
        started = perf_counter()
        Round.refs[0].tell(Hop(hops - 1))
        await Round.done.wait()
        seconds = perf_counter() - started
        assert sum(await asyncio.gather(*(ref.ask(Total()) for ref in Round.refs))) == hops
    return hops / seconds


async def idle_bytes(actors: int) -> float:
    async with ActorSystem() as system:

        async def add(first: int, count: int) -> None:
            for number in range(first, first + count):
                assert await system.ref(counter, str(number)).ask(Total()) == 0

        with measured_bytes() as in_use:
            await add(0, 500)
            before = in_use()
            await add(500, actors)
            used = in_use() - before
    return used / actors


async def restart(restarts: int) -> float:
    async with ActorSystem() as system:
        ref = system.ref(fragile, "one")
        assert await ref.ask(Total()) == 1
        started = perf_counter()
        for _ in range(restarts):
            ref.tell(Crash())
            assert await ref.ask(Total()) == 1
        seconds = perf_counter() - started
    return seconds / restarts * 1e6
