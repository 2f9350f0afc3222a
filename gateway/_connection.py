"""One client's connection, as the server sees it."""

import logging
from collections.abc import Callable
from typing import Final

import trio

from actrio.agents import NoSuchApproval, SteeringFull, TurnEvent, TurnOver
from actrio.gateway._access import Identity
from actrio.gateway._answers import End, Error, Gap, GracefulDisconnect, Notice, ServerFrame, Status
from actrio.gateway._codec import decode_client, encode
from actrio.gateway._frames import (
    VERSION,
    Approve,
    Ask,
    Cancel,
    ClientFrame,
    Deny,
    Hello,
    ProtocolError,
    Resume,
    Steer,
    Subscribe,
    Tell,
    Unsubscribe,
    UserMessage,
)
from actrio.gateway._house import House, Refused
from actrio.gateway._limits import Bucket
from actrio.gateway._mapping import TurnMapping
from actrio.gateway._requests import Request, Session
from actrio.gateway._socket import Socket, SocketClosed
from actrio.gateway._subscriptions import Subscriptions
from actrio.mailbox import ReplayUnavailable, Subscription

_log = logging.getLogger("actrio.gateway")

BATCH: Final = 512  # events that a frame may stand for
GATHER: Final = 8  # times that others run after a frame of several pieces of text, before the next is sent

NORMAL, GOING_AWAY, POLICY, FAILED = 1000, 1001, 1008, 1011  # codes of RFC 6455
TAKEN_OVER: Final = 4000  # the session goes on in another connection


