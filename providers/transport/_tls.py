"""TLS over a wire.

It reads all that one read of the socket decrypts to, where `trio.SSLStream` gives one record, so that a server that
sends each token in a record of its own costs one turn of the loop a read and not one a token. It may be that short
because one task at a time uses it, for a request and then its answer.
"""

import ssl
from contextlib import suppress
from typing import Final

import trio

from actrio.providers.transport._wire import READ_SIZE, SocketWire

# The most bytes encrypted at once: what a big upload needs of memory beside itself.
_SLICE: Final = 256 * 1024


class TlsWire:
    """A :class:`Wire` over a wire.

    Closing it says no goodbye, as is usual with HTTP: whether an answer is complete, its framing says. So an end
    without the peer's goodbye is an end like any other.
    """

    __slots__ = ("_eof", "_failure", "_incoming", "_outgoing", "_tls", "_wire")

    def __init__(self, wire: SocketWire, context: ssl.SSLContext, server_hostname: str) -> None:
        self._wire = wire
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        self._eof = False
        self._failure: ssl.SSLError | None = None  # raised once all that was decrypted before it is given out

    async def handshake(self) -> None:
        """Agree on keys, and check the certificate and that it is for the host. If this is cancelled, only close it.

        Raises:
            OSError: the connection broke, or a check failed: `ssl.SSLError`, or its `ssl.SSLCertVerificationError`.
        """
        agreed = False
        while not agreed:
            with suppress(ssl.SSLWantReadError):
                self._tls.do_handshake()
                agreed = True
            await self._wire.send_all(self._outgoing.read())
            if not agreed:
                await self._receive_encrypted(None)

    async def receive(self, timeout_s: float | None) -> bytes:
        """See :meth:`Wire.receive`."""
        while not self._eof:
            if self._failure is not None:
                raise self._failure
            if self._outgoing.pending:
                # The peer asked for something, such as new keys. Sent before the wait and not after it, so that no
                # decrypted byte is lost if this is cancelled.
                await self._wire.send_all(self._outgoing.read())
            await self._receive_encrypted(timeout_s)
            data = self._decrypt()
            if data:
                return data
        await trio.lowlevel.checkpoint()
        return b""

    def _decrypt(self) -> bytes:
        pieces: list[bytes] = []
        try:
            while piece := self._tls.read(READ_SIZE):
                pieces.append(piece)
            self._eof = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLEOFError:
            self._eof = True
        except ssl.SSLError as failure:
            self._failure = failure
        return b"".join(pieces)

    async def _receive_encrypted(self, timeout_s: float | None) -> None:
        data = await self._wire.receive(timeout_s)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def send_all(self, data: bytes) -> None:
        """See :meth:`Wire.send_all`."""
        with memoryview(data) as whole:
            for start in range(0, len(whole), _SLICE):
                self._tls.write(whole[start : start + _SLICE])
                await self._wire.send_all(self._outgoing.read())

    def close(self) -> None:
        """See :meth:`Wire.close`."""
        self._wire.close()

    def has_input(self) -> bool:
        """See :meth:`Wire.has_input`."""
        return self._eof or self._failure is not None or self._incoming.pending > 0 or self._wire.has_input()
