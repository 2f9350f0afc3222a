"""The record of one turn: written once, by the agent; read by anybody, at any time."""

from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import trio
from attrs import evolve

from actrio.agents._approvals import Approvals
from actrio.agents._errors import SteeringFull, TurnInterrupted, TurnOver, TurnTooLong
from actrio.agents._events import (
    AnswerRestarted,
    ApprovalRequested,
    HandedOver,
    OutputRejected,
    ReasoningChunk,
    Steered,
    StepStarted,
    TextChunk,
    ToolCallFinished,
    ToolCallProgress,
    ToolCallStarted,
    TurnCancelled,
    TurnCompleted,
    TurnEvent,
    TurnFailed,
    TurnStarted,
    TurnUsage,
)
from actrio.agents._reply import Reply
from actrio.agents.tools import ToolUse, Verdict
from actrio.mailbox import Broadcast, Subscription
from actrio.providers import ToolCall, Usage

MAX_STEERING = 100  # texts that wait for the model's next call


class TurnLog:
    """All events of one turn, from the first to the last.

    Args:
        agent, conversation: Whose turn it is.
        max_events: The most events between the first and the last.

    Invariants: event n has the sequence number n; nothing follows a terminal event; ``over`` is set in the step in
    which that is written; then exactly one of ``reply`` and ``error`` is there.

    Nothing is ever dropped from it, so no reader holds up the agent, and none falls behind.
    """

    __slots__ = (
        "_deaf", "_events", "_next", "_other", "_said", "_steering", "_traceback", "agent", "approvals", "conversation",
        "error", "max_events", "over", "reply", "scope", "wish",
    )  # fmt: skip

    def __init__(self, agent: str, conversation: str | None, max_events: int) -> None:
        self.agent: str = agent
        self.conversation: str | None = conversation
        self.max_events: int = max_events
        self.over: trio.Event = trio.Event()
        # Around whoever waits for the agent; cancelling it cancels the turn.
        self.scope: trio.CancelScope = trio.CancelScope()
        self.wish: str | None = None  # why it is cancelled, once somebody said so
        self.reply: Reply[Any] | None = None
        self.error: Exception | None = None
        self.approvals: Approvals = Approvals(agent, conversation)
        self._traceback: TracebackType | None = None
        self._events: Broadcast[TurnEvent] = Broadcast(f"turn of {agent}", keep=max_events + 2)
        self._next = 0
        self._said: list[str] = []  # the text of this step, so far
        self._steering: deque[str] = deque()
        self._deaf = False  # the model will not be called any more
        self._other: TurnLog | None = None  # the turn of the agent that goes on with this one

    # What happens. Each raises TurnTooLong, and nothing was written, if there are too many events.

    def start(self) -> None:
        """Write the first event."""
        self._write(TurnStarted(self._next, self.agent, self.conversation))

    def start_step(self, step: int) -> None:
        """Write that the model is called."""
        self._said.clear()
        self._add(StepStarted(self._next, step))

    def add_text(self, text: str) -> None:
        """Write a piece of text."""
        sequence = self._next
        if sequence > self.max_events:
            raise TurnTooLong(self.agent, self.conversation, self.max_events)
        self._events.send_nowait(TextChunk(sequence, text))
        self._said.append(text)
        self._next = sequence + 1

    def add_texts(self, texts: Sequence[str]) -> None:
        """Write pieces of text, as many calls of `add_text` would, at a fraction of their cost."""
        sequence = self._next
        if sequence + len(texts) > self.max_events + 1:
            for text in texts:
                self.add_text(text)
            return
        self._events.send_many_nowait(list(map(TextChunk, range(sequence, sequence + len(texts)), texts)))
        self._said += texts
        self._next = sequence + len(texts)

    def add_reasoning(self, text: str) -> None:
        """Write a piece of what the model thinks."""
        self._add(ReasoningChunk(self._next, text))

    def add_usage(self, usage: Usage) -> None:
        """Write what a step cost."""
        self._add(TurnUsage(self._next, usage))

    def call_started(self, call: ToolCall) -> None:
        """Write that a tool begins to work."""
        self._add(ToolCallStarted(self._next, call))

    def call_progressed(self, call: ToolCall, value: object) -> None:
        """Write what a tool shows before its end."""
        self._add(ToolCallProgress(self._next, call.id, value))

    def call_ended(self, use: ToolUse) -> None:
        """Write what came of a call."""
        self._add(ToolCallFinished(self._next, use))

    async def approval(self, call: ToolCall) -> Verdict:
        """Write that a call needs approval, and wait for what a reader says to it."""
        with self.approvals.open(call.id) as approval:
            self._add(ApprovalRequested(self._next, call))
            return await approval.verdict()

    def reject_output(self, problem: str) -> None:
        """Write that the answer is not what it is to be."""
        self._add(OutputRejected(self._next, problem))

    def restart_answer(self, reason: str) -> None:
        """Write that what came of this step is void."""
        self._said.clear()
        self._add(AnswerRestarted(self._next, reason))

    def hand_off(self, agent: str) -> None:
        """Write that another agent goes on."""
        self._said.clear()
        self._add(HandedOver(self._next, agent))

    def add_foreign(self, event: TurnEvent) -> None:
        """Write what happens in the turn of the agent that goes on; its beginning and its end are not this turn's."""
        if isinstance(event, TextChunk):
            self.add_text(event.text)
        elif isinstance(event, ReasoningChunk):
            self.add_reasoning(event.text)
        elif not isinstance(event, TurnStarted | TurnCompleted | TurnFailed | TurnCancelled):
            if isinstance(event, StepStarted | AnswerRestarted):
                self._said.clear()
            self._add(evolve(event, sequence=self._next))

    @contextmanager
    def following(self, other: "TurnLog") -> Generator[None]:
        """Inside, what readers say goes to the turn of the agent that goes on."""
        self._other = other
        for text in self._steering:
            other.steer(text)
        self._steering.clear()
        try:
            yield
        finally:
            self._other = None
            self.hear_no_more()

    # What readers say

    def give_verdict(self, call_id: str, verdict: Verdict) -> None:
        """Say it to a call that waits for approval. Raises: NoSuchApproval."""
        if self._other is None or call_id in self.approvals.waiting:
            self.approvals.give(call_id, verdict)
        else:
            self._other.give_verdict(call_id, verdict)

    def waiting_for_approval(self) -> tuple[str, ...]:
        """The ids of the calls that wait."""
        return self.approvals.waiting + (() if self._other is None else self._other.waiting_for_approval())

    def steer(self, text: str) -> None:
        """Keep a text for the model's next call. Raises: TurnOver, SteeringFull."""
        if not self.hears:
            raise TurnOver(self.agent, self.conversation)
        if self._other is not None:
            self._other.steer(text)
            return
        if len(self._steering) >= MAX_STEERING:
            raise SteeringFull(self.agent, self.conversation, MAX_STEERING)
        self._steering.append(text)

    @property
    def hears(self) -> bool:
        """Whether its model may still read what is said to it."""
        if self.over.is_set() or self._deaf:
            return False
        return self._other is None or self._other.hears

    def hear_no_more(self) -> None:
        """The answer is there, and nothing is added to it."""
        self._deaf = True

    def take_steering(self) -> list[str]:
        """What was said since the model was called, written as events."""
        taken = list(self._steering)
        self._steering.clear()
        for text in taken:
            self._add(Steered(self._next, text))
        return taken

    # The end: the first one stands, and a later one does nothing.

    def complete(self, reply: Reply[Any]) -> None:
        """End with the whole answer."""
        if not self.over.is_set():
            self.reply = reply
            self._end(TurnCompleted(self._next, reply))

    def fail(self, error: Exception) -> None:
        """End with an error, which every reader gets."""
        if not self.over.is_set():
            self.error, self._traceback = error, error.__traceback__
            self._end(TurnFailed(self._next, error, self.text()))

    def wish_end(self, reason: str) -> None:
        """Cancel the turn for a reason, of which the first stands."""
        if not self.over.is_set():
            self.wish = self.wish or reason
            self.scope.cancel()

    def interrupt(self, reason: str) -> None:
        """End because the turn was cancelled."""
        if not self.over.is_set():
            text = self.text()
            self.error = TurnInterrupted(self.agent, self.conversation, reason, text)
            self._end(TurnCancelled(self._next, reason, text))

    def _end(self, event: TurnCompleted | TurnFailed | TurnCancelled) -> None:
        self._write(event)
        self._events.close()
        self._steering.clear()
        self.over.set()

    def _add(self, event: TurnEvent) -> None:
        if self._next > self.max_events:
            raise TurnTooLong(self.agent, self.conversation, self.max_events)
        self._write(event)

    def _write(self, event: TurnEvent) -> None:
        self._events.send_nowait(event)
        self._next += 1

    # Reading

    def subscribe(self, after: int = -1) -> Subscription[TurnEvent]:
        """A reader that begins with event ``after + 1``. Raises: ReplayUnavailable."""
        # Everything is kept, so the policy never applies; this one leaves no trace that would have to be closed.
        return self._events.subscribe("disconnect", after=after)

    def text(self) -> str:
        """What the model has said so far, in the step that is the last by now."""
        return "".join(self._said)

    def raise_error(self) -> None:
        """Raise what ended the turn early, if anything did. Each time with the traceback that it had then."""
        if self.error is not None:
            raise self.error.with_traceback(self._traceback)

    def outcome(self) -> Reply[Any]:
        """The reply of a turn that is over, or its error raised."""
        self.raise_error()
        assert self.reply is not None, "a turn that is over has a reply or an error"
        return self.reply

    def outline(self) -> str:
        """One line about it."""
        state = "running" if self._next else "waiting"
        if self.over.is_set():
            state = "completed" if self.error is None else f"ended by {type(self.error).__name__}"
        talk = "" if self.conversation is None else f", conversation {self.conversation!r}"
        return f"of {self.agent!r}{talk}: {self._next} events, {state}"
