"""What a model's answer is made of, in the order it arrives."""

from typing import Literal, TypeAlias

from attrs import frozen

# Why an answer ended: the model was done ("stop"), a bound was reached ("length"), it waits for tool results
# ("tool_calls"), the provider held text back ("content_filter"), or it gave a reason not known here ("other").
FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "other"]


@frozen
class Usage:
    """Tokens read and written. Usages add up with `+`."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)


@frozen
class TextDelta:
    """The next piece of text; the pieces joined are the answer. Never empty."""

    text: str


@frozen
class ToolCallStarted:
    """The model begins to call a tool."""

    call_id: str
    name: str


@frozen
class ToolCallDelta:
    """The next piece of a call's arguments; the pieces joined are their JSON text. Never empty."""

    call_id: str
    arguments: str


@frozen
class ToolCallFinished:
    """The call is complete. `arguments` is the whole JSON text as the model wrote it, valid or not."""

    call_id: str
    name: str
    arguments: str


@frozen
class UsageReported:
    """What the answer cost, once it is known: at most once a stream, before `Finished`."""

    usage: Usage


@frozen
class Finished:
    """The last event of every answer that did not fail: exactly one, and nothing follows it."""

    reason: FinishReason


ModelEvent: TypeAlias = TextDelta | ToolCallStarted | ToolCallDelta | ToolCallFinished | UsageReported | Finished
