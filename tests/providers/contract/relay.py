"""A relay between a client and a server on loopback, from which a test sees what the server would see."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio

# What ends an answer in the chunked coding, in which all answers of Node.js come that are streamed.
_LAST_CHUNK = b"0\r\n\r\n"


class Relay:
    """What a test sees of it.

    Attributes:
        url: Where it listens.
        connected: How many connections a client has to it.
        at_work: On how many of them the server still answers a request.
    """

    def __init__(self, url: str, upstream: str) -> None:
        self.url = url
        self.connected = 0
        self.at_work = 0
        self._upstream = urlsplit(upstream)

    async def serve(self, client: trio.SocketStream) -> None:
        """Carry one connection until either side ends it."""
        host, port = self._upstream.hostname, self._upstream.port
        assert host is not None
        assert port is not None
        self.connected += 1
        exchange = _Exchange(self)
        try:
            async with client, await trio.open_tcp_stream(host, port) as server, trio.open_nursery() as nursery:
                nursery.start_soon(exchange.ask, client, server, nursery.cancel_scope)
                nursery.start_soon(exchange.answer, server, client, nursery.cancel_scope)
        finally:
            exchange.end()
            self.connected -= 1


class _Exchange:
    """The requests of one connection, one after the other."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._at_work = False
        self._tail = b""

    async def ask(self, client: trio.SocketStream, server: trio.SocketStream, scope: trio.CancelScope) -> None:
        try:
            async for data in client:
                self._begin()
                await server.send_all(data)
        except trio.BrokenResourceError:
            pass
        scope.cancel()

    async def answer(self, server: trio.SocketStream, client: trio.SocketStream, scope: trio.CancelScope) -> None:
        try:
            async for data in server:
                self._tail = (self._tail + data)[-len(_LAST_CHUNK) :]
                if self._tail == _LAST_CHUNK:
                    # Before the client has it, which then may ask again.
                    self.end()
                await client.send_all(data)
        except trio.BrokenResourceError:
            pass
        scope.cancel()

    def _begin(self) -> None:
        if not self._at_work:
            self._at_work = True
            self._tail = b""
            self._relay.at_work += 1

    def end(self) -> None:
        if self._at_work:
            self._at_work = False
            self._relay.at_work -= 1


@asynccontextmanager
async def relay_to(upstream: str) -> AsyncGenerator[Relay]:
    """Run a relay to the server at this address. Leaving the block ends its connections."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    relay = Relay(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", upstream)
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, relay.serve, listeners)
        try:
            yield relay
        finally:
            nursery.cancel_scope.cancel()
