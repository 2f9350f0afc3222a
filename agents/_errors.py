"""What can go wrong in a turn, beside what its model raises."""

from actrio.mailbox import ActrioError


class TurnError(ActrioError):
    """Base of what ends a turn early. Attributes: ``agent`` (its name), ``conversation`` (its key, or None)."""

    def __init__(self, agent: str, conversation: str | None, explanation: str) -> None:
        self.agent = agent
        self.conversation = conversation
        super().__init__(f"a turn of agent {agent!r} {explanation}")


class TurnInterrupted(TurnError):
    """The turn was cancelled before its end: what its readers get.

    Attributes: ``reason`` (one line), ``text`` (what the model had said by then).
    """

    def __init__(self, agent: str, conversation: str | None, reason: str, text: str) -> None:
        self.reason = reason
        self.text = text
        super().__init__(
            agent,
            conversation,
            f"was cancelled after {len(text)} characters: {reason}. The text so far is in .text; to have it all, read "
            f"to the end inside the `async with` block",
        )


class TurnTooLong(TurnError):
    """The model's answer came in more pieces than the agent keeps. Attribute: ``max_events``."""

    def __init__(self, agent: str, conversation: str | None, max_events: int) -> None:
        self.max_events = max_events
        super().__init__(
            agent,
            conversation,
            f"was ended: its answer came in more than max_events={max_events} pieces, and a turn keeps them all, to be "
            f"read again. Raise max_events of the Agent, or bound the answer with its max_tokens",
        )


class ToolsUnavailable(TurnError):
    """The model called a tool, but the agent has none. Attribute: ``tool`` (the name that the model called)."""

    def __init__(self, agent: str, conversation: str | None, tool: str) -> None:
        self.tool = tool
        super().__init__(
            agent,
            conversation,
            f"was ended: its model called the tool {tool!r}, but this agent has no tools. Say in its instructions that "
            f"it has none, or take another model",
        )
