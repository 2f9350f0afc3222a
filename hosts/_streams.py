"""What runs in the runtime for a host that reads a stream, or stays inside a block."""

from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import trio

from actrio.hosts._call import WINDOW, Call

T = TypeVar("T")


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


async def _pass_on(call: Call, items: AsyncIterable[Any]) -> None:
    await trio.lowlevel.checkpoint()
    async for item in items:
        call.put(item)
        if len(call.items) >= WINDOW:
            await call.room()
