"""A gateway to test, and waiting for it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
import trio_websocket

from actrio.actors import Runtime
from actrio.gateway import Gateway, serve
from actrio.gateway._socket import Socket, SocketReader


@asynccontextmanager
async def served(runtime: Runtime, **options: Any) -> AsyncGenerator[Gateway]:
    """A gateway for the length of a block."""
    options.setdefault("drain_s", 0.1)
    async with trio.open_nursery() as nursery:
        gateway: Gateway = await nursery.start(partial(serve, runtime, **options))
        with trio.fail_after(20):  # noqa: ASYNC100 - the test waits in it
            yield gateway
        gateway.stop()


async def until(true: Callable[[], object]) -> None:
    """Wait for something that no event tells of."""
    with trio.fail_after(5):
        while not true():  # noqa: ASYNC110 - no event tells of it
            await trio.sleep(0.001)


@asynccontextmanager
async def peer(gateway: Gateway) -> AsyncGenerator[Socket]:
    """A WebSocket on which a test may say what it likes; closed whatever happened to it."""
    async with await trio.open_tcp_stream(gateway.host, gateway.port) as stream, trio.open_nursery() as nursery:

        async def wrap(reader: Any) -> trio_websocket.WebSocketConnection:
            return await trio_websocket.wrap_client_stream(reader, stream, "localhost", "/")

        socket = await SocketReader(nursery).shake_hands(wrap, stream)
        try:
            yield socket
        finally:
            await socket.abort()  # noqa: ASYNC102 - it waits for nothing
