"""Work until it is done: the model goes on until it says so, with a result."""

from typing import Any, Final, Generic, TypeVar

from attrs import frozen

from actrio.agents._reply import Reply
from actrio.agents.tools import Completed, Tool, tool

T = TypeVar("T")

COMPLETE: Final = "complete"

# What the model is told when it stops without having called the completion tool.
GO_ON: Final = f"Go on. When the task is done, call the tool {COMPLETE!r} with its result."


@frozen
class Work(Generic[T]):
    """How work ended.

    Attributes:
        completed: Whether the model called the completion tool.
        result: What it called it with; None if it did not.
        steps: How often the model was called.
        elapsed: Seconds from the start of the turn to its end.
        reply: The turn's reply, with its text, tool uses and usage.
    """

    completed: bool
    result: T | None
    steps: int
    elapsed: float
    reply: Reply[Any]


@frozen
class Goal:
    """What a turn works for.

    Attributes:
        tool: The completion tool.
        max_steps: How often the model is called at most; None: as the agent has it.
    """

    tool: Tool[..., Any]
    max_steps: int | None


def make_goal(kind: Any, max_steps: int | None) -> Goal:
    """A goal whose result is of this type. Raises: InvalidTool: JSON cannot carry it."""

    async def complete(result: Any) -> None:
        raise Completed(result)

    complete.__annotations__["result"] = kind
    made = tool(name=COMPLETE, description="Say that the task is done, and give its result.")(complete)
    made.signature()
    return Goal(made, max_steps)
