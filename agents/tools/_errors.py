"""What can be wrong with a tool, or with how it is used."""

from typing import Any

from actrio.mailbox import ActrioError


class InvalidTool(ActrioError):
    """A function cannot be a tool as it is. Attributes: ``tool`` (its name), ``problem``."""

    def __init__(self, tool: str, problem: str) -> None:
        self.tool = tool
        self.problem = problem
        super().__init__(f"{tool!r} cannot be a tool: {problem}")


class TaskLost(ActrioError):
    """A coroutine on an asyncio loop has no result: the loop was closed, or somebody there cancelled its task.

    Attributes: ``reason``.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class TurnEnds(Exception):
    """Raised by a tool of actrio's own: the call is done, and the turn goes on otherwise than by calling the model."""


class Completed(TurnEnds):
    """The task is done. Attribute: ``result``."""

    def __init__(self, result: object) -> None:
        self.result = result
        super().__init__("the task is done")


class HandedOff(TurnEnds):
    """Another agent goes on. Attribute: ``target``, its ref."""

    def __init__(self, target: Any) -> None:
        self.target = target
        super().__init__(f"the conversation is with {target.name} now")


class ToolError(ActrioError):
    """Raise it in a tool to tell the model what went wrong, in just these words.

        raise ToolError("There is no city of that name. Ask the user for another.")

    Any other exception is told to the model with the name of its class, and logged with its traceback.
    """

    def __init__(self, text: str) -> None:
        self.text: str = str(text)  # whatever it is given, such as the error that it is raised from
        super().__init__(self.text)
