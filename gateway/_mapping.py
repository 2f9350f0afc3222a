"""What happens in a turn, as frames. Pure.

Pieces of text that are ready at once become one frame: the first of them waits for nothing, and the others cost little.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from actrio.agents import (
    AnswerInvalid,
    AnswerRestarted,
    ApprovalRequested,
    BrokenJson,
    BudgetExceeded,
    FieldUpdate,
    HandedOver,
    OutputRejected,
    PriceMissing,
    ReasoningChunk,
    Reply,
    Steered,
    StepStarted,
    StoreFailed,
    TextChunk,
    ToolCallFinished,
    ToolCallProgress,
    ToolCallStarted,
    ToolUse,
    TooManySteps,
    TurnCancelled,
    TurnCompleted,
    TurnEvent,
    TurnFailed,
    TurnInterrupted,
    TurnRefused,
    TurnStarted,
    TurnTooLong,
    TurnUsage,
)
from actrio.agents.output import JsonScanner
from actrio.agents.tools import encode_model
from actrio.gateway._answers import (
    ApprovalWanted,
    CallFinished,
    CallProgress,
    CallStarted,
    End,
    Error,
    Event,
    FieldChange,
    Handed,
    ReasoningPiece,
    Rejected,
    Restarted,
    Started,
    SteeredBy,
    StepBegan,
    TextPiece,
    UsageTold,
)
from actrio.gateway._codec import MAX_ANSWER_DEPTH, exceeds_depth
from actrio.gateway._usage import usage_info
from actrio.mailbox import ActorStopped, AskCycleError, CodecError, DeadlinePassed, MailboxFull
from actrio.providers import ProviderError

MAX_TEXT: Final = 16_384  # characters that one frame joins
_DEEPEST: Final = MAX_ANSWER_DEPTH - 4  # levels of a value, which is inside a frame's fields
MAX_TOLD: Final = 1 << 20  # characters of what goes into a tool, or comes out of it; a client is told no more

# What clients are told of an error: its code and this, never the words of the error itself, which may hold anything.
_WORDS: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str, str], ...]] = (
    (TurnInterrupted, "cancelled", "the turn was cancelled"),
    (TurnRefused, "refused", "a guardrail refused the turn"),
    ((TooManySteps, TurnTooLong), "limit", "the turn reached a limit of the agent"),
    (AnswerInvalid, "answer_invalid", "the model's answer is not of the agent's output type"),
    ((BudgetExceeded, PriceMissing), "budget", "the budget does not allow it"),
    (StoreFailed, "store", "the agent's store of conversations failed"),
    (ProviderError, "model", "the model failed"),
    (MailboxFull, "busy", "the agent has no room for it now; ask again later"),
    (ActorStopped, "stopped", "the agent has stopped"),
    ((AskCycleError, DeadlinePassed), "failed", "the request could not be carried out"),
    (CodecError, "failed", "the reply cannot be sent"),
)


def words_for(error: Exception) -> tuple[str, str]:
    """The code of an error, and what a client is told."""
    for kinds, code, words in _WORDS:
        if isinstance(error, kinds):
            return code, words
    return "internal", "the request failed in the server"


def plain(value: object) -> Any:
    """A value as plain data; None if JSON cannot carry it, or no frame, as it is nested too deep."""
    try:
        text = msgspec.json.encode(value, enc_hook=encode_model)
        return None if exceeds_depth(text.decode(), _DEEPEST) else msgspec.json.decode(text)
    except (TypeError, ValueError, OverflowError, NotImplementedError, RecursionError):
        return None


class TurnMapping:
    """The frames of one turn for one reader.

    Args:
        request_id: Whose frames these are.
        conversation: Its key, as the client calls it.
        after: The last event that the reader has.
        fields: Whether text frames carry the fields of a JSON answer. Events are then to be fed from the first on.
    """

    def __init__(self, request_id: str, conversation: str | None, *, after: int = -1, fields: bool = False) -> None:
        self._id = request_id
        self._conversation = conversation
        self._after = after
        self._fields = fields
        self._scanner: JsonScanner | None = None
        self._attempt = -1

    def feed(self, events: Sequence[TurnEvent]) -> Iterator[Event | Error]:
        """Frames for the next events, those that the reader has left out."""
        pieces: list[TextChunk] = []
        changes: list[FieldChange] = []
        size = 0
        for event in events:
            if self._fields:
                self._scan(event, changes)
            if event.sequence <= self._after:
                changes.clear()
                continue
            if type(event) is TextChunk:
                pieces.append(event)
                size += len(event.text)
                if size < MAX_TEXT:
                    continue
            if pieces:
                yield self._text(pieces, changes)
                pieces, changes, size = [], [], 0
            if type(event) is not TextChunk:
                yield self._frame(event)
        if pieces:
            yield self._text(pieces, changes)

    def _text(self, pieces: Sequence[TextChunk], changes: Iterable[FieldChange]) -> TextPiece:
        text = pieces[0].text if len(pieces) == 1 else "".join([piece.text for piece in pieces])
        return TextPiece(self._id, pieces[-1].sequence, len(pieces), text, tuple(changes))

    def _scan(self, event: TurnEvent, changes: list[FieldChange]) -> None:
        if isinstance(event, StepStarted | AnswerRestarted):
            self._attempt += 1
            self._scanner = JsonScanner(attempt=self._attempt)
        elif isinstance(event, TextChunk) and self._scanner is not None:
            try:
                changes.extend([_change(update) for update in self._scanner.feed(event.text)])
            except BrokenJson:
                self._scanner = None

    def _frame(self, event: TurnEvent) -> Event | Error:
        return self._of_end(event) or self._of_tool(event) or self._of_step(event)

    def _of_tool(self, event: TurnEvent) -> Event | None:
        match event:
            case ToolCallStarted(seq, call):
                return CallStarted(self._id, seq, 1, call.id, call.name, call.arguments[:MAX_TOLD])
            case ToolCallProgress(seq, call_id, value):
                return CallProgress(self._id, seq, 1, call_id, plain(value))
            case ToolCallFinished(seq, use):
                text = _told(use)
                return CallFinished(self._id, seq, 1, use.call.id, use.call.name, use.outcome, text, use.duration)
            case ApprovalRequested(seq, call):
                return ApprovalWanted(self._id, seq, 1, call.id, call.name, call.arguments[:MAX_TOLD])
            case _:
                return None

    def _of_step(self, event: TurnEvent) -> Event:  # noqa: PLR0911 - one line a kind
        match event:
            case TurnStarted(seq, agent):
                return Started(self._id, seq, 1, agent)
            case StepStarted(seq, step):
                return StepBegan(self._id, seq, 1, step)
            case ReasoningChunk(sequence=seq, text=text):
                return ReasoningPiece(self._id, seq, 1, text)
            case Steered(seq, text):
                return SteeredBy(self._id, seq, 1, text)
            case OutputRejected(seq, problem):
                return Rejected(self._id, seq, 1, problem)
            case HandedOver(seq, agent):
                return Handed(self._id, seq, 1, agent)
            case TurnUsage(seq, usage):
                return UsageTold(self._id, seq, 1, usage_info(usage))
            case _:
                return Restarted(self._id, event.sequence)

    def _of_end(self, event: TurnEvent) -> End | Error | None:
        match event:
            case TurnCompleted(seq, reply):
                return self._end(seq, reply)
            case TurnFailed(seq, error):
                code, words = words_for(error)
                return Error(code, words, self._id, seq)
            case TurnCancelled(seq):
                return Error("cancelled", "the turn was cancelled", self._id, seq)
            case _:
                return None

    def _end(self, seq: int, reply: Reply[Any]) -> End:
        data = None if isinstance(reply.data, str) and reply.data == reply.text else plain(reply.data)
        used = reply.usage.input_tokens + reply.usage.output_tokens
        return End(
            self._id, seq, 1, reply.text, data, used, usage_info(reply.usage), reply.finish_reason, self._conversation,
            reply.time_to_first_token, reply.duration, reply.steps, reply.cost,
        )  # fmt: skip


def _told(use: ToolUse) -> str:
    return use.text[:MAX_TOLD] if use.outcome in {"done", "denied", "bad arguments"} else ""


def _change(update: FieldUpdate) -> FieldChange:
    value = None if update.delta or not update.is_complete else plain(update.value)
    return FieldChange(update.path, update.indexes, update.delta, value, update.is_complete, update.attempt)
