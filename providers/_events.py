"""What a model's answer is made of, in the order it arrives."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from actrio.providers._messages import Reasoning

# Why an answer ended: the model was done ("stop"), a bound was reached ("length"), it waits for tool results
# ("tool_calls"), the provider held text back ("content_filter"), or it gave a reason not known here ("other").
FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "other"]


# Structs, because one is made for every token: it costs a quarter of what a frozen attrs class does.
class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens read and written. Usages add up with `+`.

    Attributes:
        input_tokens: All that the model read, those from a cache too.
        output_tokens: All that it wrote, its reasoning too.
        cached_tokens: How many of the input tokens came from a cache.
        reasoning_tokens: How many of the output tokens were reasoning.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """The next piece of text; the pieces joined are the answer. Never empty."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """The next piece of what the model thinks before it answers. Never empty."""

    text: str


class ReasoningFinished(msgspec.Struct, frozen=True, gc=False):
    """A train of thought is complete, with what its provider wants back when the conversation goes on.

    Only providers that want something back send it; the deltas before it, joined, are its text.
    """

    reasoning: Reasoning


class ToolCallStarted(msgspec.Struct, frozen=True, gc=False):
    """The model begins to call a tool."""

    call_id: str
    name: str


class ToolCallDelta(msgspec.Struct, frozen=True, gc=False):
    """The next piece of a call's arguments; the pieces joined are their JSON text. Never empty.

    Where calls are made in parallel, their pieces may alternate: `call_id` says whose this is.
    """

    call_id: str
    arguments: str


class ToolCallFinished(msgspec.Struct, frozen=True, gc=False):
    """The call is complete. `arguments` is the whole JSON text as the model wrote it, valid or not."""

    call_id: str
    name: str
    arguments: str


class UsageReported(msgspec.Struct, frozen=True, gc=False):
    """What the answer cost, once it is known: at most once a stream, before `Finished`."""

    usage: Usage


class Finished(msgspec.Struct, frozen=True, gc=False):
    """The last event of every answer that did not fail: exactly one, and nothing follows it.

    `response_id` is what the server calls this answer, for its logs and its support; empty if it said nothing.
    """

    reason: FinishReason
    response_id: str = ""


class Restarted(msgspec.Struct, frozen=True, gc=False):
    """The answer broke off and starts over: what came before is void. Only with a policy that says so, see `Retry`.

    Attributes:
        reason: Why it broke off.
        attempt: Which try now begins, from 2.
    """

    reason: str
    attempt: int


ModelEvent: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | ReasoningFinished
    | ToolCallStarted
    | ToolCallDelta
    | ToolCallFinished
    | UsageReported
    | Restarted
    | Finished
)

# Who takes events as they arrive, one a call, in order.
Arrived: TypeAlias = Callable[[ModelEvent], None]
