"""Requests of clients, and what is kept of them: they outlive the connection they came on."""

import logging
import secrets
from collections import OrderedDict
from typing import Any

import trio

from actrio.agents import TextChunk, Turn, TurnEvent
from actrio.gateway._access import Identity
from actrio.gateway._frames import End, Error, OnDisconnect
from actrio.gateway._limits import GatewayLimits
from actrio.gateway._mapping import TurnMapping

_log = logging.getLogger("actrio.gateway")

EVENT_BYTES = 200  # what an event takes in memory beside its text, about


class Request:
    """One request. Invariant: ``end`` is None until ``over`` is set, and then never changes."""

    __slots__ = (
        "__weakref__", "agent", "asked", "conversation", "end", "ended_at", "fields", "id", "on_disconnect", "over",
        "size", "turn",
    )  # fmt: skip

    def __init__(
        self,
        request_id: str,
        agent: str,
        on_disconnect: OnDisconnect,
        *,
        conversation: str | None = None,
        fields: bool = False,
    ) -> None:
        self.id: str = request_id
        self.agent: str = agent
        self.on_disconnect: OnDisconnect = on_disconnect
        self.conversation: str | None = conversation  # as the client calls it
        self.fields: bool = fields
        self.turn: Turn[Any] | None = None  # None for other messages, and when its events are not kept any more
        self.asked: trio.CancelScope | None = None  # around the ask of another message
        self.over: trio.Event = trio.Event()
        self.end: End | Error | None = None
        self.ended_at: float = 0.0
        self.size: int = 0

    def cancel(self) -> None:
        """Stop it. Harmless when it is over."""
        if self.turn is not None:
            self.turn.cancel()
        if self.asked is not None:
            self.asked.cancel()

    def finish(self, end: End | Error) -> None:
        """End it; only the first end counts."""
        if not self.over.is_set():
            self.end = end
            self.ended_at = trio.current_time()
            self.over.set()

    def drop_events(self) -> None:
        """Keep only how it ended."""
        self.turn = None

    async def see_turn_through(self) -> None:
        """Wait for the end of its turn."""
        turn = self.turn
        assert turn is not None, "events are dropped only when it is over"
        with turn.events() as events:
            last: TurnEvent | None = None
            async for last in events:
                self.size += EVENT_BYTES + (len(last.text) if isinstance(last, TextChunk) else 0)
        assert last is not None, "a turn ends with an event"
        for frame in TurnMapping(self.id, self.conversation).feed([last]):
            assert isinstance(frame, End | Error), "which is its end"
            if isinstance(frame, Error) and frame.code != "cancelled":
                self.finish(log_error(frame, getattr(last, "error", None)))
            else:
                self.finish(frame)


def log_error(frame: Error, error: Exception | None) -> Error:
    """Log what a client is not told; gives the frame with the id that finds it there."""
    error_id = secrets.token_hex(6)
    _log.warning("gateway error %s (%s): %r", error_id, frame.code, error, exc_info=error)
    return Error(frame.code, frame.message, frame.request_id, frame.seq, error_id)


class Session:
    """The requests of one client, over all its connections."""

    __slots__ = ("attached", "id", "identity", "requests")

    def __init__(self, identity: Identity) -> None:
        self.id: str = secrets.token_urlsafe(18)
        self.identity: Identity = identity
        self.requests: dict[str, Request] = {}
        self.attached: object | None = None  # the connection it is on

    @property
    def running(self) -> int:
        """How many of its requests are under way."""
        return sum(not request.over.is_set() for request in self.requests.values())


class Sessions:
    """All sessions, and the bounds of what is kept.

    Invariant: ``_whole`` and ``_bare`` hold the requests of sessions that are over, the first ended first, those with
    their events and those without; ``_bytes`` is the sum of the sizes of the first.
    """

    def __init__(self, limits: GatewayLimits) -> None:
        self._limits = limits
        self._by_id: OrderedDict[str, Session] = OrderedDict()
        self._whole: OrderedDict[Request, Session] = OrderedDict()
        self._bare: OrderedDict[Request, Session] = OrderedDict()
        self._bytes = 0

    def open(self, identity: Identity) -> Session:
        """A new session."""
        session = Session(identity)
        self._by_id[session.id] = session
        if len(self._by_id) > self._limits.max_sessions:
            self._forget_oldest()
        return session

    def find(self, session_id: str, identity: Identity) -> Session | None:
        """A session of that identity; another's is as unknown as one that never was."""
        session = self._by_id.get(session_id)
        return session if session is not None and session.identity.name == identity.name else None

    def leave(self, session: Session) -> None:
        """Nobody is connected to it any more. Without requests there is nothing to come back to."""
        session.attached = None
        if session.id in self._by_id:
            self._by_id.move_to_end(session.id)
            if not session.requests:
                del self._by_id[session.id]

    def all(self) -> tuple[Session, ...]:
        """Every session."""
        return tuple(self._by_id.values())

    def ended(self, session: Session, request: Request) -> None:
        """A request is over: it counts from now on, and what is too much goes."""
        if session.requests.get(request.id) is request:
            self._whole[request] = session
            self._bytes += request.size
            self.sweep()

    def sweep(self) -> None:
        """Drop what is beyond the bounds, the oldest first: its events; later the request itself."""
        limits, now = self._limits, trio.current_time()
        whole, bare = self._whole, self._bare
        while whole:
            request = next(iter(whole))
            young = now - request.ended_at <= limits.kept_s
            if young and self._bytes <= limits.kept_bytes and len(whole) <= limits.kept_requests:
                break
            bare[request] = whole.pop(request)
            self._bytes -= request.size
            request.drop_events()
        while bare:
            request = next(iter(bare))
            if now - request.ended_at <= 2 * limits.kept_s and len(bare) <= 4 * limits.kept_requests:
                break
            session = bare.pop(request)
            session.requests.pop(request.id, None)
            if not session.requests and session.attached is None:
                self._by_id.pop(session.id, None)

    def _forget_oldest(self) -> None:
        session = next((one for one in self._by_id.values() if one.attached is None), None)
        if session is None:
            return  # all are connected, and their number is bounded
        del self._by_id[session.id]
        for request in session.requests.values():
            request.cancel()
            if self._whole.pop(request, None) is not None:
                self._bytes -= request.size
            self._bare.pop(request, None)
        session.requests.clear()
