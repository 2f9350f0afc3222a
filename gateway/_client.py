"""The client: many requests over one connection, which is had again when it is lost."""

import secrets
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from random import random
from ssl import SSLContext
from typing import Any, Final, TypeVar, cast, overload

import trio
from attrs import frozen

from actrio.agents import Turn
from actrio.gateway._agent import RemoteAgent
from actrio.gateway._dial import Address
from actrio.gateway._errors import ConnectFailed, ConnectionLost, NotAuthorized
from actrio.gateway._frames import (
    MAX_DEPTH,
    AgentInfo,
    Ask,
    Cancel,
    ClientFrame,
    Error,
    Event,
    Gap,
    GracefulDisconnect,
    Lagging,
    Notice,
    OnDisconnect,
    ProtocolError,
    Published,
    Resume,
    ServerFrame,
    Status,
    Subscribe,
    Tell,
    Unfamiliar,
    Unsubscribe,
    UserMessage,
    decode_server,
    encode,
)
from actrio.gateway._remote import OutOfOrder, Pending, RemoteLog, Waiting
from actrio.gateway._socket import Socket, SocketClosed
from actrio.mailbox import Broadcast, Codec, Lagged, Request, Subscription

R = TypeVar("R")

CONNECT_S: Final = 10.0
RETRY_S: Final = 30.0
HEARTBEAT_S: Final = 20.0
FIRST_DELAY_S, LAST_DELAY_S = 0.05, 5.0
MAX_UNSENT: Final = 256  # requests that wait to be sent; then whoever asks waits
KEPT_NOTICES: Final = 100
TOPIC_BACKLOG: Final = 1_000
FOR_GOOD: Final = frozenset({1008, 4000})  # closed with one of these, coming back is not wanted


@frozen
class ClientNotice:
    """Something to know about the connection: what the gateway says, and what happens to it.

    Attributes:
        code: For programs: ``lost``, ``reconnected``, ``closing``, ``error``, or what the gateway calls it.
        message: For people.
        request_id: The request that it is about, if it is about one.
    """

    code: str
    message: str
    request_id: str = ""


