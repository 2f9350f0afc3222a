"""A server on loopback that does to a client what real servers are seldom caught doing.

    async with fault_server([Send(CHUNKED), Send(chunk(b"hello")), Reset()]) as server:
        ...  # a client of server.url
        await server.visits[0].closed.wait()

Each request gets a script, a sequence of actions. The n-th request gets the n-th script, the last script is used again
for all that follow, and a script that comes to its end leaves the connection open for the next request.
"""

import socket
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from ssl import SSLContext
from struct import pack
from typing import Final

import trio
from attrs import define, field, frozen


@frozen
class Action:
    """Something to do to a client."""


@frozen
class Send(Action):
    """Send bytes; with `cut`, that many at a time, each in a packet of its own as far as that can be had."""

    data: bytes
    cut: int | None = None


@frozen
class Pause(Action):
    """Wait for an event, or for the client to close."""

    until: trio.Event


@frozen
class Reached(Action):
    """Tell a test that the script has come to here."""

    event: trio.Event


@frozen
class Close(Action):
    """Close the connection properly (FIN)."""


@frozen
class Reset(Action):
    """Break the connection (RST)."""


@frozen
class Hang(Action):
    """Do nothing until the client closes."""


@frozen
class Repeat(Action):
    """Send the same bytes until the client closes, or as often as said."""

    data: bytes
    times: int | None = None


Script = Sequence[Action]


@frozen
class Received:
    """A request that came."""

    method: str
    target: str
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes
    visit: int
    """The index of the connection it came on, in order of connecting."""


@define
class Visit:
    """One connection that a client made."""

    requests: int = 0
    closed: trio.Event = field(factory=trio.Event)
    """It is over, whoever ended it."""
    closed_by_client_at: float | None = None
    """When the client's close was seen, on Trio's clock."""


class FaultServer:
    """What a test sees of the server."""

    def __init__(self, url: str, scripts: Sequence[Script]) -> None:
        self.url = url
        self.requests: list[Received] = []
        self.visits: list[Visit] = []
        self._scripts = scripts

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end."""
        index, visit = len(self.visits), Visit()
        self.visits.append(visit)
        try:
            await _Session(self, stream, index, visit).run()
        except trio.BrokenResourceError:
            visit.closed_by_client_at = trio.current_time()
        finally:
            visit.closed.set()
            await trio.aclose_forcefully(stream)

    def script_for(self, request: Received) -> Script:
        """Note the request, and give what is to be done."""
        self.requests.append(request)
        return self._scripts[min(len(self.requests), len(self._scripts)) - 1]

    async def all_closed(self) -> None:
        """Wait until every connection there was is over."""
        for visit in self.visits:
            await visit.closed.wait()


class _Session:
    """One connection."""

    def __init__(self, server: FaultServer, stream: trio.abc.Stream, index: int, visit: Visit) -> None:
        self._server = server
        self._stream = stream
        self._index = index
        self._visit = visit
        self._kept = b""
        self._over = False

    async def run(self) -> None:
        while (request := await self._next_request()) is not None:
            self._visit.requests += 1
            for action in self._server.script_for(request):
                await self._do(action)
                if self._is_over():
                    return

    def _is_over(self) -> bool:
        return self._over

    async def _do(self, action: Action) -> None:
        match action:
            case Send(data, cut):
                for start in range(0, len(data), cut or len(data) or 1):
                    await self._stream.send_all(data[start : start + (cut or len(data))])
                    await trio.lowlevel.checkpoint()
            case Repeat(data, times):
                while times is None or times > 0:
                    await self._stream.send_all(data)
                    times = None if times is None else times - 1
            case Pause(until):
                await self._wait_or_see_close(until.wait)
            case Hang():
                await self._wait_or_see_close(trio.sleep_forever)
            case Reached(event):
                event.set()
            case Close() | Reset():
                if isinstance(action, Reset):
                    self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
                self._over = True

    def _socket(self) -> trio.socket.SocketType:
        stream = self._stream
        if isinstance(stream, trio.SSLStream):
            stream = stream.transport_stream
        assert isinstance(stream, trio.SocketStream)
        return stream.socket

    async def _wait_or_see_close(self, wait: Callable[[], object]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._see_close, nursery.cancel_scope)
            await wait()  # type: ignore[misc] # it is either of two functions that are awaited
            nursery.cancel_scope.cancel()

    async def _see_close(self, scope: trio.CancelScope) -> None:
        if not await self._receive():
            scope.cancel()

    async def _receive(self) -> bool:
        data: bytes | bytearray = b""
        with suppress(trio.BrokenResourceError):
            data = await self._stream.receive_some()
        if not data:
            self._over = True
            self._visit.closed_by_client_at = trio.current_time()
        self._kept += data
        return bool(data)

    async def _next_request(self) -> Received | None:
        while b"\r\n\r\n" not in self._kept:
            if not await self._receive():
                return None
        head, _, self._kept = self._kept.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("transfer-encoding") == "chunked":
            body = await self._chunked_body()
        else:
            body = await self._exactly(int(headers.get("content-length", 0)))
        return None if body is None else Received(method, target, headers, body, self._index)

    async def _exactly(self, length: int) -> bytes | None:
        while len(self._kept) < length:
            if not await self._receive():
                return None
        taken, self._kept = self._kept[:length], self._kept[length:]
        return taken

    async def _chunked_body(self) -> bytes | None:
        body = b""
        while True:
            while b"\r\n" not in self._kept:
                if not await self._receive():
                    return None
            size, _, self._kept = self._kept.partition(b"\r\n")
            piece = await self._exactly(int(size, 16) + 2)
            if piece is None or size == b"0":
                return None if piece is None else body
            body += piece[:-2]


@asynccontextmanager
async def fault_server(*scripts: Script, tls: SSLContext | None = None) -> AsyncGenerator[FaultServer]:
    """Run a server that follows the scripts; see the module. Leaving the block ends all its connections."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        listening.setblocking(False)
        port = listening.getsockname()[1]
        server = FaultServer(f"http://127.0.0.1:{port}" if tls is None else f"https://localhost:{port}", scripts)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_accept, listening, server, tls)
            try:
                yield server
            finally:
                nursery.cancel_scope.cancel()


