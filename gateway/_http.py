"""The first request of a connection: for a WebSocket, or for the page. Parsing is pure."""

from importlib.resources import files
from typing import Final

import trio
from attrs import frozen

MAX_HEAD: Final = 16_384  # bytes

_TYPES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/actrio.js": ("actrio.js", "text/javascript; charset=utf-8"),
    "/actrio.css": ("actrio.css", "text/css; charset=utf-8"),
}
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}
_SAFE: Final = (
    "Content-Security-Policy: default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-cache\r\n"
)


@frozen
class Head:
    """Method, path and headers, by name in lower case; of a name that comes twice the first."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def wants_websocket(self) -> bool:
        """Whether it asks for an upgrade."""
        return self.headers.get("upgrade", "").lower() == "websocket"


def parse_head(data: bytes) -> Head | None:
    """The head of a request; None if it is none."""
    first, *lines = data.decode("latin-1").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or not parts[1].startswith("/"):
        return None
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            return None
        headers.setdefault(name.lower(), value.strip())
    return Head(parts[0], parts[1].partition("?")[0], headers)


def answer(
    status: int, body: bytes = b"", kind: str = "text/plain; charset=utf-8", *, only_head: bool = False
) -> bytes:
    """A whole response, after which the connection is closed."""
    body = body or f"{status} {_REASONS[status]}\n".encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n{_SAFE}\r\n"
    )
    return head.encode() + (b"" if only_head else body)


def page(head: Head) -> bytes:
    """The answer to one who wants the page, or anything else that is no WebSocket."""
    if head.method not in {"GET", "HEAD"}:
        return answer(405)
    found = _TYPES.get(head.path)
    if found is None:
        return answer(404)
    name, kind = found
    body = files("actrio.gateway").joinpath("static", name).read_bytes()
    return answer(200, body, kind, only_head=head.method == "HEAD")


class Replayed(trio.abc.Stream):
    """A stream of which some was read already, and is read again."""

    def __init__(self, stream: trio.abc.Stream, read: bytes) -> None:
        self._stream = stream
        self._read = read

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """What was read before, then what comes."""
        if self._read:
            await trio.lowlevel.checkpoint()
            end = len(self._read) if max_bytes is None else max_bytes
            data, self._read = self._read[:end], self._read[end:]
            return data
        return await self._stream.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the stream."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """As the stream."""
        await self._stream.aclose()


async def read_head(stream: trio.abc.Stream) -> tuple[Head | None, bytes]:
    """The first head, and all that was read of the stream. None: it is none, or too long, or the peer left."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = await stream.receive_some()
        data += piece
        if not piece or len(data) > MAX_HEAD:
            return None, data
    return parse_head(data.partition(b"\r\n\r\n")[0]), data