class Client:
    """A gateway's agents, from elsewhere. Opened by :func:`connect`; used from its Trio run.

    Attributes:
        notices: What the gateway says beside replies, errors of requests, lost connections: a broadcast of
            :class:`ClientNotice`, ``with client.notices.subscribe("lag") as notices``.
    """

    def __init__(
        self, address: Address, codec: Codec | None, *, connect_s: float, retry_s: float, beat_s: float
    ) -> None:
        self.notices: Broadcast[ClientNotice] = Broadcast("notices of a gateway", keep=KEPT_NOTICES)
        self.codec: Codec | None = codec
        self._address = address
        self._connect_s = connect_s
        self._retry_s = retry_s
        self._beat_s = beat_s
        self._status: Status | None = None
        self._open: dict[str, Pending] = {}  # {request id: without an end yet}
        self._unsent: deque[ClientFrame] = deque()  # sent in order, each until that was done once
        self._news: dict[str, Broadcast[Any]] = {}
        self._changed = trio.Event()  # set when `_unsent` grew
        self._room = trio.Event()  # set when it shrank
        self._lost: ConnectFailed | ConnectionLost | None = None
        self._prefix = secrets.token_hex(4)
        self._number = 0

    @property
    def agents(self) -> tuple[AgentInfo, ...]:
        """The agents that may be asked, as the gateway told when the client connected."""
        return () if self._status is None else self._status.agents

    def agent(self, name: str) -> RemoteAgent:
        """An agent, to ask, run, batch or use as a tool. Nothing is sent: a wrong name shows when it is asked."""
        return RemoteAgent(self, name)

    @asynccontextmanager
    async def run(
        self,
        agent: str,
        text: str,
        *,
        conversation: str | None = None,
        on_disconnect: OnDisconnect = "cancel",
    ) -> AsyncGenerator[Turn[Any]]:
        """Have an agent answer, and read while it does: ``async with client.run("writer", "Hello.") as turn``.

        The turn is read as one in process. Leaving the block before it is over has the gateway cancel it, and waits for
        nothing; with ``on_disconnect="continue"`` it goes on, and can still be read. If the connection is lost the turn
        goes on when it is back, with no event lost or repeated. Should it not come back in time, or the gateway have
        forgotten, every reader gets :class:`ConnectionLost`.

        Args:
            agent: The agent's name.
            text: What to ask it.
            conversation: The key of the conversation to go on with.
            on_disconnect: What the gateway does with the turn when the client does not come back.

        Raises:
            ConnectionLost: on entering, the connection is lost for good. Nothing was sent.
        """
        log = RemoteLog(UserMessage(self._new_id(), agent, text, conversation, on_disconnect), self._post)
        await self._begin(log)
        try:
            yield Turn[Any](log)
        finally:
            if on_disconnect == "cancel":
                log.abandon("its block was left")
                self._open.pop(log.frame.request_id, None)

    @overload
    async def ask(self, actor: str, message: Request[R]) -> R: ...
    @overload
    async def ask(self, actor: str, message: object, reply_type: type[R]) -> R: ...
    async def ask(self, actor: str, message: object, reply_type: Any = None) -> Any:
        """Ask an actor with a message that both sides have registered with their codecs.

        Cancelling this has the gateway cancel the work, and waits for nothing.

        Args:
            actor: Its name.
            message: The message.
            reply_type: What the reply is read as; a registered message unless given.

        Raises:
            RemoteError: the actor, or the gateway, failed.
            ConnectionLost: as :meth:`run`; also while this waits.
            CodecError, MessageTypeError: the codec cannot carry the message, or read the reply.
        """
        codec = self._codec()
        data: Any = await self._exchange(Ask(self._new_id(), actor, codec.unstructure(message)))
        if reply_type is None and not (type(data) is dict and codec.tag_key in data):
            return cast("Any", data)
        return codec.structure(cast("Any", data), reply_type)

    async def tell(self, actor: str, message: object) -> None:
        """Put a message into an actor's mailbox; returning means that it is in. Raises: as :meth:`ask`."""
        await self._exchange(Tell(self._new_id(), actor, self._codec().unstructure(message)))

    @asynccontextmanager
    async def follow(self, topic: str) -> AsyncGenerator[Subscription[Any]]:
        """The messages of a topic from now on: ``async with client.follow("news") as news: async for message in news``.

        Who is more than 1,000 messages behind gets :class:`Lagged` in place of what was dropped. After the connection
        was lost it is followed again; of what came meanwhile a notice tells. Raises: ConnectionLost: when it is read.
        """
        news = self._news.get(topic)
        if news is None:
            news = self._news[topic] = Broadcast(f"topic {topic}", keep=TOPIC_BACKLOG)
            if self._lost is None:
                self._post(Subscribe(topic))
            else:
                news.fail(self._lost)
        with news.subscribe("lag", from_="now") as subscription:
            try:
                yield subscription
            finally:
                subscription.close()
                if not news.statistics().subscribers and self._news.get(topic) is news:
                    del self._news[topic]
                    self._post(Unsubscribe(topic))

    def _codec(self) -> Codec:
        if self.codec is None:
            raise TypeError("messages need a codec that knows their types: connect(url, codec=codec)")
        return self.codec

    def _new_id(self) -> str:
        self._number += 1
        return f"{self._prefix}-{self._number}"

    # Sending

    async def _begin(self, pending: Pending) -> None:
        while len(self._unsent) >= MAX_UNSENT and self._lost is None:
            self._room = trio.Event()
            await self._room.wait()
        await trio.lowlevel.checkpoint()
        if self._lost is not None:
            raise self._lost
        self._open[pending.frame.request_id] = pending
        self._post(pending.frame)

    def _post(self, frame: ClientFrame) -> None:
        if self._lost is None:
            self._unsent.append(frame)
            self._changed.set()

    async def _exchange(self, frame: Ask | Tell) -> Any:
        waiting = Waiting(frame)
        await self._begin(waiting)
        try:
            await waiting.over.wait()
        finally:
            if not waiting.ended:
                self._post(Cancel(frame.request_id))
            self._open.pop(frame.request_id, None)
        if waiting.error is not None:
            raise waiting.error
        return waiting.data

    async def _write(self, socket: Socket) -> None:
        while True:
            while self._unsent:
                frame = self._unsent[0]
                if isinstance(frame, UserMessage | Ask | Tell) and frame.request_id in self._open:
                    self._open[frame.request_id].sent = True  # from now on it may have arrived
                await socket.send(encode(frame))
                if self._unsent and self._unsent[0] is frame:  # unless all was given up meanwhile
                    self._unsent.popleft()
                self._room.set()
            self._changed = trio.Event()
            await self._changed.wait()

    # Receiving

    async def _read(self, socket: Socket) -> None:
        while True:
            message = await socket.receive()
            self._take(decode_server(message, max_bytes=self._address.max_frame_bytes, max_depth=2 * MAX_DEPTH))

    def _take(self, frame: ServerFrame | Unfamiliar) -> None:
        if isinstance(frame, Event | Gap) or (isinstance(frame, Error | Unfamiliar) and frame.request_id):
            self._take_for_request(frame)
        elif isinstance(frame, Published):
            self._publish(frame.topic, frame.message)
        elif isinstance(frame, Lagging):
            self._publish(frame.topic, Lagged(frame.missed))
        elif isinstance(frame, Notice):
            self._note(frame.code, frame.message, frame.request_id)
        elif isinstance(frame, Error):
            self._note("error", f"{frame.code}: {frame.message}")
        elif isinstance(frame, GracefulDisconnect):
            self._note("closing", f"{frame.reason}, in {frame.grace_s:g} s")

    def _take_for_request(self, frame: Event | Error | Gap | Unfamiliar) -> None:
        pending = self._open.get(frame.request_id)
        if pending is None:
            return  # abandoned
        if isinstance(frame, Error) and frame.code == "unknown_request":
            self._unknown(pending)
            return
        pending.take(frame)
        if pending.ended:
            del self._open[frame.request_id]
            if isinstance(frame, Error):
                self._note("error", f"{frame.code}: {frame.message}", frame.request_id)

    def _unknown(self, pending: Pending) -> None:
        if pending.last < 0:
            # The session is the same, and the gateway has never had it: it was lost on the way.
            pending.sent = False
            self._post(pending.frame)
        else:
            del self._open[pending.frame.request_id]
            pending.lose(ConnectionLost(self._address.url, "the gateway has forgotten the request"))

    def _publish(self, topic: str, message: Any) -> None:
        news = self._news.get(topic)
        if news is not None:
            if self.codec is not None and not isinstance(message, Lagged):
                message = self.codec.structure(message, forward_compatible=True)
            news.send_nowait(message)

    def _note(self, code: str, message: str, request_id: str = "") -> None:
        self.notices.send_nowait(ClientNotice(code, message, request_id))

    # Connections

    async def live(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:  # noqa: ASYNC114, ASYNC128
        """Hold a connection, one after the other. Started when there is the first; raises if there is none."""
        started = False
        deadline, attempt = trio.current_time() + self._retry_s, 0
        while True:
            try:
                reason = await self._one_connection(None if started else task_status.started)
                started = True
                deadline, attempt = trio.current_time() + self._retry_s, 0
                self._note("lost", str(reason))
                if reason.code in FOR_GOOD:
                    self._give_up(ConnectionLost(self._address.url, reason.reason))
                    return
            except ConnectFailed as error:
                if not started:
                    raise
                if isinstance(error, NotAuthorized) or trio.current_time() >= deadline:
                    self._give_up(ConnectionLost(self._address.url, error.reason))
                    return
            delay = min(LAST_DELAY_S, FIRST_DELAY_S * 2**attempt) * (0.5 + random() / 2)  # noqa: S311 - not a secret
            attempt = min(attempt + 1, 16)
            await trio.sleep(min(delay, max(0.0, deadline - trio.current_time())))

    async def _one_connection(self, started: Callable[[], None] | None) -> SocketClosed:
        """Connect, and serve the connection until it is lost; why it was. Raises: ConnectFailed."""
        found: list[SocketClosed] = []
        stream: trio.abc.Stream | None = None
        limit = trio.CancelScope(deadline=trio.current_time() + self._connect_s)
        try:
            with limit:
                stream = await self._address.open_stream()
            if stream is None:
                raise self._too_slow()
            async with trio.open_nursery() as nursery:
                socket = await self._greet(nursery, stream, limit)
                if started is not None:
                    started()
                try:
                    found.append(await self._converse(socket))
                finally:
                    await socket.close(1000)  # noqa: ASYNC102 - shields itself, and is bounded
                nursery.cancel_scope.cancel()
        except* ConnectFailed as group:
            raise _first(group) from None
        except* OSError as group:
            raise ConnectFailed(self._address.url, str(_first(group))) from None
        finally:
            if stream is not None:
                await trio.aclose_forcefully(stream)
        return found[0]

    async def _greet(self, nursery: trio.Nursery, stream: trio.abc.Stream, limit: trio.CancelScope) -> Socket:
        known = self._status
        with trio.CancelScope(deadline=limit.deadline):
            socket, self._status = await self._address.shake_hands(
                nursery, stream, "" if known is None else known.session
            )
            self._take_up(known)
            return socket
        raise self._too_slow()

    def _too_slow(self) -> ConnectFailed:
        return ConnectFailed(self._address.url, f"no answer within {self._connect_s:g} s")

    def _take_up(self, known: Status | None) -> None:
        """Go on with what is open, after a connection was lost."""
        if known is None or self._status is None:
            return
        again: list[ClientFrame] = [Subscribe(topic) for topic in self._news]
        waiting = {frame.request_id for frame in self._unsent if isinstance(frame, UserMessage | Ask | Tell)}
        same = self._status.session == known.session
        for request_id, pending in tuple(self._open.items()):
            if not pending.sent:
                continue
            if same and request_id not in waiting:
                again.append(Resume(request_id, pending.last))
            elif not same:
                del self._open[request_id]
                pending.lose(ConnectionLost(self._address.url, "the gateway does not remember this client"))
        if not same:
            open_ids = self._open.keys()
            self._unsent = deque(frame for frame in self._unsent if getattr(frame, "request_id", None) in open_ids)
        self._unsent.extendleft(reversed(again))
        self._changed.set()
        self._note("reconnected", "the session goes on" if same else "the gateway began a new session")

    async def _converse(self, socket: Socket) -> SocketClosed:
        ended: list[SocketClosed] = []

        async def until_closed(scope: trio.CancelScope, work: Any, *args: Any) -> None:
            try:
                await work(*args)
                ended.append(SocketClosed(1006, "the gateway does not answer"))
            except SocketClosed as closed:
                ended.append(closed)
            except (OutOfOrder, ProtocolError) as error:
                ended.append(SocketClosed(1002, f"the gateway broke the protocol: {error}"))
            scope.cancel()

        async with trio.open_nursery() as nursery:
            scope = nursery.cancel_scope
            nursery.start_soon(until_closed, scope, self._write, socket)
            nursery.start_soon(until_closed, scope, self._read, socket)
            nursery.start_soon(until_closed, scope, socket.keep_alive, self._beat_s)
        # A cancelled socket.send may have left half a frame: the socket is closed next. The reader knows best why.
        return max(ended, key=lambda closed: closed.code in FOR_GOOD)

    def _give_up(self, error: ConnectionLost) -> None:
        self._lost = error
        self._unsent.clear()
        self._room.set()
        for pending in self._open.values():
            pending.lose(error)
        self._open.clear()
        for news in self._news.values():
            news.fail(error)

    def close(self) -> None:
        """End what is open."""
        if self._lost is None:
            self._give_up(ConnectionLost(self._address.url, "the client was closed"))
        self.notices.close()

    def __repr__(self) -> str:
        state = "connected" if self._lost is None else "lost"
        return f"<Client of {self._address.url}: {state}, {len(self._open)} requests open>"


def _first(error: BaseException) -> BaseException:
    within: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return _first(within[0]) if within else error


@asynccontextmanager
async def connect(
    url: str,
    *,
    token: str | None = None,
    codec: Codec | None = None,
    connect_s: float = CONNECT_S,
    retry_s: float = RETRY_S,
    heartbeat_s: float = HEARTBEAT_S,
    ssl_context: SSLContext | None = None,
) -> AsyncGenerator[Client]:
    """A client of a gateway, for the length of a block.

        async with connect("ws://127.0.0.1:8000", token=token) as client: ...

    Entering waits for the gateway to let the client in. Leaving ends all that is open: the gateway cancels it, but for
    turns with ``on_disconnect="continue"``. A connection that is lost is had again, waiting 0.05 s to 5 s between
    attempts, and what is open goes on.

    Args:
        url: ``ws://host:port`` or ``wss://host:port``.
        token: What the gateway wants to know the client by.
        codec: The message types of ``ask``, ``tell`` and ``follow``, registered as with the gateway's.
        connect_s: How long one attempt to connect may take, in seconds, all of it.
        retry_s: How long after a loss it is tried again; then all that is open fails with :class:`ConnectionLost`.
        heartbeat_s: How often the gateway is pinged, and how long it may take to answer.
        ssl_context: For ``wss``, unless the default will do.

    Raises:
        NotAuthorized: the gateway does not take the token.
        ConnectFailed: no connection within its time; no socket is left.
        ValueError: the URL is none.
    """
    client = Client(Address(url, token, ssl_context), codec, connect_s=connect_s, retry_s=retry_s, beat_s=heartbeat_s)
    thrown: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                await nursery.start(client.live)
                yield client
            except Exception as error:  # noqa: BLE001 - raised again when the nursery is done
                thrown = error
            finally:
                client.close()
                nursery.cancel_scope.cancel()
        if thrown is not None:
            raise thrown
    finally:
        del thrown  # else the error and this frame would keep each other alive
