"""The transport: requests of httpx2 in, its responses out."""

import ssl
from typing import Final

import h11
import httpx2
import outcome
import trio
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

from actrio.providers.transport._body import EXTENSION, ResponseBody
from actrio.providers.transport._connection import Connection, Origin
from actrio.providers.transport._framing import Exchange
from actrio.providers.transport._pool import Pool, PoolStatistics
from actrio.providers.transport._state import State
from actrio.providers.transport._tls import TlsWire
from actrio.providers.transport._wire import SocketWire

# As many connections as there are streams, and each kept for the next one: opening one costs a handshake. How long an
# idle one is kept is httpx2's own default.
DEFAULT_LIMITS: Final = httpx2.Limits(max_connections=None, max_keepalive_connections=1000, keepalive_expiry=5.0)

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_WAY_OUT: Final = "give the client httpx2's own: mounts={...: httpx2.AsyncHTTPTransport(...)}"


class Http11Transport(httpx2.AsyncBaseTransport):
    """HTTP/1.1 over Trio, for `httpx2.AsyncClient(transport=...)`.

    What it promises beyond httpx2's own transport:

    - What a request costs does not depend on how many others run.
    - Reading a body gives all the payload of one read of the socket in one piece.
    - Closing a response before its end closes its socket at once; nothing is read any more and nothing waited for, nor
      does TLS say goodbye. A connection is kept for another request only if the body was read to its end, both sides
      allow it and nothing came after the body.
    - Cancelled at any point, a request leaves no connection, place in the pool or socket behind.
    - Waiting for a connection is first come, first served.

    Timeouts are those of the request, on Trio's clock: `pool` for the wait for a connection, `connect` for name, TCP
    and TLS together, `write` for each piece sent and `read` for each wait for bytes. None sets no timer. Errors are
    httpx2's.

    A request is sent once. A kept connection that the server has closed meanwhile is seen and not used; if it closes in
    the moment in which the request is sent, that is an error like another, for nobody can know whether the request was
    worked on. Whoever knows that it may be sent again does that: the SDKs do, for one.

    What it does not do is httpx2's own transport's: HTTP/2, proxies, Unix sockets, upgrades to other protocols, `trace`
    extensions. `open_client` gives a client that has both.

    It belongs to the Trio run it is used in. Close it, or the client it was given to.

    Args:
        verify: As `httpx2.create_ssl_context` takes it: True for the system's certificates, False for no check, or a
            context. The default one is made when the first TLS connection is opened, as that takes 20 ms and more. A
            context that is given has its ALPN protocols set to HTTP/1.1.
        trust_env: Whether `SSL_CERT_FILE` and `SSL_CERT_DIR` say where certificates are.
        limits: Bounds on connections; see `httpx2.Limits`. None is no bound.
    """

    def __init__(
        self,
        *,
        verify: ssl.SSLContext | str | bool = True,
        trust_env: bool = True,
        limits: httpx2.Limits = DEFAULT_LIMITS,
    ) -> None:
        self._verify = verify
        self._trust_env = trust_env
        self._context: ssl.SSLContext | None = None
        self._closed = False
        self._pool: Pool[Origin, Connection, Task] = Pool(
            lambda origin: Connection(origin, self._secure),
            limits.max_connections,
            limits.max_keepalive_connections,
            limits.keepalive_expiry,
        )

    def __repr__(self) -> str:
        now = self.statistics()
        closed = "closed, " if self._closed else ""
        return f"<Http11Transport: {closed}{now.open} open, {now.idle} idle, {now.waiting} waiting>"

    def statistics(self) -> PoolStatistics:
        """How its pool of connections stands."""
        return self._pool.statistics()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and wait for the head of its answer; called by httpx2.

        Raises:
            httpx2.TransportError: the subclass says what went wrong.
            RuntimeError: the transport was closed.
        """
        if self._closed:
            raise RuntimeError("this transport was closed: open another one")
        origin = _origin_of(request)
        exchange = _exchange_of(request)
        timeouts = request.extensions.get("timeout", {})
        read_timeout_s = timeouts.get("read")
        connection = await self._take(origin, timeouts.get("pool"))
        try:
            if connection.state is State.NEW:
                await connection.open(timeouts.get("connect"))
            head, first, keep = await connection.exchange(
                exchange, request.stream, timeouts.get("write"), read_timeout_s
            )
        except BaseException:
            self._release(connection, keep=False)
            raise
        body = ResponseBody(connection, head.decoder, first, self._release, keep=keep, timeout_s=read_timeout_s)
        return httpx2.Response(
            head.status,
            headers=head.headers,
            stream=body,
            extensions={"http_version": head.version, "reason_phrase": head.reason, EXTENSION: body},
        )

    async def aclose(self) -> None:
        """Close all connections. Requests that wait or run fail; a response being read raises `httpx2.ReadError`.

        Never waits, and is no checkpoint. It may be called again.
        """
        self._closed = True
        for task in self._pool.close():
            reschedule(task)

    async def _take(self, origin: Origin, timeout_s: float | None) -> Connection:
        connection = self._pool.take(origin, trio.current_time())
        if connection is not None:
            return connection
        if timeout_s is None:
            connection = await self._wait(origin)
        else:
            with trio.move_on_after(timeout_s):
                connection = await self._wait(origin)
        if connection is not None:
            return connection
        if self._closed:
            raise httpx2.ConnectError("the transport was closed while this request waited for a connection")
        raise httpx2.PoolTimeout(
            f"no connection was free within {timeout_s} s; {self.statistics().open} are open: raise max_connections"
        )

    async def _wait(self, origin: Origin) -> Connection | None:
        # None if the transport was closed. Either it is given a connection or it is cancelled, never both.
        task = current_task()

        def abort(_: object) -> Abort:
            self._pool.leave(task)
            return Abort.SUCCEEDED

        self._pool.wait(task, origin)
        connection: Connection | None = await wait_task_rescheduled(abort)
        return connection

    def _release(self, connection: Connection, keep: bool) -> None:
        if not self._pool.has(connection):
            return  # `aclose` has closed it
        if keep:
            connection.answered()
            granted = self._pool.give_back(connection, trio.current_time())
        else:
            granted = self._pool.discard(connection)
        if granted is not None:
            task, given = granted
            reschedule(task, outcome.Value(given))

    def _secure(self, wire: SocketWire, server_hostname: str) -> TlsWire:
        if self._context is None:
            self._context = httpx2.create_ssl_context(self._verify, trust_env=self._trust_env)
        # Each time: a context that is shared may have been set to something else by another of its users.
        self._context.set_alpn_protocols(["http/1.1"])
        return TlsWire(wire, self._context, server_hostname)


def _origin_of(request: httpx2.Request) -> Origin:
    url = request.url
    port = _DEFAULT_PORTS.get(url.scheme)
    if port is None:
        raise httpx2.UnsupportedProtocol(f"{url.scheme or 'no scheme'}:// is neither http:// nor https://: {_WAY_OUT}")
    host = url.raw_host.decode("ascii")
    if not host:
        raise httpx2.UnsupportedProtocol(f"{url} names no host")
    tls_name = (request.extensions.get("sni_hostname") or host) if url.scheme == "https" else None
    return Origin(host, url.port or port, tls_name)


def _exchange_of(request: httpx2.Request) -> Exchange:
    headers = request.headers.raw
    if request.method == "CONNECT" or any(len(name) == 7 and name.lower() == b"upgrade" for name, _ in headers):
        raise httpx2.UnsupportedProtocol(f"this transport does not switch to another protocol: {_WAY_OUT}")
    target = request.extensions.get("target", request.url.raw_path)
    try:
        return Exchange(request.method.encode("ascii"), target, headers)
    except (h11.LocalProtocolError, UnicodeEncodeError) as ours:
        raise httpx2.LocalProtocolError(str(ours)) from ours
