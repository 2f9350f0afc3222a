"""Requests of clients, and what is kept of them: they outlive the connection they came on."""

import logging
import secrets
from collections import OrderedDict, deque
from contextlib import suppress
from typing import Any, Final

import trio

from actrio.agents import (
    ApprovalRequested,
    ReasoningChunk,
    TextChunk,
    ToolCallFinished,
    ToolCallProgress,
    ToolCallStarted,
    Turn,
    TurnEvent,
    TurnUsage,
)
from actrio.gateway._access import Identity
from actrio.gateway._answers import End, Error, UsageInfo
from actrio.gateway._codec import encode, unfit
from actrio.gateway._frames import OnDisconnect
from actrio.gateway._limits import GatewayLimits
from actrio.gateway._mapping import TurnMapping, plain
from actrio.gateway._usage import usage_info
from actrio.providers import Usage

_log = logging.getLogger("actrio.gateway")

EVENT_BYTES: Final = 200  # what an event takes in memory beside its text, about
BATCH: Final = 4_096  # events measured without a checkpoint
NAMES: Final = 16  # names of requests that were forgotten, for each of which events may be kept


class Request:
    """One request. Invariant: ``end`` is None until ``over`` is set, and then never changes."""

    __slots__ = (
        "__weakref__", "agent", "asked", "began_at", "conversation", "end", "end_size", "ended_at", "fields", "id",
        "on_disconnect", "over", "size", "steered", "turn", "usage",
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
        self.began_at: float = trio.current_time()
        self.ended_at: float = 0.0
        self.size: int = 0  # bytes kept of it, about
        self.end_size: int = 0  # of those, what is kept without its events
        self.steered: int = 0  # the number of the last text that steered it
        self.usage: UsageInfo = UsageInfo()

    def cancel(self) -> None:
        """Stop it. Harmless when it is over."""
        if self.turn is not None:
            self.turn.cancel()
        if self.asked is not None:
            self.asked.cancel()

    def steer(self, text: str, number: int) -> None:
        """Steer its turn; a text whose number was there before is one that was sent again. Raises: as `Turn.steer`."""
        if self.turn is not None and (not number or number > self.steered):
            self.steered = max(number, self.steered)
            self.turn.steer(text)

    def finish(self, end: End | Error) -> None:
        """End it; only the first end counts."""
        if not self.over.is_set():
            text = encode(end)
            if reason := unfit(text):
                end, text = Error("too_large", f"the answer is {reason}", self.id, end.seq), ""
            self.end = end
            self.ended_at = trio.current_time()
            self.end_size = EVENT_BYTES + len(text)
            self.size += self.end_size
            self.over.set()

    def drop_events(self) -> None:
        """Keep only how it ended."""
        self.turn = None
        self.size = self.end_size

    async def see_turn_through(self) -> None:
        """Wait for the end of its turn, and measure it."""
        turn = self.turn
        assert turn is not None, "events are dropped only when it is over"
        await turn.log.over.wait()
        last: TurnEvent | None = None
        usage = Usage()
        with turn.events() as events, suppress(trio.EndOfChannel):
            while True:
                for last in await events.receive_batch(BATCH):
                    self.size += EVENT_BYTES + _length(last)
                    if isinstance(last, TurnUsage):
                        usage += last.usage
        assert last is not None, "a turn ends with an event"
        self.usage = usage_info(usage)
        for frame in TurnMapping(self.id, self.conversation).feed([last]):
            assert isinstance(frame, End | Error), "which is its end"
            if isinstance(frame, Error) and frame.code != "cancelled":
                self.finish(log_error(frame, getattr(last, "error", None)))
            else:
                self.finish(frame)


def _first(requests: "OrderedDict[Request, Session]") -> Request:
    return next(iter(requests))


def _length(event: TurnEvent) -> int:
    match event:
        case TextChunk() | ReasoningChunk():
            return len(event.text)
        case ToolCallStarted(call=call) | ApprovalRequested(call=call):
            return len(call.arguments)
        case ToolCallFinished(use=use):
            return len(use.text) + len(use.call.arguments)
        case ToolCallProgress(value=value):
            return len(str(plain(value)))
        case _:
            return 0


def log_error(frame: Error, error: Exception | None) -> Error:
    """Log what a client is not told; gives the frame with the id that finds it there.

    With a traceback where the error is nobody's that the gateway knows: the others say enough in their words.
    """
    error_id = secrets.token_hex(6)
    traceback = error if frame.code == "internal" else None
    _log.warning("gateway error %s (%s): %r", error_id, frame.code, error, exc_info=traceback)
    return Error(frame.code, frame.message, frame.request_id, frame.seq, error_id)


class Session:
    """The requests of one client, over all its connections. What bounds them: max_requests, and what is kept."""

    __slots__ = ("attached", "forgot", "gone", "id", "identity", "left_at", "lingering", "requests", "running")

    def __init__(self, identity: Identity) -> None:
        self.id: str = secrets.token_urlsafe(18)
        self.identity: Identity = identity
        self.requests: dict[str, Request] = {}
        self.running: int = 0  # of its requests
        self.gone: set[str] = set()  # the ids of requests that were forgotten
        self.forgot: bool = False  # whether there were more
        self.attached: object | None = None  # the connection it is on
        self.left_at: float = 0.0
        self.lingering: bool = False  # whether a task waits for it to come back

    def begin(self, request: Request) -> None:
        """Have one more, which is under way."""
        self.requests[request.id] = request
        self.running += 1

    def has_forgotten(self, request_id: str) -> bool:
        """Whether there may have been a request of that id, which is not kept any more."""
        return self.forgot or request_id in self.gone


class Sessions:
    """All sessions, and the bounds of what is kept.

    Invariant: ``_whole`` and ``_bare`` hold the requests of sessions that are over, the first ended first, those with
    their events and those without; ``_bytes`` is the sum of their sizes. ``_gone`` holds what is in the sessions' own
    ``gone``, the oldest first.
    """

    def __init__(self, limits: GatewayLimits) -> None:
        self._limits = limits
        self._by_id: OrderedDict[str, Session] = OrderedDict()
        # Of those, whom nobody is connected to and who have no requests: one may have been lost on its way here.
        self._idle: OrderedDict[str, Session] = OrderedDict()
        self._whole: OrderedDict[Request, Session] = OrderedDict()
        self._bare: OrderedDict[Request, Session] = OrderedDict()
        self._gone: deque[tuple[Session, str]] = deque()
        self._bytes = 0

    def open(self, identity: Identity) -> Session:
        """A new session."""
        if len(self._by_id) >= self._limits.max_sessions:
            self._forget_oldest()
        session = Session(identity)
        self._by_id[session.id] = session
        return session

    def find(self, session_id: str, identity: Identity) -> Session | None:
        """A session of that identity; another's is as unknown as one that never was."""
        session = self._by_id.get(session_id)
        return session if session is not None and session.identity.name == identity.name else None

    def attach(self, session: Session, connection: object) -> None:
        """A connection has it."""
        session.attached = connection
        self._idle.pop(session.id, None)

    def leave(self, session: Session, *, for_good: bool) -> None:
        """Nobody is connected to it any more. ``for_good``: nobody will come back, unless it has requests."""
        session.attached = None
        session.left_at = trio.current_time()
        if session.id in self._by_id:
            self._by_id.move_to_end(session.id)
            if not session.requests:
                self._idle[session.id] = session
                if for_good:
                    self._drop(session)

    def _drop(self, session: Session) -> None:
        self._by_id.pop(session.id, None)
        self._idle.pop(session.id, None)

    def ended(self, session: Session, request: Request) -> None:
        """A request is over: it counts from now on, and what is too much goes."""
        session.running -= 1
        if session.requests.get(request.id) is request:
            self._whole[request] = session
            self._bytes += request.size
            self.sweep()

    def sweep(self) -> None:
        """Drop what is beyond the bounds, the oldest first: its events; later, or for its bytes, the request itself."""
        limits, now = self._limits, trio.current_time()
        whole, bare = self._whole, self._bare
        while whole and (len(whole) > limits.kept_requests or now - _first(whole).ended_at > limits.kept_s):
            self._strip()
        while bare and (len(bare) > 4 * limits.kept_requests or now - _first(bare).ended_at > 2 * limits.kept_s):
            self._forget()
        while self._idle and now - next(iter(self._idle.values())).left_at > limits.linger_s:
            self._drop(next(iter(self._idle.values())))
        while self._bytes > limits.kept_bytes and (whole or bare):
            if not bare:
                self._strip()
            self._forget()

    def _strip(self) -> None:
        request, session = self._whole.popitem(last=False)
        self._bytes -= request.size
        request.drop_events()
        self._bytes += request.size
        self._bare[request] = session

    def _forget(self) -> None:
        request, session = self._bare.popitem(last=False)
        self._bytes -= request.size
        session.requests.pop(request.id, None)
        session.gone.add(request.id)
        self._gone.append((session, request.id))
        if len(self._gone) > NAMES * self._limits.kept_requests:
            other, request_id = self._gone.popleft()
            other.gone.discard(request_id)
            other.forgot = True
        if not session.requests and session.attached is None:
            self._drop(session)

    def _forget_oldest(self) -> None:
        away = (one for one in self._by_id.values() if one.attached is None)
        session = next(iter(self._idle.values()), None) or next(away, None)
        if session is None:
            return  # all are connected, and their number is bounded
        self._drop(session)
        for request in session.requests.values():
            request.cancel()
            if self._whole.pop(request, None) is not None or self._bare.pop(request, None) is not None:
                self._bytes -= request.size
        session.requests.clear()
        session.forgot = True
