"""A connected socket, and how to get one.

What a read costs is most of what a streamed token costs, so the socket is read without the layers of
`trio.SocketStream`, which take 3 to 5 of 15 µs a read. What waits is Trio's `wait_readable`.
"""

import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import Final, Protocol

import trio
from trio.lowlevel import (
    cancel_shielded_checkpoint,
    checkpoint_if_cancelled,
    notify_closing,
    wait_readable,
    wait_writable,
)

# The most bytes of one read: a burst of a fast server comes in one piece, and an idle connection holds no buffer.
READ_SIZE: Final = 64 * 1024


class Wire(Protocol):
    """A connected byte stream that one task at a time uses."""

    async def receive(self, timeout_s: float | None) -> bytes:
        """The next bytes, as many as are there; empty when the peer sends no more. A checkpoint.

        If this is cancelled or out of time, no byte is lost.

        Raises:
            trio.TooSlowError: none came in that many seconds.
            OSError: the connection broke.
            trio.ClosedResourceError: it was closed here.
        """
        ...

    async def send_all(self, data: bytes) -> None:
        """Send all of it. A checkpoint if it is cancelled or has to wait; if so, how much was sent is not known.

        Raises:
            OSError: the connection broke.
            trio.ClosedResourceError: it was closed here.
        """
        ...

    def close(self) -> None:
        """Close it at once: nothing is sent any more and nothing waited for. Closing it again does nothing."""
        ...

    def has_input(self) -> bool:
        """Whether a read would give something: bytes, an error, or that the peer has closed."""
        ...


class SocketWire:
    """A :class:`Wire` over a TCP socket, which it owns from here on."""

    __slots__ = ("_socket",)

    def __init__(self, connected: trio.socket.SocketType) -> None:
        family, kind, protocol = connected.family, connected.type, connected.proto
        self._socket = socket.socket(family, kind, protocol, fileno=connected.detach())
        self._socket.setblocking(False)
        with suppress(OSError):
            # A request goes out at once, without waiting for the acknowledgement of what was sent before it.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    async def receive(self, timeout_s: float | None) -> bytes:
        """See :meth:`Wire.receive`."""
        if timeout_s is not None:
            return await self._receive_within(timeout_s)
        # To wait first and then read is a tenth cheaper than to try first, for bytes that come one by one.
        while True:
            await wait_readable(self._socket)
            try:
                return self._socket.recv(READ_SIZE)
            except BlockingIOError:
                # It was said to be readable and is not: that happens, and the wait goes on.
                continue

    async def _receive_within(self, timeout_s: float) -> bytes:
        # To try first saves the timer, which costs half as much as the wait.
        await checkpoint_if_cancelled()
        try:
            data = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            with trio.fail_after(timeout_s):
                return await self.receive(None)
        await cancel_shielded_checkpoint()
        return data

    async def send_all(self, data: bytes) -> None:
        """See :meth:`Wire.send_all`."""
        await checkpoint_if_cancelled()
        with memoryview(data) as unsent:
            sent = 0
            while sent < len(data):
                try:
                    sent += self._socket.send(unsent[sent:])
                except BlockingIOError:
                    await wait_writable(self._socket)

    def close(self) -> None:
        """See :meth:`Wire.close`."""
        if self._socket.fileno() >= 0:
            notify_closing(self._socket)
            self._socket.close()

    def has_input(self) -> bool:
        """See :meth:`Wire.has_input`."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True


async def connect(host: str, port: int) -> SocketWire:
    """Connect to the first address of the host that answers. If this is cancelled, no socket is left.

    Raises:
        OSError: none does, or the name is not known.
        UnicodeError: the name is none that can be looked up.
    """
    if not _is_address(host):
        return SocketWire((await trio.open_tcp_stream(host, port)).socket)
    # One address needs no race of several, which is most of the cost of opening a connection.
    connecting = trio.socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        await connecting.connect((host, port))
        return SocketWire(connecting)
    except BaseException:
        connecting.close()
        raise


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
