"""A turn that happens elsewhere, as the client sees it."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from actrio.agents import (
    AnswerRestarted,
    ApprovalRequested,
    HandedOver,
    NoSuchApproval,
    OutputRejected,
    Reply,
    Steered,
    SteeringFull,
    ToolCallFinished,
    ToolCallProgress,
    ToolCallStarted,
    ToolUse,
    TurnOver,
    TurnStarted,
    TurnTooLong,
    TurnUsage,
)
from actrio.agents._log import MAX_STEERING, TurnLog
from actrio.agents.tools import Verdict
from actrio.gateway._answers import (
    ApprovalWanted,
    CallFinished,
    CallProgress,
    CallStarted,
    End,
    Error,
    Event,
    Gap,
    Handed,
    ReasoningPiece,
    Rejected,
    Started,
    SteeredBy,
    StepBegan,
    TextPiece,
    Unfamiliar,
    UsageTold,
)
from actrio.gateway._errors import EventsMissing, OutputMismatch, RemoteError
from actrio.gateway._frames import Approve, Cancel, ClientFrame, Deny, Steer, UserMessage
from actrio.gateway._pending import RequestFrame, advance
from actrio.gateway._usage import usage_of
from actrio.providers import ToolCall

MAX_EVENTS: Final = 100_000  # of a turn; what an agent keeps unless told

Post = Callable[[ClientFrame], None]


class RemoteLog(TurnLog):
    """The record of a turn that happens elsewhere: written from frames, read as any other turn's.

    Its events have numbers of their own, 0, 1, 2, …: a frame may stand for several of the server's.

    Args:
        frame: What begins it.
        post: Sends what is said about it.
        read: What the reply has as data.
    """

    __slots__ = (
        "_calls", "_post", "_read", "_steered", "_steers", "_verdicts", "_wanted", "frame", "last", "sent", "settled",
    )  # fmt: skip

    def __init__(self, frame: UserMessage, post: Post, read: Callable[[End], Any]) -> None:
        super().__init__(frame.agent, frame.conversation, MAX_EVENTS)
        self.frame: RequestFrame = frame
        self.last: int = -1
        self.sent: bool = False
        self.settled: bool = False
        self._post: Post = post
        self._read = read
        self._wanted: dict[str, ToolCall] = {}  # {call id: a call that waits for approval}
        self._verdicts: dict[str, Approve | Deny] = {}  # {call id: what was said to it, until it shows}
        self._steers: deque[Steer] = deque()  # what was said to the model, until it has it
        self._steered = 0
        self._calls: list[ToolUse] = []

    @property
    def ended(self) -> bool:
        """Whether readers have its end."""
        return self.over.is_set()

    @property
    def unwanted(self) -> bool:
        """Whether it is to be cancelled."""
        return self.wish is not None

    # What comes from the server

    def take(self, frame: Event | Error | Gap | Unfamiliar) -> None:
        """The next frame of it. Raises: OutOfOrder."""
        last = advance(self.last, frame)
        if last is None:
            return
        self.last = last
        self.settled = isinstance(frame, Error | End)
        if self.ended:
            return
        try:
            self._take(frame)
        except (TurnTooLong, OutputMismatch) as error:
            if not self.settled:
                self.wish_end(str(error))
            self.fail(error)

    def _take(self, frame: Event | Error | Gap | Unfamiliar) -> None:
        match frame:
            case Gap(first=first):
                self.fail(EventsMissing(first))
            case Error():
                self._take_error(frame)
            case End():
                self.complete(self._reply(frame))
            case TextPiece(text=text):
                self.add_text(text)
            case _:
                self._take_event(frame)

    def said(self) -> Sequence[ClientFrame]:
        """What the gateway may not have heard: each is taken once, however often it is sent."""
        if self.unwanted:
            return (Cancel(self.frame.request_id),)
        return (*self._steers, *self._verdicts.values())

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
                self._heard(text)
                self._add(Steered(self._next, text))
            case Rejected(problem=problem):
                self._add(OutputRejected(self._next, problem))
            case UsageTold(usage=usage):
                self._add(TurnUsage(self._next, usage_of(usage)))
            case CallStarted() | CallProgress() | CallFinished() | ApprovalWanted():
                self._take_call(frame)
            case Unfamiliar():
                pass
            case _:
                self._said.clear()
                self._add(AnswerRestarted(self._next, "the answer broke off"))

    def _heard(self, text: str) -> None:
        said = next((one for one in self._steers if one.text == text), None)
        if said is not None:
            self._steers.remove(said)

    def _take_call(self, frame: CallStarted | CallProgress | CallFinished | ApprovalWanted) -> None:
        if not isinstance(frame, ApprovalWanted):
            self._verdicts.pop(frame.call_id, None)
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
        """Wait for nothing more."""
        self.interrupt(self.wish or reason)

    def steer(self, text: str) -> None:
        """Say something to the model. Raises: TurnOver; SteeringFull: 100 texts wait that it has not got."""
        if self.ended:
            raise TurnOver(self.agent, self.conversation)
        if len(self._steers) >= MAX_STEERING:
            raise SteeringFull(self.agent, self.conversation, MAX_STEERING)
        self._steered += 1
        self._steers.append(Steer(self.frame.request_id, text, self._steered))
        self._post(self._steers[-1])

    def give_verdict(self, call_id: str, verdict: Verdict) -> None:
        """Answer a call that waits for approval. Raises: NoSuchApproval."""
        if self.ended or self._wanted.pop(call_id, None) is None:
            raise NoSuchApproval(self.agent, self.conversation, call_id, self.waiting_for_approval())
        request_id = self.frame.request_id
        frame = Approve(request_id, call_id) if verdict.approved else Deny(request_id, call_id, verdict.reason)
        self._verdicts[call_id] = frame
        self._post(frame)

    def waiting_for_approval(self) -> tuple[str, ...]:
        """The ids of the calls that wait."""
        return tuple(self._wanted)

    def _reply(self, frame: End) -> Reply[Any]:
        reason: Any = frame.finish_reason
        return Reply(
            frame.text, self._read(frame), usage_of(frame.usage), reason, frame.conversation,
            frame.time_to_first_token, frame.duration, frame.steps, tuple(self._calls), frame.cost,
        )  # fmt: skip
