"""What runs in the runtime for a host that reads a stream, or stays inside a block."""

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Final, TypeVar

import trio

from actrio.hosts._call import WINDOW, Call

T = TypeVar("T")

BEGUN: Final = object()


async def pump(call: Call, source: Callable[[], AsyncIterable[Any]]) -> None:
    """Give the host what a source gives. The source is closed at the end, if that is something it knows."""
    items = source()
    try:
        await _pass_on(call, items)
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


async def pump_from(
    call: Call,
    block: Callable[[], AbstractAsyncContextManager[T]],
    source: Callable[[T], AsyncIterable[Any]],
) -> None:
    """As :func:`pump`, of a source that is there inside a block."""
    async with block() as value:
        await _pass_on(call, source(value))


async def stay(call: Call, block: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
    """Give the host what a block gives, and stay inside until the host has left."""
    async with block() as value:
        call.put(value)
        await call.until_released()


async def pump_block(call: Call, block: Callable[[], AbstractContextManager[AsyncIterable[Any]]]) -> None:
    """As :func:`pump`, of a source that is there inside a block. The first item, BEGUN, says that it is."""
    with block() as items:
        call.put(BEGUN)
        await _pass_on(call, items)


async def take_into(taken: deque[T], source: AsyncIterator[T]) -> bool:
    """Move the next item of a source to where the host finds it, also if it no longer waits. False: there is none."""
    try:
        item = await source.__anext__()
    except StopAsyncIteration:
        return False
    taken.append(item)
    return True


async def _pass_on(call: Call, items: AsyncIterable[Any]) -> None:
    await trio.lowlevel.checkpoint()
    async for item in items:
        call.put(item)
        if len(call.items) >= WINDOW:
            await call.room()
