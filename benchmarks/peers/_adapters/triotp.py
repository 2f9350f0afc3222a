"""triotp: `gen_server`s on Trio, a task and a mailbox of capacity zero each.

The fast path: `gen_server.cast` and `call` by the mailbox's id, which saves looking a name up. A restart is a
`supervisor`'s, without a delay.
"""

from time import perf_counter
from types import SimpleNamespace

import trio
import trio.testing
from logbook import NullHandler
from program import measured_bytes
from triotp import gen_server, mailbox, supervisor

ACTORS = 1_000


class Total:
    """Asks a counter for its sum."""


class Server(SimpleNamespace):
    """What it takes for a module."""

    __name__ = "server"


async def _init(arg):
    return arg


async def _add(message, state):
    if isinstance(message, trio.Event):
        message.set()
    else:
        state += message
    return gen_server.NoReply(), state


async def _total(message, _caller, state):
    return gen_server.Reply(state), state


async def _double(message, _caller, state):
    return gen_server.Reply(2 * message), state


COUNTER = Server(init=_init, handle_cast=_add, handle_call=_total)
DOUBLER = Server(init=_init, handle_call=_double)


def run(async_fn, *args):
    """How this adapter's functions are run."""

    async def started() -> float:
        mailbox._init()  # what its node.run does, without an application
        return await async_fn(*args)

    with NullHandler().applicationbound():
        return trio.run(started)


async def _start(nursery, module, state):
    """The mailbox of a new server. Nothing says when there is one but that its name is known."""
    names = mailbox.context_name_registry.get()
    name = f"server-{len(names)}"
    nursery.start_soon(gen_server.start, module, state, name)
    await _known(name)
    return names[name]


async def _known(name):
    names = mailbox.context_name_registry.get()
    while True:
        if name in names:
            return
        await trio.lowlevel.checkpoint()


async def tell(bursts: int) -> float:
    async with trio.open_nursery() as nursery:
        mid = await _start(nursery, COUNTER, 0)
        started = perf_counter()
        for _ in range(bursts * 1_000):
            await gen_server.cast(mid, 1)
        total = await gen_server.call(mid, Total)
        seconds = perf_counter() - started
        assert total == bursts * 1_000
        nursery.cancel_scope.cancel()
    return total / seconds


async def fan_in(bursts: int) -> float:
    async with trio.open_nursery() as nursery:
        mid = await _start(nursery, COUNTER, 0)

        async def sender() -> None:
            for _ in range(bursts * 10):
                await gen_server.cast(mid, 1)

        started = perf_counter()
        async with trio.open_nursery() as senders:
            for _ in range(100):
                senders.start_soon(sender)
        total = await gen_server.call(mid, Total)
        seconds = perf_counter() - started
        assert total == 100 * bursts * 10
        nursery.cancel_scope.cancel()
    return total / seconds


async def ask(asks: int) -> float:
    async with trio.open_nursery() as nursery:
        mid, total = await _start(nursery, DOUBLER, None), 0
        started = perf_counter()
        for number in range(asks):
            total += await gen_server.call(mid, number)
        seconds = perf_counter() - started
        assert total == asks * (asks - 1)
        nursery.cancel_scope.cancel()
    return asks / seconds


async def asks_100(waves: int) -> float:
    async with trio.open_nursery() as nursery:
        mids, answers = [await _start(nursery, DOUBLER, None) for _ in range(100)], []

        async def asker(mid, number) -> None:
            answers.append(await gen_server.call(mid, number))

        started = perf_counter()
        for _ in range(waves):
            async with trio.open_nursery() as askers:
                for number, mid in enumerate(mids):
                    askers.start_soon(asker, mid, number)
        seconds = perf_counter() - started
        assert sum(answers) == waves * 9_900
        nursery.cancel_scope.cancel()
    return waves * 100 / seconds


async def spawn(actors: int) -> float:
    async with trio.open_nursery() as nursery:
        started = perf_counter()
        mids = []
        for _ in range(actors):
            mids.append(await _start(nursery, COUNTER, 0))
            await gen_server.cast(mids[-1], 1)
        seconds = perf_counter() - started
        assert [await gen_server.call(mid, Total) for mid in mids] == [1] * actors
        nursery.cancel_scope.cancel()
    return seconds / actors * 1e6


async def ring(hops: int) -> float:
    mids, done, visits = [], trio.Event(), [0] * ACTORS

    async def hop(left, place):
        visits[place] += 1
        if left:
            await gen_server.cast(mids[(place + 1) % ACTORS], left - 1)
        else:
            done.set()
        return gen_server.NoReply(), place

    member = Server(init=_init, handle_cast=hop)
    async with trio.open_nursery() as nursery:
        for place in range(ACTORS):
            mids.append(await _start(nursery, member, place))
        started = perf_counter()
        await gen_server.cast(mids[0], hops - 1)
        await done.wait()
        seconds = perf_counter() - started
        assert sum(visits) == hops
        nursery.cancel_scope.cancel()
    return hops / seconds


async def idle_bytes(actors: int) -> float:
    async with trio.open_nursery() as nursery:

        async def add(count: int) -> None:
            for _ in range(count):
                mid = await _start(nursery, COUNTER, 0)
                await gen_server.cast(mid, 1)
            await trio.testing.wait_all_tasks_blocked()

        with measured_bytes() as in_use:
            await add(500)
            before = in_use()
            await add(actors)
            used = in_use() - before
        nursery.cancel_scope.cancel()
    return used / actors


async def restart(restarts: int) -> float:
    async def crash(message, state):
        if message == "crash":
            raise RuntimeError
        message.set()
        return gen_server.NoReply(), state

    fragile = Server(init=_init, handle_cast=crash)

    async with trio.open_nursery() as nursery:
        spec = supervisor.child_spec(id="fragile", task=gen_server.start, args=[fragile, None, "fragile"])
        options = supervisor.options(max_restarts=restarts + 1, max_seconds=3_600)
        nursery.start_soon(supervisor.start, [spec], options)
        await _known("fragile")
        started = perf_counter()
        for _ in range(restarts):
            await gen_server.cast("fragile", "crash")
            done = trio.Event()
            while True:
                try:
                    await gen_server.cast("fragile", done)
                    break
                except (mailbox.MailboxDoesNotExist, trio.BrokenResourceError, trio.ClosedResourceError):
                    await trio.lowlevel.checkpoint()  # between two lives there is no mailbox
            await done.wait()
        seconds = perf_counter() - started
        nursery.cancel_scope.cancel()
    return seconds / restarts * 1e6
