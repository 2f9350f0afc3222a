"""Getting a connection to a gateway, within a time, and with no socket left if there is none."""

import re
from functools import partial
from ssl import SSLContext, create_default_context
from typing import Any, cast
from urllib.parse import urlsplit

import trio
from attrs import field, frozen
from trio_websocket import ConnectionRejected, wrap_client_stream

from actrio.gateway._answers import Error, Status
from actrio.gateway._codec import MAX_ANSWER, decode_server, encode
from actrio.gateway._errors import ConnectFailed, NotAuthorized
from actrio.gateway._frames import VERSION, Hello, ProtocolError
from actrio.gateway._socket import QUEUE, Socket, SocketClosed, SocketReader


@frozen
class Address:
    """Where a gateway is, and how to get there. Raises: ValueError: the URL is no ws:// or wss:// one."""

    url: str
    token: str | None = field(default=None, repr=False)
    ssl_context: SSLContext | None = field(default=None, repr=False)
    max_frame_bytes: int = MAX_ANSWER

    def __attrs_post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"ws", "wss"} or not parts.hostname:
            raise ValueError(f"a gateway's address is ws://host:port or wss://host:port, not {self.url!r}")
        if self.token is not None and not re.fullmatch(r"[!-~]([ -~]*[!-~])?", self.token):
            raise ValueError("a token is printable ASCII text, and not empty")

    async def open_stream(self) -> trio.abc.Stream:
        """A TCP connection, with TLS where the URL says so. Raises: OSError, and nothing is left of it."""
        parts = urlsplit(self.url)
        host, tls = parts.hostname or "", parts.scheme == "wss"
        stream = await trio.open_tcp_stream(host, parts.port or (443 if tls else 80))
        if not tls:
            return stream
        context = self.ssl_context or create_default_context()
        secure = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
        done = False
        try:
            await secure.do_handshake()
            done = True
        except trio.BrokenResourceError as error:
            raise OSError(f"TLS failed: {error.__cause__ or error}") from None
        finally:
            if not done:
                await trio.aclose_forcefully(secure)
        return secure

    async def shake_hands(self, nursery: trio.Nursery, stream: trio.abc.Stream, session: str) -> tuple[Socket, Status]:
        """A socket, and what the gateway says of itself once it knows the client. Raises: ConnectFailed."""
        parts = urlsplit(self.url)
        headers = [] if self.token is None else [(b"Authorization", b"Bearer " + self.token.encode())]
        wrap: Any = partial(
            wrap_client_stream,
            stream=cast("trio.SocketStream", stream),  # or TLS over one
            host=parts.netloc.rpartition("@")[2],
            resource=parts.path or "/ws",
            extra_headers=headers,
            message_queue_size=QUEUE,
            max_message_size=self.max_frame_bytes,
        )
        socket: Socket | None = None
        known = False
        try:
            socket = await SocketReader(nursery).shake_hands(wrap, stream)
            status = await self._introduce(socket, session)
        except ConnectionRejected as error:
            if error.status_code == 401:
                raise NotAuthorized(self.url, "it does not take the token") from None
            raise ConnectFailed(self.url, f"it answered {error.status_code}") from None
        except (SocketClosed, ProtocolError) as error:
            raise ConnectFailed(self.url, f"it is no gateway, or closed at once: {error}") from None
        else:
            known = True
            return socket, status
        finally:
            if socket is not None and not known:
                await socket.abort()  # noqa: ASYNC102 - it waits for nothing

    async def _introduce(self, socket: Socket, session: str) -> Status:
        status = await self._status(socket)
        if session or not status.authenticated:
            await socket.send(encode(Hello(VERSION, self.token or "", session)))
            status = await self._status(socket)
        return status

    async def _status(self, socket: Socket) -> Status:
        while True:
            frame = decode_server(await socket.receive(), max_bytes=self.max_frame_bytes)
            if isinstance(frame, Status):
                if frame.version != VERSION:
                    raise ConnectFailed(self.url, f"it speaks version {frame.version}, and this client {VERSION}")
                return frame
            if isinstance(frame, Error):
                kind = NotAuthorized if frame.code == "unauthorized" else ConnectFailed
                raise kind(self.url, frame.message)
