"""The request record: all that one answer of a model depends on."""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import Attribute, field, frozen

from actrio.providers._messages import Message
from actrio.providers._tools import JsonFormat, ToolChoice, ToolDefinition, UseTool


def _as_messages(messages: Iterable[Message]) -> tuple[Message, ...]:
    return tuple(messages)


def _as_tools(tools: Iterable[ToolDefinition]) -> tuple[ToolDefinition, ...]:
    return tuple(tools)


def _as_stop(stop: str | Iterable[str]) -> tuple[str, ...]:
    # A string is an iterable of its letters, and a model stopped at each of them says nothing.
    return (stop,) if isinstance(stop, str) else tuple(stop)


def _not_empty(_: object, __: "Attribute[tuple[Message, ...]]", messages: tuple[Message, ...]) -> None:
    if not messages:
        raise ValueError("a request needs at least one message")


def _positive(_: object, attribute: "Attribute[int | None]", value: object) -> None:
    if value is not None and (not isinstance(value, int) or value < 1):
        raise ValueError(f"{attribute.name} must be at least 1, or None for no bound of ours, not {value!r}")


def _not_negative(_: object, attribute: "Attribute[float | None]", value: object) -> None:
    if value is not None and not (isinstance(value, int | float) and value >= 0):
        raise ValueError(f"{attribute.name} must be 0 or more, or None for the model's own default, not {value!r}")


def _share(_: object, attribute: "Attribute[float | None]", value: object) -> None:
    if value is not None and not (isinstance(value, int | float) and 0 < value <= 1):
        raise ValueError(f"{attribute.name} must be above 0 and at most 1, or None for the default, not {value!r}")


@frozen
class ModelRequest:
    """One request to a model.

    None means that the provider says nothing about it, so the model's own default holds.

    Args:
        messages: The conversation so far, oldest first; any iterable, kept as a tuple.
        model: Which model, by the name the provider knows. A provider that has only one ignores it.
        max_tokens: The most tokens to generate; an answer cut off by it ends with `Finished("length")`.
        temperature: 0 takes the likeliest token each time; higher is more varied.
        top_p: Sample from the likeliest tokens that together have this share of the probability.
        seed: The same seed, request and model give the same text, as far as the provider can promise that.
        stop: Texts at which generation stops; they are not part of the answer. One string is one such text.
        tools: What the model may call; no name twice.
        tool_choice: Whether it has to, see ``ToolChoice``. Says nothing where there are no tools.
        parallel_tool_calls: Whether one answer may have several calls.
        response_format: ``JsonFormat(schema)`` for an answer in JSON. None: plain text.
        extra_body: Further fields of the request's body, as the server knows them. They go over what is said here.

    Raises:
        ValueError: there is no message, a number is out of its range, a tool's name is there twice, or the chosen tool
            is not among them; the error says which.
    """

    messages: tuple[Message, ...] = field(converter=_as_messages, validator=_not_empty)
    model: str | None = field(default=None, kw_only=True)
    max_tokens: int | None = field(default=None, kw_only=True, validator=_positive)
    temperature: float | None = field(default=None, kw_only=True, validator=_not_negative)
    top_p: float | None = field(default=None, kw_only=True, validator=_share)
    seed: int | None = field(default=None, kw_only=True)
    stop: tuple[str, ...] = field(default=(), kw_only=True, converter=_as_stop)
    tools: tuple[ToolDefinition, ...] = field(default=(), kw_only=True, converter=_as_tools)
    tool_choice: ToolChoice = field(default="auto", kw_only=True)
    parallel_tool_calls: bool | None = field(default=None, kw_only=True)
    response_format: JsonFormat | None = field(default=None, kw_only=True)
    extra_body: Mapping[str, Any] = field(factory=dict[str, Any], kw_only=True, hash=False)

    def __attrs_post_init__(self) -> None:
        choice: object = self.tool_choice
        if not isinstance(choice, UseTool) and choice not in ("auto", "none", "required"):
            raise ValueError(f"tool_choice={choice!r} must be one of auto, none, required, or UseTool(name)")
        if not self.tools and not isinstance(self.tool_choice, UseTool):
            return
        names = [tool.name for tool in self.tools]
        if len(set(names)) < len(names):
            raise ValueError(f"a tool's name is there twice: {', '.join(sorted(names))}")
        if isinstance(self.tool_choice, UseTool) and self.tool_choice.name not in names:
            there = ", ".join(names) or "none"
            raise ValueError(f"the chosen tool {self.tool_choice.name!r} is not among the request's tools: {there}")
