"""A network between clients and a gateway that knows frames: it loses, cuts after a frame, stalls, and goes silent."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

import trio

from tests.gateway.proxy import reset

Way = Literal["up", "down"]  # to the gateway; to the client

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


def length_of(data: bytes) -> int | None:
    """How long the frame is with which data begins (RFC 6455, section 5.2); None if that takes more of it."""
    if len(data) < 2:
        return None
    masked, size = data[1] >> 7, data[1] & 127
    extended = {126: 2, 127: 8}.get(size, 0)
    if len(data) < 2 + extended:
        return None
    if extended:
        size = int.from_bytes(data[2 : 2 + extended], "big")
    return 2 + extended + 4 * masked + size


class Units:
    """Bytes as they come, cut into the head of the handshake and frames."""

    def __init__(self) -> None:
        self._data = b""
        self._head = True

    def feed(self, data: bytes | bytearray) -> Iterator[bytes]:
        self._data += data
        while self._data:
            if self._head:
                end = self._data.find(b"\r\n\r\n")
                size = None if end < 0 else end + 4
            else:
                size = length_of(self._data)
            if size is None or size > len(self._data):
                return
            self._head = False
            unit, self._data = self._data[:size], self._data[size:]
            yield unit


class Link:
    """One connection. Attributes: ``silent``: nothing goes through any more, and nobody is told."""

    def __init__(self, client: trio.SocketStream, server: trio.SocketStream) -> None:
        self.client = client
        self.server = server
        self.silent = False

    def cut(self) -> None:
        reset(self.client)
        reset(self.server)


class Network:
    """What a test does to the connections that go through it.

    Attributes:
        target: The port of the gateway.
        plan: The next connection is cut once so many frames went this way; the last of them is lost if so wanted. The
            head of the handshake counts as one.
        deaf: What clients say is lost.
        passed: Frames that went each way in the connections that were not cut by a plan.
        accepted: How many connections there were.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.plan: tuple[Way, int, bool] | None = None
        self.deaf = False
        self.passed: dict[Way, int] = {"up": 0, "down": 0}
        self.accepted = 0
        self.links: list[Link] = []
        self.go = trio.Event()
        self.go.set()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Break every connection, with no farewell (RST)."""
        for link in tuple(self.links):
            link.cut()

    def fall_silent(self) -> None:
        """Have every connection stay open and carry nothing."""
        for link in self.links:
            link.silent = True

    async def serve(self, client: trio.SocketStream) -> None:
        self.accepted += 1
        plan, self.plan = self.plan, None
        try:
            server = await trio.open_tcp_stream("127.0.0.1", self.target)
        except OSError:
            reset(client)
            return
        link = Link(client, server)
        self.links.append(link)
        try:
            async with trio.open_nursery() as nursery:
                for way in ("up", "down"):
                    mine = plan[1:] if plan is not None and plan[0] == way else None
                    nursery.start_soon(self._pump, link, way, mine, nursery.cancel_scope)
        finally:
            self.links.remove(link)
            client.socket.close()
            server.socket.close()

    async def _pump(self, link: Link, way: Way, plan: tuple[int, bool] | None, scope: trio.CancelScope) -> None:
        source, sink = (link.client, link.server) if way == "up" else (link.server, link.client)
        units = Units()
        with suppress(*_GONE):
            while data := await source.receive_some(65_536):
                if way == "down":
                    await self.go.wait()
                if link.silent or (self.deaf and way == "up"):
                    continue
                for unit in units.feed(data):
                    self.passed[way] += 1
                    if plan is None or plan != (self.passed[way], True):
                        await sink.send_all(unit)
                    if plan is not None and plan[0] == self.passed[way]:
                        link.cut()
                        break
        if link.silent:
            await trio.sleep_forever()
        scope.cancel()


@asynccontextmanager
async def network(target: int) -> AsyncGenerator[Network]:
    """A network to a port of loopback, for the length of a block."""
    between = Network(target)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, between.serve, 0)
        between.port = listeners[0].socket.getsockname()[1]
        yield between
        nursery.cancel_scope.cancel()
