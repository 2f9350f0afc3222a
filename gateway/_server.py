"""The server: listens, lets in, drains."""

import logging
from collections.abc import Callable, Collection
from ssl import SSLContext
from typing import Any, Final

import trio
from trio_websocket import wrap_server_stream

from actrio.actors import Runtime, Topic
from actrio.gateway._access import Authenticate, Gate, Identity, bearer
from actrio.gateway._connection import Connection
from actrio.gateway._house import House
from actrio.gateway._http import Head, Replayed, answer, page, read_head
from actrio.gateway._limits import GatewayLimits
from actrio.gateway._socket import QUEUE, Socket, SocketClosed, SocketReader
from actrio.mailbox import Codec

_log = logging.getLogger("actrio.gateway")

DRAIN_S: Final = 5.0
CLOSING_S: Final = 5.0  # seconds that closing may take, beside draining
_PATHS: Final = frozenset({"/", "/ws"})


class Gateway:
    """A gateway that listens. Given by ``await nursery.start(serve, runtime)``.

    Attributes:
        host, port: Where.
        url: The same for a client, ``ws://127.0.0.1:8000``.
    """

    def __init__(self, house: House, host: str, port: int, *, tls: bool) -> None:
        self.host: str = host
        self.port: int = port
        name = f"[{host}]" if ":" in host else host
        self.url: str = f"{'wss' if tls else 'ws'}://{name}:{port}"
        self.stopping: trio.Event = trio.Event()
        self._house = house
        self._handshakes = 0
        self._streams = 0

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._house.connections)

    def stop(self) -> None:
        """Have it drain, and ``serve`` return. Not a checkpoint; harmless twice."""
        self.stopping.set()

    def __repr__(self) -> str:
        return f"<Gateway {self.url}, {self.connections} connections>"

    async def drain(self, grace_s: float) -> None:
        """See :func:`serve`."""
        await self._house.drain("the server is closing", grace_s)

    async def take(self, stream: trio.abc.Stream) -> None:
        """Serve one TCP connection to its end; raises nothing, whatever happens in it."""
        limits = self._house.limits
        try:
            if self._streams >= limits.max_connections or self._handshakes >= limits.max_handshakes:
                with trio.move_on_after(1):
                    await stream.send_all(answer(503))
                return
            self._streams += 1
            try:
                await self._shake_hands(stream)
            finally:
                self._streams -= 1
        except (trio.BrokenResourceError, trio.ClosedResourceError, SocketClosed):
            pass
        except Exception:  # noqa: BLE001 - logged; it ends this connection, and no other
            _log.exception("a connection of the gateway failed")
        finally:
            await trio.aclose_forcefully(stream)

    async def _shake_hands(self, stream: trio.abc.Stream) -> None:
        self._handshakes += 1
        waiting = True

        def let_in() -> None:
            nonlocal waiting
            if waiting:
                self._handshakes -= 1
                waiting = False

        try:
            with trio.fail_after(self._house.limits.handshake_s):
                head, data = await read_head(stream)
                refusal, identity = await self._judge(head)
                if refusal is not None:
                    await stream.send_all(refusal)
                    return
            async with trio.open_nursery() as nursery:
                with trio.fail_after(self._house.limits.handshake_s):
                    socket = await self._upgrade(nursery, Replayed(stream, data))
                await self._serve(nursery, socket, identity, let_in)
                nursery.cancel_scope.cancel()
        except* trio.TooSlowError:
            pass  # it took too long to say what it wants
        except* SocketClosed:
            pass
        finally:
            let_in()

    async def _judge(self, head: Head | None) -> tuple[bytes | None, Identity | None]:
        """An answer that ends the connection, or None and who the client is, if that is known yet."""
        gate = self._house.gate
        if head is None:
            return answer(400), None
        if not head.wants_websocket:
            return page(head), None
        if head.path not in _PATHS:
            return answer(404), None
        if not gate.allows_origin(head.headers.get("origin"), head.headers.get("host", "")):
            return answer(403), None
        token = bearer(head.headers.get("authorization"))
        if gate.open or token is not None:
            identity = await gate.identify(token or "")
            return (answer(401), None) if identity is None else (None, identity)
        return None, None

    async def _upgrade(self, nursery: trio.Nursery, stream: trio.abc.Stream) -> Socket:
        limits = self._house.limits

        async def wrap(reader: SocketReader) -> Any:
            starter: Any = reader
            request = await wrap_server_stream(
                starter, stream, message_queue_size=QUEUE, max_message_size=limits.max_frame_bytes
            )
            return await request.accept()

        return await SocketReader(nursery).shake_hands(wrap, stream)

    async def _serve(
        self, nursery: trio.Nursery, socket: Socket, identity: Identity | None, let_in: Callable[[], None]
    ) -> None:
        connection = Connection(self._house, socket, nursery)
        self._house.connections.add(connection)
        try:
            await connection.run(identity, let_in)
        finally:
            self._house.connections.discard(connection)
            await socket.abort()  # noqa: ASYNC102 - it waits for nothing


