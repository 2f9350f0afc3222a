"""One connection: it is opened, carries one exchange after another, and is closed.

Every error it raises is httpx2's, with its cause kept. An error of `open` or `exchange`, or their cancellation, has
closed it; reading the body may be cancelled and done again. Closing never waits.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Final, NamedTuple, Protocol, cast

import h11
import httpx2
import trio

from actrio.providers.transport._framing import Exchange, Head
from actrio.providers.transport._state import Signal, State, after
from actrio.providers.transport._tls import TlsWire
from actrio.providers.transport._wire import SocketWire, Wire, connect

# From this many bytes on, what is ready to be sent is sent before more is taken.
_TOGETHER: Final = 64 * 1024

# What a wire raises when it is broken. `trio.ClosedResourceError` is another task having closed the transport.
_BROKEN: Final = (OSError, trio.ClosedResourceError)


class Origin(NamedTuple):
    """What one connection can be used for: the key of the pool. `tls_name` is None without TLS."""

    host: str
    port: int
    tls_name: str | None

    @property
    def url(self) -> str:
        """It as the beginning of a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.tls_name is None else 'https'}://{host}:{self.port}"


class Security(Protocol):
    """Puts TLS on a wire."""

    def __call__(self, wire: SocketWire, server_hostname: str) -> TlsWire: ...


