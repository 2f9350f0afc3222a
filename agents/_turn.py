"""A live turn, as the one who runs it sees it."""

from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, Self

import trio
from typing_extensions import TypeVar

from actrio.agents._events import AnswerRestarted, StepStarted, TextChunk, TurnEvent
from actrio.agents._log import TurnLog
from actrio.agents._reply import Reply
from actrio.agents.output import BrokenJson, FieldUpdate, JsonScanner
from actrio.agents.tools import Verdict
from actrio.mailbox import Subscription

OutputT = TypeVar("OutputT", default=str)

BATCH = 64  # events a reader takes before it lets other tasks run


class Turn(Generic[OutputT]):
    """One turn of an agent: one request to the model, which any number of tasks may read, during the turn or after it.

    Every reader gets the same from the beginning, at its own pace; none holds up the model or another. What ends the
    turn early, an error or its cancellation, is given to each reader once, after all that came before it.

    Opened by :meth:`AgentRef.run`.
    """

    __slots__ = ("_log",)

    def __init__(self, log: TurnLog) -> None:
        self._log = log

    @property
    def log(self) -> TurnLog:
        """Its record. For the agent that hands over to this one."""
        return self._log

    @property
    def conversation(self) -> str | None:
        """The key of its conversation; None if it stands for itself."""
        return self._log.conversation

    @property
    def over(self) -> bool:
        """Whether the turn has ended: nothing will be added to it."""
        return self._log.over.is_set()

    def events(self, *, after: int = -1) -> Subscription[TurnEvent]:
        """All events, in order, from event ``after + 1`` on: ``async for event in turn.events()``.

        They are numbered 0, 1, 2, … in ``event.sequence``. The last is the only one of its kind: ``TurnCompleted``,
        ``TurnFailed`` or ``TurnCancelled``; then the iteration stops. Its error is in the event, and not raised. A
        cancelled wait loses no event.

        Raises:
            ReplayUnavailable: there is no event ``after`` yet.
        """
        return self._log.subscribe(after)

    def text(self) -> "TextReader":
        """The text as it arrives: ``async for piece in turn.text()``. The pieces joined are ``reply.text``.

        Raises, after all the text there is:
            TurnInterrupted: the turn was cancelled.
            Exception: what ended the turn, as :meth:`result`.
        """
        return TextReader(self._log)

    def fields(self) -> "FieldReader":
        """The fields of a structured answer while they grow: ``async for update in turn.fields()``.

        For each string the deltas joined are its value; every value is complete exactly once, in the order of the text.
        Should the model have to answer again, ``update.attempt`` goes up, and what came before is void. Prose and code
        fences around the JSON are left out. Raises, after all that came before, what :meth:`text` raises.
        """
        return FieldReader(self._log)

    async def result(self) -> Reply[OutputT]:
        """The whole answer, when it is there. Always a checkpoint. Cancelling it leaves the turn as it is.

        Raises:
            TurnInterrupted: the turn was cancelled; the text so far is in it.
            ProviderError: the model, its server or the connection failed.
            TurnTooLong, TooManySteps, AnswerInvalid: see there.
            ActorStopped: the agent stopped before the turn ended.
        """
        await self._log.over.wait()
        return self._log.outcome()

    def steer(self, text: str) -> None:
        """Say something to the model while it works: it reads it with its next call, after the tool results.

        If it has finished by then, it is called once more. Not a checkpoint.

        Raises:
            TurnOver: the turn has ended.
            SteeringFull: 100 texts wait already.
        """
        self._log.steer(text)

    @property
    def waiting_for_approval(self) -> tuple[str, ...]:
        """The ids of the calls that wait for approval."""
        return self._log.waiting_for_approval()

    def approve(self, call_id: str) -> None:
        """Let a call go on that waits for approval; any number may wait, answered in any order. Not a checkpoint.

        Raises: NoSuchApproval: it does not wait.
        """
        self._log.give_verdict(call_id, Verdict(approved=True))

    def deny(self, call_id: str, reason: str = "") -> None:
        """Have a call that waits for approval not made; the model is told, with the reason. As :meth:`approve`."""
        self._log.give_verdict(call_id, Verdict(approved=False, reason=reason))

    def cancel(self) -> None:
        """Stop the model. Returns at once; the turn is over when its stream is closed.

        What the model has said stays in the conversation, marked as interrupted. Harmless when the turn is over. Not a
        checkpoint, and may be called from any task of the runtime's thread.
        """
        self._log.wish_end("turn.cancel() was called")

    def __repr__(self) -> str:
        return f"<Turn {self._log.outline()}>"


class TextReader(AsyncIterator[str]):
    """The text of a turn, piece by piece; see :meth:`Turn.text`.

    A cancelled wait loses nothing. Several tasks may share one reader: each piece goes to one of them.
    """

    __slots__ = ("_events", "_log", "_ready", "_told")

    def __init__(self, log: TurnLog) -> None:
        self._log = log
        self._events = log.subscribe()
        self._ready: deque[str] = deque()
        self._told = False  # the end, to whoever reads here

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        ready = self._ready
        while not ready and not self._told:
            try:
                batch = await self._events.receive_batch(BATCH)
            except trio.EndOfChannel:
                break
            ready += [event.text for event in batch if type(event) is TextChunk]
        if ready:
            return ready.popleft()
        if not self._told:
            self._told = True
            self._log.raise_error()
        raise StopAsyncIteration


class FieldReader(AsyncIterator[FieldUpdate]):
    """The fields of a turn's answer; see :meth:`Turn.fields`. A cancelled wait loses nothing."""

    __slots__ = ("_attempt", "_events", "_log", "_ready", "_scanner", "_told")

    def __init__(self, log: TurnLog) -> None:
        self._log = log
        self._events = log.subscribe()
        self._ready: deque[FieldUpdate] = deque()
        self._attempt = -1
        self._scanner: JsonScanner | None = None  # None once the text is no JSON: nothing more comes of this attempt
        self._told = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FieldUpdate:
        while not self._ready and not self._told:
            try:
                batch = await self._events.receive_batch(BATCH)
            except trio.EndOfChannel:
                break
            for event in batch:
                self._take(event)
        if self._ready:
            return self._ready.popleft()
        if not self._told:
            self._told = True
            self._log.raise_error()
        raise StopAsyncIteration

    def _take(self, event: TurnEvent) -> None:
        if isinstance(event, StepStarted | AnswerRestarted):
            self._attempt += 1
            self._scanner = JsonScanner(attempt=self._attempt)
        elif isinstance(event, TextChunk) and self._scanner is not None:
            try:
                self._ready.extend(self._scanner.feed(event.text))
            except BrokenJson:
                # If the answer should have been JSON, the model is told so, or the turn ends with the error.
                self._scanner = None
