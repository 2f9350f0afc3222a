"""One use of a tool: a call of the model's and what came of it."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol, TypeAlias

from attrs import field, frozen

from actrio.providers import ToolCall, ToolResult

# What came of a call. All but "done" are told to the model as a failure, in words it can act on.
Outcome: TypeAlias = Literal["done", "failed", "timed out", "bad arguments", "unknown tool", "denied"]


def _encodable(text: str) -> str:
    """The text as UTF-8 can carry it: file names and the like may have halves of characters in them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


@frozen
class ToolUse:
    """A call and what came of it.

    Attributes:
        call: As the model made it.
        outcome: What came of it.
        text: What the model is told, whole, however long.
        value: What the tool returned; None if it did not.
        error: What it raised, if that is why.
        attempts: How often it was tried.
        duration: Seconds from its start to its end, all attempts and waits.
    """

    call: ToolCall
    outcome: Outcome
    text: str = field(converter=_encodable)
    value: Any = field(default=None, eq=False, repr=False)
    error: Exception | None = None
    attempts: int = 1
    duration: float = 0.0

    @property
    def result(self) -> ToolResult:
        """The message for the model."""
        return ToolResult(self.call.id, self.text, failed=self.outcome != "done")


@frozen
class Verdict:
    """What a person said to a call that needs approval."""

    approved: bool
    reason: str = ""


class TurnOfCalls(Protocol):
    """The turn that calls belong to, as those who run tools see it. All but `approval` return at once."""

    @property
    def agent(self) -> str:
        """The agent's name."""
        ...

    @property
    def conversation(self) -> str | None:
        """The key of its conversation."""
        ...

    def call_started(self, call: ToolCall) -> None:
        """The tool begins to work."""
        ...

    def call_progressed(self, call: ToolCall, value: object) -> None:
        """The tool has something to show before its end."""
        ...

    def call_ended(self, use: ToolUse) -> None:
        """The call has its result. Exactly once a call, unless the turn is cancelled."""
        ...

    async def around(self, call: ToolCall, use: "Callable[[ToolCall], Awaitable[ToolUse]]") -> ToolUse:
        """Run a call within what stands around this agent's tool calls."""
        ...

    async def approval(self, call: ToolCall) -> Verdict:
        """Ask for approval, and wait for it as long as it takes."""
        ...
