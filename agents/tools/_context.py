"""What a tool is told of the turn that calls it."""

from collections.abc import Callable, Mapping
from typing import Any

import trio
from attrs import field, frozen

from actrio.providers import ToolCall


@frozen(eq=False)
class ToolContext:
    """The call that a tool works on: a parameter annotated with this class gets it, and the model is not told of it.

        @tool
        async def fetch(url: str, ctx: ToolContext) -> str: ...

    Attributes:
        agent: The agent's name.
        conversation: The key of its conversation; None for a turn that stands for itself.
        call: The call as the model made it.
        deps: What the agent was given as ``deps``.
    """

    agent: str
    conversation: str | None
    call: ToolCall
    deps: Mapping[str, Any] = field(repr=False)
    _progress: Callable[[object], None] = field(repr=False)

    def progress(self, value: object) -> None:
        """Show something to whoever follows the turn, as a ``ToolCallProgress``; the model does not see it.

        Returns at once. May be called from the worker thread of a tool that is not async, too; then the event comes a
        moment later.
        """
        self._progress(value)

    @property
    def deadline(self) -> float:
        """When the work is given up, on Trio's clock; ``inf`` if never. Only from async tools."""
        return trio.current_effective_deadline()
