"""What a request says of tools, and of the form the answer should have."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from attrs import Attribute, field, frozen

# What OpenAI and Anthropic both allow in a name.
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def _named(_: object, attribute: "Attribute[str]", name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{attribute.name} is 1 to 64 letters, digits, '_' or '-', as servers want it, not {name!r}")


@frozen
class ToolDefinition:
    """A tool, as the model is told of it.

    Args:
        name: What the model calls it by.
        description: What it does and when to use it.
        parameters: The JSON schema of its arguments, an object schema.
        strict: Have the server hold the model to the schema, where it can. None: as the server likes.
    """

    name: str = field(validator=_named)
    description: str = ""
    parameters: Mapping[str, Any] = field(factory=lambda: {"type": "object", "properties": {}}, hash=False)
    strict: bool | None = field(default=None, kw_only=True)


@frozen
class UseTool:
    """The choice of one tool: the model must call it."""

    name: str


# "auto": as the model likes. "none": no call. "required": at least one call, of whichever.
ToolChoice: TypeAlias = Literal["auto", "none", "required"] | UseTool


@frozen
class JsonFormat:
    """The answer is to be JSON, of this schema if there is one.

    Args:
        schema: A JSON schema. None: any JSON object.
        name: What the server is told it is called.
        strict: Have the server hold the model to the schema, where it can. It then may refuse a schema with parts that
            it cannot enforce.
    """

    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    name: str = field(default="answer", kw_only=True, validator=_named)
    strict: bool = field(default=True, kw_only=True)