class Connection:
    """A connection to an origin, in one of the states of `_state`.

    One task at a time uses it; only `close` may be called by another one.
    """

    __slots__ = ("_secure", "_state", "_wire", "idle_since", "origin")

    def __init__(self, origin: Origin, secure: Security) -> None:
        self.origin: Origin = origin
        self.idle_since: float = 0.0  # on Trio's clock; the pool sets it
        self._secure = secure
        self._state = State.NEW
        # Invariant: it is None only while NEW, or if the connection was closed before it was opened.
        self._wire: Wire | None = None

    def __repr__(self) -> str:
        return f"<Connection to {self.origin.url}, {self._state.name}>"

    @property
    def state(self) -> State:
        """Where it is."""
        return self._state

    def _note(self, signal: Signal) -> None:
        self._state = after(self._state, signal)

    def close(self) -> None:
        """Close it, whatever it is at. It is at once, sends nothing, and may be done twice."""
        self._note(Signal.CLOSE)
        if self._wire is not None:
            self._wire.close()

    def is_fresh(self) -> bool:
        """Whether a request may be sent on it: it is idle and the server has neither closed it nor sent anything.

        Bytes that come without a request belong to nothing, so whoever sent them is not to be trusted with one.
        """
        return self._state is State.IDLE and self._wire is not None and not self._wire.has_input()

    async def open(self, timeout_s: float | None) -> None:
        """Connect, with TLS if the origin has it.

        Raises:
            httpx2.ConnectTimeout: it took longer than that many seconds.
            httpx2.ConnectError: it failed; the cause is the system's error, or what is wrong with the certificate.
        """
        try:
            if timeout_s is None:
                await self._open()
            else:
                with trio.fail_after(timeout_s):
                    await self._open()
        except trio.TooSlowError as slow:
            self.close()
            raise httpx2.ConnectTimeout(f"no connection to {self.origin.url} within {timeout_s} s") from slow
        except (*_BROKEN, UnicodeError) as broken:
            self.close()
            raise httpx2.ConnectError(_words(broken)) from broken
        except BaseException:
            self.close()
            raise

    async def _open(self) -> None:
        wire = await connect(self.origin.host, self.origin.port)
        self._wire = wire
        if self._state is State.CLOSED:
            wire.close()
            raise trio.ClosedResourceError("the transport was closed while it connected")
        if self.origin.tls_name is not None:
            tls = self._secure(wire, self.origin.tls_name)
            self._wire = tls
            await tls.handshake()
        self._note(Signal.OPENED)

    async def exchange(
        self,
        exchange: Exchange,
        content: "httpx2.SyncByteStream | httpx2.AsyncByteStream",
        write_timeout_s: float | None,
        read_timeout_s: float | None,
    ) -> tuple[Head, bytes, bool]:
        """Send the request and wait for the head of the answer.

        A server may answer, and close, before it has read the whole request, to refuse it. So if sending fails the
        answer is still looked for.

        Returns:
            The head, the bytes that came after it, and whether the connection may be kept after the body's end.

        Raises:
            httpx2.TransportError: there is no answer, or it is none of HTTP/1.1.
        """
        self._note(Signal.REQUEST)
        try:
            sent = await self._send(exchange, content, write_timeout_s)
            self._note(Signal.SENT)
            head, rest = await self._await_head(exchange, read_timeout_s)
            self._note(Signal.HEAD)
        except h11.LocalProtocolError as ours:
            self.close()
            raise httpx2.LocalProtocolError(str(ours)) from ours
        except h11.RemoteProtocolError as theirs:
            self.close()
            raise httpx2.RemoteProtocolError(str(theirs)) from theirs
        except BaseException:
            self.close()
            raise
        return head, rest, sent and head.keep_alive

    async def _send(
        self,
        exchange: Exchange,
        content: "httpx2.SyncByteStream | httpx2.AsyncByteStream",
        timeout_s: float | None,
    ) -> bool:
        unsent = exchange.start()  # the head waits for the first piece of the body, to go out in one packet with it
        if isinstance(content, httpx2.SyncByteStream):
            # Bytes that are there are both kinds of stream, and this is the cheaper way to them.
            for piece in content:
                if len(unsent) >= _TOGETHER:
                    if not await self._write(unsent, timeout_s):
                        return False
                    unsent = b""
                unsent += exchange.more(piece)
            return await self._write(unsent + exchange.end(), timeout_s)
        pieces = aiter(content)
        closing: AbstractAsyncContextManager[object] = nullcontext()
        if isinstance(pieces, AsyncGenerator):
            closing = aclosing(cast("AsyncGenerator[bytes]", pieces))
        async with closing:
            async for piece in pieces:
                if not await self._write(unsent + exchange.more(piece), timeout_s):
                    return False
                unsent = b""
        return await self._write(unsent + exchange.end(), timeout_s)

    async def _write(self, data: bytes, timeout_s: float | None) -> bool:
        wire = self._connected()
        try:
            if timeout_s is None:
                await wire.send_all(data)
            else:
                with trio.fail_after(timeout_s):
                    await wire.send_all(data)
        except trio.TooSlowError as slow:
            raise httpx2.WriteTimeout(f"the server took no bytes for {timeout_s} s") from slow
        except OSError:
            return False
        except trio.ClosedResourceError as closed:
            raise httpx2.WriteError(_words(closed)) from closed
        return True

    async def _await_head(self, exchange: Exchange, timeout_s: float | None) -> tuple[Head, bytes]:
        nothing = True
        while True:
            data = await self.receive(timeout_s)
            if not data and nothing:
                raise httpx2.RemoteProtocolError("Server disconnected without sending a response.")
            nothing = False
            answer = exchange.receive(data)
            if answer is not None:
                return answer

    async def receive(self, timeout_s: float | None) -> bytes:
        """The next bytes of an answer, empty at their end. A checkpoint; if it is cancelled, no byte is lost.

        Raises:
            httpx2.ReadTimeout: none came for that many seconds.
            httpx2.ReadError: the connection broke.
        """
        try:
            return await self._connected().receive(timeout_s)
        except trio.TooSlowError as slow:
            raise httpx2.ReadTimeout(f"the server sent nothing for {timeout_s} s") from slow
        except _BROKEN as broken:
            raise httpx2.ReadError(_words(broken)) from broken

    def answered(self) -> None:
        """The body was read to its end: the next request may follow."""
        self._note(Signal.ANSWERED)

    def _connected(self) -> Wire:
        assert self._wire is not None
        return self._wire


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
