"""What a turn ends with."""

from typing import Generic

from attrs import field, frozen
from typing_extensions import TypeVar

from actrio.agents.tools import ToolUse
from actrio.providers import FinishReason, Usage

T = TypeVar("T", default=str)


@frozen
class Reply(Generic[T]):
    """The whole answer of an agent.

    Attributes:
        text: What the model said in its last step, after all tool calls.
        data: The answer as the agent's output type; the text itself, if it has none.
        usage: The tokens that all steps cost; zeros where the provider does not tell.
        finish_reason: Why the last step ended; ``length`` is one that ``max_tokens`` cut off.
        conversation: The key of the conversation; None for a turn that stood for itself.
        time_to_first_token: Seconds from the start of the turn to its first text; None if there was none.
        duration: Seconds from the start of the turn to its end. A turn starts when its actor takes it up: what it
            waited before, for its conversation or for a free place, is in the actor's metrics.
        steps: How often the model was called.
        cost: What its tokens cost, where the agent's prices tell; else 0.
        tool_uses: All tool calls and what came of them, step by step, in the order of the calls.
    """

    text: str
    data: T
    usage: Usage
    finish_reason: FinishReason
    conversation: str | None
    time_to_first_token: float | None
    duration: float
    steps: int = 1
    tool_uses: tuple[ToolUse, ...] = field(default=())
    cost: float = 0.0
