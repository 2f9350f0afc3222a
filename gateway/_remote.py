"""Requests as the client sees them: each takes the frames that are its own, in order, and ends exactly once."""

from collections.abc import Callable
from typing import Any, Final, Protocol

import trio

from actrio.agents import (
    AnswerRestarted,
    ApprovalRequested,
    HandedOver,
    NoSuchApproval,
    OutputRejected,
    Reply,
    Steered,
    ToolCallFinished,
    ToolCallProgress,
    ToolCallStarted,
    ToolUse,
    TurnError,
    TurnOver,
    TurnStarted,
    TurnUsage,
)
from actrio.agents._log import TurnLog
from actrio.agents.tools import Verdict
from actrio.gateway._errors import EventsMissing, RemoteError
from actrio.gateway._frames import (
    ApprovalWanted,
    Approve,
    Ask,
    CallFinished,
    CallProgress,
    CallStarted,
    Cancel,
    ClientFrame,
    Deny,
    End,
    Error,
    Event,
    Gap,
    Handed,
    ReasoningPiece,
    Rejected,
    Started,
    Steer,
    SteeredBy,
    StepBegan,
    Tell,
    TextPiece,
    Unfamiliar,
    UsageInfo,
    UsageTold,
    UserMessage,
)
from actrio.providers import ToolCall, Usage

MAX_EVENTS: Final = 100_000  # of a turn; what an agent keeps unless told

Post = Callable[[ClientFrame], None]
RequestFrame = UserMessage | Ask | Tell


class Pending(Protocol):
    """What a connection knows of a request. ``last`` is the number of the last event taken, -1 before the first."""

    frame: RequestFrame
    last: int
    sent: bool

    @property
    def ended(self) -> bool:
        """Whether it has its end."""
        ...

    def take(self, frame: Event | Error | Gap | Unfamiliar) -> None:
        """The next frame of it. Raises: OutOfOrder."""
        ...

    def lose(self, error: Exception) -> None:
        """End it with an error, if it has no end yet."""
        ...


class OutOfOrder(Exception):
    """Frames of a request do not follow one another: the connection has to be had anew."""


def advance(last: int, frame: Event | Unfamiliar | Error) -> int | None:
    """The number that a frame brings a request to; None for one that was there before. Raises: OutOfOrder."""
    if not isinstance(frame.seq, int):
        return last  # an error of a request that never began
    if frame.seq <= last:
        return None
    count = 1 if isinstance(frame, Error) else frame.count
    if frame.seq - count != last:
        raise OutOfOrder(f"event {frame.seq - count + 1} after {last}")
    return frame.seq


class Waiting:
    """An ask or a tell that waits for its end."""

    def __init__(self, frame: Ask | Tell) -> None:
        self.frame: RequestFrame = frame
        self.last = -1
        self.sent = False
        self.over: trio.Event = trio.Event()
        self.data: Any = None
        self.error: Exception | None = None

    @property
    def ended(self) -> bool:
        """Whether it has its end."""
        return self.over.is_set()

    def take(self, frame: Event | Error | Gap | Unfamiliar) -> None:
        """The next frame of it."""
        if self.ended or isinstance(frame, Gap):
            return
        if isinstance(frame, Error):
            self.lose(RemoteError(frame.code, frame.message, frame.error_id))
        elif isinstance(frame, End):
            self.data = frame.data
            self.over.set()

    def lose(self, error: Exception) -> None:
        """End it with an error, if it has no end yet."""
        if not self.ended:
            self.error = error
            self.over.set()