async def serve(  # noqa: PLR0913 - settings, by name only
    runtime: Runtime,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    authenticate: Authenticate | None = None,
    origins: Collection[str] = (),
    expose: Collection[str] | None = None,
    topics: Collection[Topic[Any]] = (),
    codec: Codec | None = None,
    limits: GatewayLimits | None = None,
    ssl_context: SSLContext | None = None,
    drain_s: float = DRAIN_S,
    task_status: trio.TaskStatus[Gateway] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Let clients talk to a runtime's agents: ``gateway = await nursery.start(serve, runtime)``.

    Runs until it is cancelled or ``gateway.stop()`` is called. Then it takes nothing new, says ``graceful_disconnect``,
    gives what is under way ``drain_s`` seconds, and closes every connection with code 1001; also when cancelled, so
    that takes at most ``drain_s`` and a few seconds more. Whatever fails in a connection or a request ends only that.

    Args:
        runtime: Whose agents. Their turns go on under it; those that end with their connection are cancelled.
        host: Where to listen.
        port: 0: a free one, which ``gateway.port`` tells.
        authenticate: A token that clients must give, or a function of a token that gives the :class:`Identity` or
            None. None: anybody may, which is only allowed on loopback.
        origins: Pages that may connect, ``https://app.example``, beside the gateway's own page on loopback.
        expose: The names of the agents, and of other actors, that clients may use. None: all agents, no other actors.
        topics: The topics that clients may follow.
        codec: The message types that clients may ask with, tell and follow. None: none.
        limits: See :class:`GatewayLimits`.
        ssl_context: For TLS.
        drain_s: See above.
        task_status: Trio's, which ``nursery.start`` gives.

    Raises:
        InvalidGateway: another address than loopback without authentication, or a token that is too short.
        OSError: the address cannot be listened on.
    """
    gate = Gate(host, authenticate, origins)
    bounds = GatewayLimits() if limits is None else limits
    if codec is not None:
        codec.check()
    house = House(runtime, gate, bounds, expose=expose, topics=topics, codec=codec)
    listeners = await trio.open_tcp_listeners(port, host=host)
    listening: list[trio.abc.Listener[Any]] = list(listeners)
    if ssl_context is not None:
        listening = [trio.SSLListener(one, ssl_context) for one in listeners]
    at = listeners[0].socket.getsockname()
    gateway = Gateway(house, at[0], at[1], tls=ssl_context is not None)
    async with trio.open_nursery() as nursery:
        shelter = trio.CancelScope(shield=True)  # what is under way outlives a cancellation, until it is drained
        try:
            await nursery.start(_live, shelter, house, gateway, listening)
            task_status.started(gateway)
            await gateway.stopping.wait()
        finally:
            with trio.move_on_after(drain_s + CLOSING_S, shield=True):
                for one in listening:
                    await one.aclose()
                await gateway.drain(drain_s)
            shelter.cancel()


async def _live(  # noqa: ASYNC114 - started where it is
    shelter: trio.CancelScope,
    house: House,
    gateway: Gateway,
    listening: list[trio.abc.Listener[Any]],
    *,
    task_status: trio.TaskStatus[None],
) -> None:
    """All that a gateway does, until its shelter is cancelled."""
    with shelter:
        async with trio.open_nursery() as nursery:
            await nursery.start(house.live)
            await nursery.start(_accept, listening, gateway)
            task_status.started()


async def _accept(  # noqa: ASYNC114 - started where it is
    listening: list[trio.abc.Listener[Any]], gateway: Gateway, *, task_status: trio.TaskStatus[None]
) -> None:
    async with trio.open_nursery() as nursery:
        task_status.started()
        try:
            await trio.serve_listeners(gateway.take, listening, handler_nursery=nursery)
        except* trio.ClosedResourceError:
            await trio.sleep_forever()  # closed to drain; what is connected stays until it is cancelled
