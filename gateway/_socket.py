"""One WebSocket, on either side: trio-websocket with its edges covered.

- Its reader task may raise, which would end the nursery it was started in: here it ends the socket only.
- It leaves the TCP connection open when that broke: here the stream is always closed.
- A close that the peer does not answer, and a handshake, wait for ever: here each has its time.
- Only :class:`SocketClosed` says that the socket is gone, whoever ended it and how.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import trio
import trio_websocket
from wsproto.utilities import ProtocolError as WsProtocolError

CLOSE_S: Final = 2.0  # seconds that the peer has to answer a close
PATIENCE: Final = 10  # heartbeats that a peer has more, while what it sent is not read
QUEUE: Final = 16  # messages that were received and not taken yet

_GONE: Final = (
    trio_websocket.ConnectionClosed,
    trio_websocket.HandshakeError,
    WsProtocolError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)


class SocketClosed(Exception):
    """The socket is gone. Attributes: ``code`` (of the WebSocket close, 1006 if there was none), ``reason``."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code} {reason}".strip())


class Socket:
    """Text frames both ways. One task receives; any number send, each frame as a whole, in the order they began.

    A task that is cancelled in ``send`` may leave half a frame behind, so cancel one only to end the socket.
    """

    def __init__(
        self, websocket: trio_websocket.WebSocketConnection, stream: trio.abc.Stream, life: trio.CancelScope
    ) -> None:
        self._websocket = websocket
        self._stream = stream
        self._life = life  # of the reader task
        self._beat: trio.CancelScope | None = None  # around the wait for an answer to a ping
        self._patience = 0.0  # when that has to end at the latest

    async def send(self, text: str) -> None:
        """Send a frame, waiting while the peer does not read. Raises: SocketClosed."""
        try:
            await self._websocket.send_message(text)
        except _GONE:
            raise self._closed() from None

    async def receive(self) -> str | bytes:
        """The next message. Raises: SocketClosed."""
        try:
            return await self._websocket.get_message()
        except _GONE:
            raise self._closed() from None

    async def keep_alive(self, every: float) -> None:
        """Ping the peer; returns once it has not answered for ``every`` seconds. Raises: SocketClosed.

        A time in which the owner did not read does not count, up to ten times ``every``: the answer may wait behind
        what was not read. Frames are no answer, for who reads nothing may still write.
        """
        while True:
            await trio.sleep(every)
            with trio.move_on_after(every) as self._beat:
                self._patience = self._beat.deadline + PATIENCE * every
                try:
                    await self._websocket.ping()
                except _GONE:
                    raise self._closed() from None
            if self._beat.cancelled_caught:
                return

    def held_up(self, seconds: float) -> None:
        """The owner will not read for so long."""
        if self._beat is not None:
            self._beat.deadline = min(self._beat.deadline + seconds, self._patience)

    async def close(self, code: int, reason: str = "") -> None:
        """Close it with a code and a reason, in two seconds at the latest, also when cancelled. Nobody may send now."""
        try:
            with trio.move_on_after(CLOSE_S, shield=True), suppress(*_GONE):
                await self._websocket.aclose(code, reason.encode()[:120].decode(errors="ignore"))
        finally:
            await self.abort()  # noqa: ASYNC102 - it waits for nothing

    async def abort(self) -> None:
        """Cut it. Has to be called, or `close`, at the end: the reader task heeds no other cancellation."""
        self._life.cancel()
        await trio.aclose_forcefully(self._stream)

    def _closed(self) -> SocketClosed:
        reason = self._websocket.closed
        if reason is None:
            return SocketClosed(1006, "the connection broke")
        return SocketClosed(reason.code, reason.reason or "")


class SocketReader:
    """Stands where trio-websocket wants a nursery for its reader task.

    That task is shielded, for it takes part in closing the socket when the others are cancelled already.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._handshake = trio.CancelScope()
        self._life = trio.CancelScope(shield=True)
        self._ended: Exception | None = None

    def start_soon(self, function: Callable[[], Awaitable[Any]]) -> None:
        """Run the reader task."""
        self._nursery.start_soon(self._run, function)

    async def _run(self, function: Callable[[], Awaitable[Any]]) -> None:
        try:
            with self._life:
                await function()
        except _GONE as error:
            self._ended = error
        finally:
            self._handshake.cancel()  # it would wait for ever

    async def shake_hands(
        self, wrap: Callable[["SocketReader"], Awaitable[trio_websocket.WebSocketConnection]], stream: trio.abc.Stream
    ) -> Socket:
        """A socket on a stream. Raises: SocketClosed; trio_websocket.ConnectionRejected: the server said no."""
        websocket: trio_websocket.WebSocketConnection | None = None
        try:
            with self._handshake:
                try:
                    websocket = await wrap(self)
                except _GONE as error:
                    self._ended = error
        finally:
            if websocket is None:
                self._life.cancel()
        if websocket is not None:
            return Socket(websocket, stream, self._life)
        if isinstance(self._ended, trio_websocket.ConnectionRejected):
            raise self._ended
        raise SocketClosed(1006, "the connection ended in the handshake")
