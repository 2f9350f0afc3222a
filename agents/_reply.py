"""What a turn ends with."""

from attrs import frozen

from actrio.providers import FinishReason, Usage


@frozen
class Reply:
    """The whole answer of an agent.

    Attributes:
        text: What the model said.
        usage: The tokens it cost; zeros where the provider does not tell.
        finish_reason: Why the answer ended; ``length`` is one that ``max_tokens`` cut off.
        conversation: The key of the conversation; None for a turn that stood for itself.
        time_to_first_token: Seconds from the start of the turn to its first text; None if there was none.
        duration: Seconds from the start of the turn to its end. A turn starts when its actor takes it up: what it
            waited before, for its conversation or for a free place, is in the actor's metrics.
    """

    text: str
    usage: Usage
    finish_reason: FinishReason
    conversation: str | None
    time_to_first_token: float | None
    duration: float
