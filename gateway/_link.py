"""A client's connection to its gateway: one after the other, and what goes on over all of them."""

from collections.abc import Awaitable, Callable
from random import random
from typing import Any, Final

import trio
from attrs import frozen

from actrio.gateway._answers import (
    AgentChanged,
    Error,
    Event,
    Gap,
    GracefulDisconnect,
    Lagging,
    Notice,
    Published,
    ServerFrame,
    Status,
    TurnBegan,
    TurnDone,
    Unfamiliar,
)
from actrio.gateway._codec import MAX_ANSWER_DEPTH, decode_server, encode, exceeds
from actrio.gateway._dial import Address
from actrio.gateway._errors import ConnectFailed, ConnectionLost, NotAuthorized, TooLarge
from actrio.gateway._frames import Ask, Cancel, ClientFrame, ProtocolError, Resume, Tell, UserMessage
from actrio.gateway._news import News
from actrio.gateway._outbox import Outbox
from actrio.gateway._pending import Abandoned, OutOfOrder, Pending
from actrio.gateway._socket import Socket, SocketClosed
from actrio.mailbox import Broadcast

FIRST_DELAY_S, LAST_DELAY_S = 0.05, 5.0
KEPT_NOTICES: Final = 100
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


class Link:
    """See the module.

    Whatever is said about a request can be lost with a connection. So each request says what is to be said again, and
    the gateway takes it once, however often it comes.

    Invariants: what is in ``_open`` has no end from the gateway yet, oldest first; once ``lost`` is set nothing is open
    and nothing begins.
    """

    def __init__(self, address: Address, *, connect_s: float, retry_s: float, beat_s: float) -> None:
        self.status: Status | None = None
        self.notices: Broadcast[ClientNotice] = Broadcast("notices of a gateway", keep=KEPT_NOTICES)
        self.lost: ConnectionLost | None = None
        self._address = address
        self._connect_s = connect_s
        self._retry_s = retry_s
        self._beat_s = beat_s
        self._open: dict[str, Pending] = {}
        self._outbox = Outbox()
        self._heard = False  # whether this connection has brought anything
        self.news: News = News(self._outbox.put_news, self.note)

    # For who asks

    async def begin(self, pending: Pending) -> None:
        """Have a request sent, waiting for room. Raises: ConnectionLost: nothing was sent."""
        await self._outbox.room()
        if self.lost is not None:
            raise self.lost
        self._open[pending.frame.request_id] = pending
        self.post(pending.frame)

    def post(self, frame: ClientFrame) -> None:
        """Say something about a request. A cancel of one that was not sent ends it here."""
        pending = self._open.get(frame.request_id) if isinstance(frame, Cancel) else None
        if pending is None or pending.sent:
            self._outbox.put(frame)
        else:
            self._end_unsent(pending)

    def abandon(self, pending: Pending) -> None:
        """Nobody reads it any more: the gateway is to cancel it, whatever becomes of the connection until then."""
        request_id = pending.frame.request_id
        if self._open.get(request_id) is not pending:
            return
        if pending.sent:
            self._open[request_id] = Abandoned(pending)
            self._outbox.put(Cancel(request_id))
        else:
            self._end_unsent(pending)

    def _end_unsent(self, pending: Pending) -> None:
        request_id = pending.frame.request_id
        self._outbox.withdraw(request_id)
        del self._open[request_id]
        pending.take(Error("cancelled", "it was cancelled before it was sent", request_id))

    def note(self, code: str, message: str, request_id: str = "") -> None:
        """Tell those who read the notices."""
        self.notices.send_nowait(ClientNotice(code, message, request_id))

    def close(self) -> None:
        """End what is open."""
        if self.lost is None:
            self._give_up(ConnectionLost(self._address.url, "the client was closed"))
        self.notices.close()

    def outline(self) -> str:
        """A few words about it."""
        state = "connected" if self.lost is None else "lost"
        return f"of {self._address.url}: {state}, {len(self._open)} requests open"

    # One connection after the other

    async def live(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:  # noqa: ASYNC114, ASYNC128 - passed on
        """Hold a connection. Started when there is the first; raises if there is none."""
        started = False
        deadline, attempt = trio.current_time() + self._retry_s, 0
        while True:
            try:
                since = trio.current_time()
                self._heard = False
                reason = await self._one_connection(None if started else task_status.started)
                now = trio.current_time()
                # One that ends at once with nothing said, again and again, is as none: what comes cannot be taken.
                if self._heard or not started or now - since > LAST_DELAY_S:
                    deadline, attempt = now + self._retry_s, 0
                started = True
                self.note("lost", str(reason))
                if reason.code in FOR_GOOD or now >= deadline:
                    self._give_up(ConnectionLost(self._address.url, reason.reason or str(reason)))
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
        known = self.status
        with trio.CancelScope(deadline=limit.deadline):
            session = "" if known is None else known.session
            socket, status = await self._address.shake_hands(nursery, stream, session)
            self.status = status
            if known is not None:
                self._take_up(status.session == session)
            return socket
        raise self._too_slow()

    def _too_slow(self) -> ConnectFailed:
        return ConnectFailed(self._address.url, f"no answer within {self._connect_s:g} s")

    def _take_up(self, same: bool) -> None:
        """Go on with what is open, after a connection was lost; ``same``: the gateway knows this client."""
        frames: list[ClientFrame] = list(self.news.again())
        for request_id, pending in tuple(self._open.items()):
            if not pending.sent:
                frames += (pending.frame, *pending.said())
            elif same:
                frames += (Resume(request_id, pending.last), *pending.said())
            else:
                del self._open[request_id]
                pending.lose(ConnectionLost(self._address.url, "the gateway does not remember this client"))
        self._outbox.replace(frames)
        self.note("reconnected", "the session goes on" if same else "the gateway began a new session")

    async def _converse(self, socket: Socket) -> SocketClosed:
        ended: list[SocketClosed] = []

        async def until_closed(scope: trio.CancelScope, work: Callable[..., Awaitable[None]], *args: Any) -> None:
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
        self.lost = error
        self._outbox.close()
        for pending in self._open.values():
            pending.lose(error)
        self._open.clear()
        self.news.fail(error)

    # What goes over it

    async def _write(self, socket: Socket) -> None:
        while True:
            frame = await self._outbox.first()
            pending = self._open.get(frame.request_id) if isinstance(frame, UserMessage | Ask | Tell) else None
            text = encode(frame)
            if not self._fits(text):
                self._refuse(frame, text)
            else:
                if pending is not None:
                    pending.sent = True  # from now on it may have arrived
                await socket.send(text)
            self._outbox.sent(frame)

    def _fits(self, text: str) -> bool:
        most = 0 if self.status is None else self.status.max_frame_bytes
        return not (most and exceeds(text, most))

    def _refuse(self, frame: ClientFrame, text: str) -> None:
        """Do not send what the gateway would close the connection for."""
        assert self.status is not None, "it has told what is too much"
        request_id: str = getattr(frame, "request_id", "")
        error = TooLarge(len(text.encode()), self.status.max_frame_bytes)
        pending = self._open.get(request_id)
        if pending is not None and pending.frame is frame:
            del self._open[request_id]
            pending.lose(error)
        self.note("error", str(error), request_id)

    async def _read(self, socket: Socket) -> None:
        while True:
            message = await socket.receive()
            self._take(decode_server(message, max_bytes=self._address.max_frame_bytes, max_depth=MAX_ANSWER_DEPTH))
            self._heard = True

    def _take(self, frame: ServerFrame | Unfamiliar) -> None:
        if isinstance(frame, Event | Gap) or (isinstance(frame, Error | Unfamiliar) and frame.request_id):
            self._take_for_request(frame)
        elif isinstance(frame, Published | Lagging | TurnBegan | TurnDone | AgentChanged):
            self.news.take(frame)
        elif isinstance(frame, Notice):
            if not self.news.take_notice(frame):
                self.note(frame.code, frame.message, frame.request_id)
        elif isinstance(frame, Error):
            self.note("error", f"{frame.code}: {frame.message}")
        elif isinstance(frame, GracefulDisconnect):
            self.note("closing", f"{frame.reason}, in {frame.grace_s:g} s")

    def _take_for_request(self, frame: Event | Error | Gap | Unfamiliar) -> None:
        pending = self._open.get(frame.request_id)
        if pending is None:
            return  # abandoned
        if isinstance(frame, Error) and frame.code in ("unknown_request", "forgotten"):
            self._unknown(pending, forgotten=frame.code == "forgotten" or pending.last >= 0)
            return
        pending.take(frame)
        if pending.settled:
            del self._open[frame.request_id]
            if isinstance(frame, Error):
                self.note("error", f"{frame.code}: {frame.message}", frame.request_id)

    def _unknown(self, pending: Pending, *, forgotten: bool) -> None:
        if forgotten:
            del self._open[pending.frame.request_id]
            pending.lose(ConnectionLost(self._address.url, "the gateway has forgotten the request"))
            return
        # The session is the same, and the gateway has never had it: it was lost on the way.
        pending.sent = False
        if pending.unwanted:
            self._end_unsent(pending)
        else:
            for frame in (pending.frame, *pending.said()):
                self._outbox.put(frame)


def _first(error: BaseException) -> BaseException:
    within: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return _first(within[0]) if within else error
