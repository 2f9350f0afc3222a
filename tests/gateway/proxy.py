"""A TCP proxy between a client and a gateway that cuts, stalls and forgets."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from struct import pack

import trio


class Proxy:
    """What a test does to the connections that go through it.

    Attributes:
        cut_after: Bytes from the server after which a new connection is cut; None: never.
        stalled: Whether nothing goes from the server to the client.
        accepted: How many connections there were.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.cut_after: int | None = None
        self.accepted = 0
        self.go = trio.Event()
        self.go.set()
        self._streams: set[trio.SocketStream] = set()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Break every connection there is, both ways, with no farewell (RST)."""
        for stream in tuple(self._streams):
            reset(stream)

    async def serve(self, client: trio.SocketStream) -> None:
        self.accepted += 1
        left = self.cut_after
        try:
            server = await trio.open_tcp_stream("127.0.0.1", self.target)
        except OSError:
            reset(client)
            return
        self._streams |= {client, server}
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, client, server, None, nursery.cancel_scope)
                nursery.start_soon(self._pump, server, client, left, nursery.cancel_scope)
        finally:
            self._streams -= {client, server}
            client.socket.close()
            server.socket.close()

    async def _pump(
        self, source: trio.SocketStream, sink: trio.SocketStream, left: int | None, scope: trio.CancelScope
    ) -> None:
        try:
            while data := await source.receive_some(65_536):
                await self.go.wait()
                piece = data if left is None else data[:left]
                await sink.send_all(piece)
                if left is not None:
                    left -= len(piece)
                    if left == 0:
                        reset(source)
                        reset(sink)
                        break
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()


def reset(stream: trio.SocketStream) -> None:
    """Close a connection with RST."""
    try:
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    except OSError:
        return  # it is closed
    stream.socket.close()


@asynccontextmanager
async def proxied(target: int) -> AsyncGenerator[Proxy]:
    """A proxy to a port of loopback, for the length of a block."""
    proxy = Proxy(target)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, proxy.serve, 0)
        proxy.port = listeners[0].socket.getsockname()[1]
        yield proxy
        nursery.cancel_scope.cancel()
