"""What happens in a turn, in the order it happens."""

from typing import Any, TypeAlias

from attrs import frozen
from msgspec import Struct

from actrio.agents._reply import Reply
from actrio.agents.tools import ToolUse
from actrio.providers import ToolCall, Usage

# Every event carries its `sequence`: 0, 1, 2, … without a gap, the same for every reader.


@frozen
class TurnStarted:
    """The agent took the turn up. Always the first, if the turn was taken up at all."""

    sequence: int
    agent: str
    conversation: str | None


@frozen
class StepStarted:
    """The model is called: first with what the agent was asked, then again with the results of its tool calls."""

    sequence: int
    step: int


class TextChunk(Struct, frozen=True, gc=False):
    """The next piece of text. Never empty. The pieces of a step joined are what the model said in it."""

    # A struct of msgspec's: there is one for every token, and it is made in a sixth of the time.

    sequence: int
    text: str


class ReasoningChunk(Struct, frozen=True, gc=False):
    """The next piece of what the model thinks before it answers. Never empty."""

    sequence: int
    text: str


@frozen
class ToolCallStarted:
    """A tool begins to work on a call that the model has made. Calls of one step start in their order."""

    sequence: int
    call: ToolCall


@frozen
class ToolCallProgress:
    """A tool shows something before its end."""

    sequence: int
    call_id: str
    value: Any


@frozen
class ToolCallFinished:
    """A call has its result. Calls of one step finish in any order."""

    sequence: int
    use: ToolUse


@frozen
class ApprovalRequested:
    """A call waits until somebody says ``turn.approve(call.id)`` or ``turn.deny(call.id, reason)``."""

    sequence: int
    call: ToolCall


@frozen
class Steered:
    """What was said to a running turn with ``steer`` goes to the model, with its next call."""

    sequence: int
    text: str


@frozen
class OutputRejected:
    """The answer is not of the agent's output type: the model is told why, and answers again. Its text is void."""

    sequence: int
    problem: str


@frozen
class HandedOver:
    """Another agent goes on with the conversation; what follows happens in its turn."""

    sequence: int
    agent: str


@frozen
class AnswerRestarted:
    """The model's answer broke off and starts over, as the provider's retry policy has it: the step's text is void."""

    sequence: int
    reason: str


@frozen
class TurnUsage:
    """What the step that has just ended cost, where the provider tells."""

    sequence: int
    usage: Usage


@frozen
class TurnCompleted:
    """The answer is whole. Ends the turn."""

    sequence: int
    reply: Reply[Any]


@frozen
class TurnFailed:
    """An error ended the turn; ``text`` is what had come of the last step before."""

    sequence: int
    error: Exception
    text: str


@frozen
class TurnCancelled:
    """The turn was cancelled, its model's stream is closed and its tools are stopped; ``text`` as in ``TurnFailed``."""

    sequence: int
    reason: str
    text: str


TurnEvent: TypeAlias = (
    TurnStarted
    | StepStarted
    | TextChunk
    | ReasoningChunk
    | ToolCallStarted
    | ToolCallProgress
    | ToolCallFinished
    | ApprovalRequested
    | Steered
    | OutputRejected
    | HandedOver
    | AnswerRestarted
    | TurnUsage
    | TurnCompleted
    | TurnFailed
    | TurnCancelled
)
