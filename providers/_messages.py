"""The messages of a conversation, as every provider takes them."""

from typing import TypeAlias

from attrs import field, frozen


@frozen
class ToolCall:
    """A call of a tool, as the model asked for it.

    `arguments` is the JSON text exactly as the model wrote it, valid or not.
    """

    id: str
    name: str
    arguments: str


@frozen
class System:
    """Instructions for the model, usually the first message."""

    text: str


@frozen
class User:
    """What the model is asked."""

    text: str


@frozen
class Assistant:
    """What the model answered.

    `interrupted` is None for a whole answer. Otherwise the turn was cut off, the text is what had come by then, and
    `interrupted` says why. Providers send the text alone: the mark is for who reads the history.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = field(default=(), kw_only=True)
    interrupted: str | None = field(default=None, kw_only=True)


@frozen
class ToolResult:
    """What a tool gave for the call with this id."""

    call_id: str
    text: str


Message: TypeAlias = System | User | Assistant | ToolResult