class Connection:
    """Reads frames, one after the other; each request that is followed has a task that sends its events.

    Whoever sends waits while the peer does not read: no frame waits in memory but the one in hand, and what happens
    meanwhile in a turn is in the turn's own log, bounded by the agent's ``max_events``.
    """

    def __init__(self, house: House, socket: Socket, nursery: trio.Nursery) -> None:
        self.session: Session | None = None
        self._house = house
        self._socket = socket
        self._nursery = nursery
        self._streams: dict[str, Subscription[TurnEvent] | None] = {}  # {request id: what is followed of it}
        self._subscriptions = Subscriptions(house, socket.send, nursery)
        self._malformed = 0
        self._closing = False
        self._quiet = trio.Event()  # set when, after the goodbye, nothing is followed any more

    async def run(self, identity: Identity | None, let_in: Callable[[], None]) -> None:
        """Serve it to its end. ``identity``: who the handshake showed it to be. ``let_in``: called once it is known."""
        try:
            if identity is not None:
                self._attach(self._house.sessions.open(identity))
            await self._send(self._status())
            if identity is None and not await self._authenticate():
                return
            let_in()
            self._nursery.start_soon(self._keep_alive)
            await self._read()
        except SocketClosed as gone:
            self._detach(at_once=gone.code == NORMAL)
        except Exception:  # noqa: BLE001 - logged; it ends this connection, and no other
            _log.exception("a connection of the gateway failed")
            await self.close(FAILED, "the server failed")
        finally:
            self._detach(at_once=False)

    # Who it is

    def _status(self) -> Status:
        session = self.session
        if session is None:
            return Status(VERSION, authenticated=False)
        agents, topics = self._house.agents(session.identity), self._house.topics_for(session.identity)
        size = self._house.limits.max_frame_bytes
        return Status(VERSION, True, session.id, agents, topics, size)

    async def _authenticate(self) -> bool:
        with trio.move_on_after(self._house.limits.handshake_s):
            while True:
                frame = await self._next()
                if isinstance(frame, Hello):
                    break
                if frame is not None:
                    await self._send(Error("unauthorized", "say hello with a token first"))
                    await self.close(POLICY, "not authenticated")
                    return False
            if await self._hello(frame):
                return True
        if not self._closing:
            await self.close(POLICY, "not authenticated in time")
        return False

    async def _hello(self, frame: Hello) -> bool:
        if frame.version != VERSION:
            await self._send(Error("version", f"this server speaks version {VERSION}"))
            await self.close(POLICY, "version")
            return False
        identity = None if self.session is None else self.session.identity
        if identity is None or (frame.token and not self._house.gate.open):
            identity = await self._house.gate.identify(frame.token)
        if identity is None:
            await self._send(Error("unauthorized", "the token is not known"))
            await self.close(POLICY, "not authenticated")
            return False
        sessions = self._house.sessions
        wanted = sessions.find(frame.session, identity)
        if self.session is None or wanted is not None or identity != self.session.identity:
            if self._streams:
                raise ProtocolError("$.type", "hello comes before all requests")
            self._attach(wanted or sessions.open(identity))
        await self._send(self._status())
        return True

    def _attach(self, session: Session) -> None:
        if session is self.session:
            return
        self._detach(at_once=False)
        other = session.attached
        self._house.sessions.attach(session, self)
        self.session = session
        if isinstance(other, Connection):
            other.session = None
            self._nursery.start_soon(other.close, TAKEN_OVER, "the session goes on in another connection")

    def _detach(self, *, at_once: bool) -> None:
        session, self.session = self.session, None
        if session is not None:
            self._house.left(session, at_once=at_once)

    # Reading

    async def _next(self) -> ClientFrame | None:
        """The next frame; None for what is none, which was answered. Raises: SocketClosed."""
        limits = self._house.limits
        message = await self._socket.receive()
        try:
            return decode_client(message, max_bytes=limits.max_frame_bytes, max_depth=limits.max_depth)
        except ProtocolError as error:
            await self._complain(error)
            return None

    async def _complain(self, error: ProtocolError) -> None:
        self._malformed += 1
        known = self.session is not None and error.request_id in self.session.requests
        await self._send(Error("protocol", str(error), "" if known else error.request_id))
        if self._malformed > self._house.limits.max_malformed:
            await self.close(POLICY, "too many malformed frames")
            raise SocketClosed(POLICY, "too many malformed frames")

    async def _read(self) -> None:
        limits = self._house.limits
        bucket = Bucket(limits.frames_per_s, limits.burst, limits.burst, trio.current_time())
        while True:
            frame = await self._next()
            delay = bucket.delay(trio.current_time())
            if delay:
                self._socket.held_up(delay)
                await trio.sleep(delay)
            if frame is not None and self.session is not None:
                try:
                    await self._take(self.session, frame)
                except ProtocolError as error:
                    await self._complain(error)
                except Refused as refused:
                    await self._send(refused.frame)

    async def _take(self, session: Session, frame: ClientFrame) -> None:
        match frame:
            case UserMessage() | Ask() | Tell():
                await self._begin(session, frame)
            case Resume(request_id, after):
                request = session.requests.get(request_id)
                if request is None and session.has_forgotten(request_id):
                    raise Refused("forgotten", "there is no such request any more, or never was", request_id)
                if request is None:
                    raise Refused("unknown_request", "there is no such request in this session", request_id)
                self._follow(request, after)
            case Cancel() | Steer() | Approve() | Deny():
                await self._act(session, frame)
            case Subscribe():
                await self._subscriptions.subscribe(session.identity, frame)
            case Unsubscribe():
                self._subscriptions.unsubscribe(frame)
            case Hello():
                await self._hello(frame)

    async def _begin(self, session: Session, frame: UserMessage | Ask | Tell) -> None:
        # Sent twice after a lost connection, it is one request: at most once.
        if frame.request_id in session.gone:
            raise Refused("forgotten", "there was such a request, and nothing of it is kept", frame.request_id)
        request = session.requests.get(frame.request_id) or await self._house.begin(session, frame)
        self._follow(request, -1)

    async def _act(self, session: Session, frame: Cancel | Steer | Approve | Deny) -> None:
        request = session.requests.get(frame.request_id)
        if request is None:
            await self._send(Notice("unknown_request", "there is no such request in this session", frame.request_id))
            return
        try:
            if isinstance(frame, Cancel):
                request.cancel()
            elif request.turn is None:
                await self._send(Notice("not_a_turn", "only turns of agents can be steered", frame.request_id))
            elif isinstance(frame, Steer):
                request.steer(frame.text, frame.number)
            elif isinstance(frame, Approve):
                request.turn.approve(frame.call_id)
            else:
                request.turn.deny(frame.call_id, frame.reason)
        except NoSuchApproval:
            await self._send(Notice("unknown_call", "no such call waits for approval", frame.request_id))
        except (TurnOver, SteeringFull):
            await self._send(Notice("not_steered", "the turn takes nothing more to steer it", frame.request_id))

    # Sending what happens

    async def _send(self, frame: ServerFrame) -> None:
        await self._socket.send(encode(frame))

    def _follow(self, request: Request, after: int) -> None:
        if request.id in self._streams:
            raise ProtocolError("$.request_id", "this request is under way on this connection")
        events: Subscription[TurnEvent] | None = None
        if request.turn is not None:
            try:
                events = request.turn.events(after=after)
                if request.fields:
                    events.close()
                    events = request.turn.events()
            except ReplayUnavailable:
                raise ProtocolError("$.after", "that event has not happened") from None
        self._streams[request.id] = events
        self._nursery.start_soon(self._stream, request, events, after)

    async def _stream(self, request: Request, events: Subscription[TurnEvent] | None, after: int) -> None:
        try:
            if events is not None:
                await self._stream_turn(request, events, after)
            else:
                await request.over.wait()
                await self._send_end(request, after)
        except (SocketClosed, trio.ClosedResourceError):
            pass  # the reader sees it too; or the connection closes
        finally:
            del self._streams[request.id]
            if not self._streams:
                self._quiet.set()

    async def _stream_turn(self, request: Request, events: Subscription[TurnEvent], after: int) -> None:
        mapping = TurnMapping(request.id, request.conversation, after=after, fields=request.fields)
        batch: list[TurnEvent] = []
        while True:
            try:
                batch = batch or await events.receive_batch(BATCH)
            except trio.EndOfChannel:
                return
            joined = False
            for frame in mapping.feed(batch):
                if isinstance(frame, End | Error):
                    await request.over.wait()
                    assert request.end is not None
                    await self._send(request.end)
                else:
                    await self._socket.send(encode(frame))
                    joined = frame.count > 1
            batch = await self._gather(events) if joined else []

    async def _gather(self, events: Subscription[TurnEvent]) -> list[TurnEvent]:
        """After a frame of several pieces: what comes while others run a few times, so that the next has several, too.

        No timer, and no wait for the first of an answer. Nothing twice in a row is the end of it: then who brings the
        pieces is not at hand.
        """
        gathered: list[TurnEvent] = []
        times, idle = GATHER, 0
        while times and idle < 2:
            times -= 1
            await trio.lowlevel.checkpoint()
            try:
                gathered += events.receive_batch_nowait(BATCH)
                idle = 0
            except trio.WouldBlock:
                idle += 1
            except trio.EndOfChannel:
                break
        return gathered

    async def _send_end(self, request: Request, after: int) -> None:
        end = request.end
        assert end is not None, "it is over"
        last = end.seq if isinstance(end.seq, int) else 0
        if after < last - 1:
            await self._send(Gap(request.id, last))
        if after < last:
            await self._send(end)

    # The end

    async def _keep_alive(self) -> None:
        try:
            await self._socket.keep_alive(self._house.limits.heartbeat_s)
        except SocketClosed:
            return
        await self._socket.abort()  # the reader then sees that it is gone

    async def say_goodbye(self, reason: str, grace_s: float) -> None:
        """Tell the client that the server is closing, and wait until all that it follows is delivered."""
        try:
            await self._send(GracefulDisconnect(reason, grace_s))
        except SocketClosed:
            return
        if self._streams:
            self._quiet = trio.Event()
            await self._quiet.wait()

    async def close(self, code: int, reason: str) -> None:
        """Close the socket. What is being sent is sent first, if the peer reads."""
        self._closing = True
        self._subscriptions.close()
        for events in self._streams.values():
            if events is not None:
                events.close()
        await self._socket.close(code, reason)