class RemoteLog(TurnLog):
    """The record of a turn that happens elsewhere: written from frames, read as any other turn's.

    Its events have numbers of their own, 0, 1, 2, …: a frame may stand for several of the server's.
    """

    __slots__ = ("_calls", "_post", "_wanted", "frame", "last", "sent")

    def __init__(self, frame: UserMessage, post: Post) -> None:
        super().__init__(frame.agent, frame.conversation, MAX_EVENTS)
        self.frame: RequestFrame = frame
        self.last: int = -1
        self.sent: bool = False
        self._post: Post = post
        self._wanted: dict[str, ToolCall] = {}  # {call id: a call that waits for approval}
        self._calls: list[ToolUse] = []

    @property
    def ended(self) -> bool:
        """Whether it has its end."""
        return self.over.is_set()

    # What comes from the server

    def take(self, frame: Event | Error | Gap | Unfamiliar) -> None:
        """The next frame of it. Raises: OutOfOrder."""
        if self.ended:
            return
        if isinstance(frame, Gap):
            self.lose(EventsMissing(frame.first))
            return
        last = advance(self.last, frame)
        if last is None:
            return
        self.last = last
        if isinstance(frame, Error):
            self._take_error(frame)
        elif isinstance(frame, End):
            self.complete(_reply(frame, tuple(self._calls)))
        else:
            try:
                if isinstance(frame, TextPiece):
                    self.add_text(frame.text)
                else:
                    self._take_event(frame)
            except TurnError as error:  # more events than are kept
                self._post(Cancel(self.frame.request_id))
                self.fail(error)

    def lose(self, error: Exception) -> None:
        """End it with an error, if it has no end yet."""
        self.fail(error)

    def _take_error(self, frame: Error) -> None:
        if frame.code == "cancelled":
            self.interrupt(self.wish or frame.message)
        else:
            self.fail(RemoteError(frame.code, frame.message, frame.error_id))

    def _take_event(self, frame: Event | Unfamiliar) -> None:
        match frame:
            case Started(agent=agent):
                self._add(TurnStarted(self._next, agent, self.conversation))
            case ReasoningPiece(text=text):
                self.add_reasoning(text)
            case StepBegan(step=step):
                self.start_step(step)
            case Handed(agent=agent):
                self._add(HandedOver(self._next, agent))
            case SteeredBy(text=text):
                self._add(Steered(self._next, text))
            case Rejected(problem=problem):
                self._add(OutputRejected(self._next, problem))
            case UsageTold(usage=usage):
                self._add(TurnUsage(self._next, _usage(usage)))
            case CallStarted() | CallProgress() | CallFinished() | ApprovalWanted():
                self._take_call(frame)
            case Unfamiliar():
                pass
            case _:
                self._said.clear()
                self._add(AnswerRestarted(self._next, "the answer broke off"))

    def _take_call(self, frame: CallStarted | CallProgress | CallFinished | ApprovalWanted) -> None:
        match frame:
            case CallStarted():
                self._wanted.pop(frame.call_id, None)
                self._add(ToolCallStarted(self._next, ToolCall(frame.call_id, frame.name, frame.arguments)))
            case CallProgress():
                self._add(ToolCallProgress(self._next, frame.call_id, frame.value))
            case CallFinished():
                call = self._wanted.pop(frame.call_id, None) or ToolCall(frame.call_id, frame.name, "")
                outcome: Any = frame.outcome
                use = ToolUse(call, outcome, frame.text, duration=frame.duration)
                self._calls.append(use)
                self._add(ToolCallFinished(self._next, use))
            case ApprovalWanted():
                call = ToolCall(frame.call_id, frame.name, frame.arguments)
                self._wanted[call.id] = call
                self._add(ApprovalRequested(self._next, call))

    # What those who read say to it

    def wish_end(self, reason: str) -> None:
        """Have the server cancel it; the turn is over when the server says so."""
        if not self.ended and self.wish is None:
            self.wish = reason
            self._post(Cancel(self.frame.request_id))

    def abandon(self, reason: str) -> None:
        """Have the server cancel it, and wait for nothing."""
        self.wish_end(reason)
        self.interrupt(reason)

    def steer(self, text: str) -> None:
        """Say something to the model. Raises: TurnOver."""
        if self.ended:
            raise TurnOver(self.agent, self.conversation)
        self._post(Steer(self.frame.request_id, text))

    def give_verdict(self, call_id: str, verdict: Verdict) -> None:
        """Answer a call that waits for approval. Raises: NoSuchApproval."""
        if self.ended or self._wanted.pop(call_id, None) is None:
            raise NoSuchApproval(self.agent, self.conversation, call_id, self.waiting_for_approval())
        request_id = self.frame.request_id
        self._post(Approve(request_id, call_id) if verdict.approved else Deny(request_id, call_id, verdict.reason))

    def waiting_for_approval(self) -> tuple[str, ...]:
        """The ids of the calls that wait."""
        return tuple(self._wanted)


def _usage(usage: UsageInfo) -> Usage:
    return Usage(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens)


def _reply(frame: End, uses: tuple[ToolUse, ...]) -> Reply[Any]:
    reason: Any = frame.finish_reason
    return Reply(
        frame.text, frame.text if frame.data is None else frame.data, _usage(frame.usage), reason, frame.conversation,
        frame.time_to_first_token, frame.duration, frame.steps, uses, frame.cost,
    )  # fmt: skip
