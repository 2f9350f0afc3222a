"""The ways to read a stream of the runtime: natively, through each host, and through anyio's portal.

Each is a program that starts a runtime of its own and reads one stream of so many items to its end, as fast as it can:
the text of a turn, or a memory channel that a task in the runtime fills. Both yield to the scheduler at every item, as
what reads from a network does.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import trio

from actrio.actors import open_runtime
from actrio.agents import Agent
from actrio.benchmarks._harness import Scenario, Side
from actrio.benchmarks.hosts._measure import Costs, Program, awaited_items, costs, in_thread, items
from actrio.hosts import AsyncioHost, Host
from actrio.hosts._call import WINDOW
from actrio.hosts._streams import pump_from
from actrio.hosts.asyncio._crossing import Crossing as AsyncioCrossing
from actrio.hosts.blocking._crossing import Crossing
from actrio.providers import ScriptedProvider

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

# µs an item should cost at most, whatever an item of a memory channel costs.
AT_MOST: Final = 30

Mode = Literal["thread", "guest"]


def words(size: int) -> list[object]:
    """The text of a turn, as it comes in."""
    return ["w0", *(f" w{number}" for number in range(1, size))]


def writer(size: int) -> Agent:
    """An agent that says them, as fast as it can."""
    return Agent("writer", model=ScriptedProvider("".join(map(str, words(size)))))


async def text_natively(size: int) -> Costs:
    """``async for piece in turn.text()``, in Trio."""
    async with open_runtime() as runtime:
        ref = await runtime.spawn(writer(size))
        async with ref.run("Begin.") as turn:
            return await awaited_items(turn.text(), words(size))


def text_through_host(size: int) -> Costs:
    """``for piece in host.run(…).text()``, in a thread."""
    with Host() as host:
        return items(host.run(host.spawn(writer(size)), "Begin.").text(), words(size))


def text_through_asyncio(mode: Mode) -> Program:
    """``async for piece in host.run(…).text()``, in asyncio."""

    async def main(size: int) -> Costs:
        async with AsyncioHost(mode=mode) as host:
            return await awaited_items(host.run(await host.spawn(writer(size)), "Begin.").text(), words(size))

    return lambda size: asyncio.run(main(size))


def text_through_portal(size: int) -> Costs:
    """``portal.call`` for each piece, in a thread."""
    with _portal() as portal, portal.wrap_async_context_manager(open_runtime()) as runtime:
        spawn: Any = runtime.spawn
        ref: Any = portal.call(spawn, writer(size))
        with portal.wrap_async_context_manager(ref.run("Begin.")) as turn:
            return items(_each(portal, turn.text().__anext__), words(size))


@asynccontextmanager
async def filled(size: int) -> AsyncGenerator["trio.MemoryReceiveChannel[object]"]:
    """A memory channel with the room that a host's stream has, which a task fills."""
    send, receive = trio.open_memory_channel[object](WINDOW)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_fill, send, size)
        yield receive


async def _fill(send: "trio.MemorySendChannel[object]", size: int) -> None:
    async with send:
        for number in range(size):
            await send.send(number)


def _numbers(receive: "trio.MemoryReceiveChannel[object]") -> AsyncIterable[object]:
    return receive


async def channel_natively(size: int) -> Costs:
    """``async for item in receive``, in Trio."""
    async with filled(size) as receive:
        return await awaited_items(receive, range(size))


def channel_through_host(size: int) -> Costs:
    """What all streams of a `Host` are made of."""
    crossing = Crossing(None, {})
    crossing.start()
    try:
        return items(crossing.read(pump_from, partial(filled, size), _numbers), range(size))
    finally:
        crossing.stop(at_once=True)


def channel_through_asyncio(mode: Mode) -> Program:
    """What all streams of an `AsyncioHost` are made of."""

    async def main(size: int) -> Costs:
        crossing = AsyncioCrossing(None, {}, mode)
        await crossing.start()
        try:
            return await awaited_items(crossing.read(pump_from, partial(filled, size), _numbers), range(size))
        finally:
            await crossing.stop(at_once=True)  # noqa: ASYNC102 - asyncio's, which waits for what it ends

    return lambda size: asyncio.run(main(size))


def channel_through_portal(size: int) -> Costs:
    """``portal.call`` for each item, in a thread."""
    with _portal() as portal, portal.wrap_async_context_manager(filled(size)) as receive:
        return items(_each(portal, receive.__anext__), range(size))


def _portal() -> "AbstractContextManager[BlockingPortal]":
    from anyio.from_thread import start_blocking_portal

    return start_blocking_portal("trio")


def _each(portal: "BlockingPortal", read: Callable[[], Awaitable[object]]) -> Iterator[object]:
    while True:
        try:
            yield portal.call(read)
        except StopAsyncIteration:
            return


def beside_channel(
    stream: str, question: str, native: Side | None, hosts: dict[str, Program], portal: Program
) -> tuple[Scenario, ...]:
    """The scenarios of one stream: each way beside an item of a memory channel, and the blocking one beside the portal.

    Args:
        stream: Its name in rows.
        question: What is asked, without the way.
        native: Reads it in Trio; None if that is the baseline itself.
        hosts: The ways through hosts, by the names that rows have for them.
        portal: The way through the portal.
    """

    def beside(way: str, side: Side, suffix: str, baseline: Side, at_most: float | None) -> tuple[Scenario, Scenario]:
        name, asked = f"{stream}-{way}-{suffix}", f"{question}, {way}?"
        return costs(name, asked, side, baseline, full=3_000, quick=1_000, at_most=at_most)

    through_portal = in_thread(portal)
    # Where nothing crosses, processor and clock say the same.
    rows = [] if native is None else [beside("native", native, "item", channel_natively, None)[0]]
    for way, program in hosts.items():
        side = in_thread(program)
        rows += beside(way, side, "item", channel_natively, AT_MOST)
        if way == "blocking":
            rows += beside(way, side, "portal", through_portal, None)
    return tuple(rows)
