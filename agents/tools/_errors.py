"""What can be wrong with a tool, or with how it is used."""

from actrio.mailbox import ActrioError


class InvalidTool(ActrioError):
    """A function cannot be a tool as it is. Attributes: ``tool`` (its name), ``problem``."""

    def __init__(self, tool: str, problem: str) -> None:
        self.tool = tool
        self.problem = problem
        super().__init__(f"{tool!r} cannot be a tool: {problem}")


class ToolError(ActrioError):
    """Raise it in a tool to tell the model what went wrong, in just these words.

        raise ToolError("There is no city of that name. Ask the user for another.")

    Any other exception is told to the model with the name of its class, and logged with its traceback.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)
