"""One call of the model: the answer as it comes, into the turn's log, and as a whole."""

from collections.abc import Sequence
from typing import Final

import trio

from actrio.agents._log import TurnLog
from actrio.providers import (
    EventStream,
    Finished,
    FinishReason,
    ModelEvent,
    ModelStream,
    ProtocolViolation,
    Reasoning,
    ReasoningDelta,
    ReasoningFinished,
    Restarted,
    TextDelta,
    ToolCall,
    ToolCallFinished,
    Usage,
    UsageReported,
)


class Answer:
    """What the model says in one step."""

    __slots__ = ("_log", "calls", "finish_reason", "first_text_at", "reasoning", "usage")

    def __init__(self, log: TurnLog) -> None:
        self._log = log
        self.calls: list[ToolCall] = []
        self.reasoning: list[Reasoning] = []
        self.usage: Usage = Usage()
        self.finish_reason: FinishReason | None = None
        self.first_text_at: float | None = None

    async def read(self, stream: ModelStream, provider: str) -> FinishReason:
        """Read a stream to its end. Raises: ProtocolViolation if it ends without `Finished`; what the stream raises."""
        if isinstance(stream, EventStream):
            events: list[ModelEvent] = []
            await stream.receive_into(events.append)
            while events:
                self._take_all(events)
                events.clear()
                await stream.receive_into(events.append)
        else:
            async for event in stream:
                self._take_all((event,))
        if self.finish_reason is None:
            raise ProtocolViolation(provider, "Finished as the last event of an answer", b"")
        return self.finish_reason

    def _take_all(self, events: Sequence[ModelEvent]) -> None:
        # What arrived at once is written at once: most of what a token costs here is said a single time for many.
        texts: list[str] = []
        for event in events:
            if type(event) is TextDelta:
                texts.append(event.text)
            else:
                if texts:
                    self._say(texts)
                    texts = []
                self._take(event)
        if texts:
            self._say(texts)

    def _say(self, texts: list[str]) -> None:
        if self.first_text_at is None:
            self.first_text_at = trio.current_time()
        self._log.add_texts(texts)

    def _take(self, event: ModelEvent) -> None:
        match event:
            case ReasoningDelta(text):
                self._log.add_reasoning(text)
            case ReasoningFinished(reasoning):
                self.reasoning.append(reasoning)
            case ToolCallFinished(call_id, name, arguments):
                self.calls.append(ToolCall(self._unused(call_id), name, arguments))
            case UsageReported(usage):
                self.usage = usage
                self._log.add_usage(usage)
            case Finished(reason):
                self.finish_reason = reason
            case Restarted(reason):
                self.calls.clear()
                self.reasoning.clear()
                self._log.restart_answer(reason)
            case _:
                pass

    def _unused(self, call_id: str) -> str:
        """An id for a call that no other call of this answer has, should the model give one twice."""
        taken: Final = {call.id for call in self.calls}
        number, wanted = 1, call_id
        while call_id in taken:
            number += 1
            call_id = f"{wanted}-{number}"
        return call_id