async def _accept(listening: socket.socket, server: FaultServer, tls: SSLContext | None) -> None:
    # Not `trio.serve_listeners`, which takes one connection a turn of the loop: a crowd of clients would be seen late.
    async with trio.open_nursery() as nursery:
        while True:
            await trio.lowlevel.wait_readable(listening)
            with suppress(BlockingIOError):
                while True:
                    connected, _ = listening.accept()
                    stream: trio.abc.Stream = trio.SocketStream(trio.socket.from_stdlib_socket(connected))
                    if tls is not None:
                        stream = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
                    nursery.start_soon(server.serve, stream)


# What to send

OK: Final = b"HTTP/1.1 200 OK\r\n"
STREAM: Final = OK + b"content-type: text/event-stream\r\n"
CHUNKED: Final = STREAM + b"transfer-encoding: chunked\r\n\r\n"
END: Final = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """A chunk of the chunked coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def sized(body: bytes, *headers: bytes, status: bytes = OK) -> bytes:
    """A whole answer that says how long it is."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return status + lines + b"content-length: %d\r\n\r\n" % len(body) + body


def chunked(*pieces: bytes, trailers: bytes = b"") -> bytes:
    """A whole answer in chunks."""
    return CHUNKED + b"".join(map(chunk, pieces)) + b"0\r\n" + trailers + b"\r\n"


def events(*data: bytes, line_end: bytes = b"\n") -> bytes:
    """Server-sent events with this data."""
    return b"".join(b"data: " + value + line_end + line_end for value in data)


def cut_everywhere(answer: bytes, then: Action | None = None) -> Iterable[Script]:
    """For each place in the answer a script that sends what is before it, and then closes or does what is said."""
    for end in range(len(answer)):
        yield [Send(answer[:end]), Close() if then is None else then]


# What servers do that they should not

HTML: Final = sized(b"<html><h1>Sign in</h1></html>", b"content-type: text/html")
COMMENT: Final = b": keep-alive\n\n"
TRAILERS: Final = b"x-checksum: 1\r\nx-time: 2\r\n"

# {what: the script}, each one an answer whose head is right and whose body is broken off or wrong
BROKEN_BODIES: Final[dict[str, Script]] = {
    "closed after the head": [Send(CHUNKED), Close()],
    "closed inside a chunk": [Send(CHUNKED + b"5\r\nhel"), Close()],
    "closed between chunks": [Send(CHUNKED + chunk(b"hello")), Close()],
    "closed before the last line": [Send(CHUNKED + chunk(b"hello") + b"0\r\n"), Close()],
    "a size that is no number": [Send(CHUNKED + b"five\r\nhello\r\n" + END), Hang()],
    "a negative size": [Send(CHUNKED + b"-5\r\nhello\r\n" + END), Hang()],
    "a size with an underscore": [Send(CHUNKED + b"1_0\r\n" + b"x" * 16 + b"\r\n" + END), Hang()],
    "a size without end": [Send(CHUNKED), Repeat(b"0" * 1000, times=80), Hang()],
    "a chunk longer than its size": [Send(CHUNKED + b"4\r\nhello\r\n" + END), Hang()],
    "a trailer that is none": [Send(CHUNKED + b"0\r\nno colon\r\n\r\n"), Hang()],
    "trailers without end": [Send(CHUNKED + b"0\r\n"), Repeat(b"x: " + b"y" * 1000 + b"\r\n", times=200), Hang()],
    "a length that is too long": [Send(OK + b"content-length: 9\r\n\r\nhello"), Close()],
}

# {what: the script}, each one no answer at all
BROKEN_HEADS: Final[dict[str, Script]] = {
    "nothing": [Close()],
    "half a head": [Send(b"HTTP/1.1 200 OK\r\ncontent-"), Close()],
    "not HTTP": [Send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Hang()],
    "a head without end": [Send(OK), Repeat(b"x: " + b"y" * 1000 + b"\r\n", times=400), Hang()],
    "two lengths": [Send(OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nx"), Hang()],
    "a coding nobody knows": [Send(OK + b"transfer-encoding: brotli\r\n\r\n"), Hang()],
    "interim answers without end": [Repeat(b"HTTP/1.1 102 Processing\r\n\r\n", times=50_000), Hang()],
    "another protocol": [Send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n"), Hang()],
}
