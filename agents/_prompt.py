"""The messages that an agent takes."""

from collections.abc import Iterable
from dataclasses import is_dataclass
from typing import Any, TypeAlias, cast

from attrs import Attribute, field, frozen, has
from msgspec import Struct

from actrio.agents._budget import Budget
from actrio.agents._goal import Goal
from actrio.agents._log import TurnLog
from actrio.agents._reply import Reply
from actrio.agents.tools import as_text, is_model
from actrio.mailbox import Request
from actrio.providers import Assistant, Image, Message, Part, System, Text, ToolResult, User

# What an agent can be asked: a text, texts and images, messages of which the last is what it is asked, or a record (of
# attrs, dataclasses, msgspec or pydantic, or a dict), which the model is given as JSON.
Content: TypeAlias = str | Part | Iterable[str | Part] | Message | Iterable[Message] | object

_MESSAGES = (System, User, Assistant, ToolResult)


def as_messages(content: Content) -> tuple[Message, ...]:
    """What a turn begins with. Raises: TypeError, ValueError: it is nothing that an agent can be asked."""
    if isinstance(content, str | Text | Image):
        return (User(content),)
    if isinstance(content, _MESSAGES):
        messages: tuple[Message, ...] = (content,)
    elif _is_record(content):
        messages = (User(as_text(content)),)
    else:
        messages = _from_many(content)
    if not isinstance(messages[-1], User | ToolResult):
        raise ValueError(  # noqa: TRY004 - the type is right, the order is not
            f"the last of the messages is what the agent is asked, a User, or a ToolResult; not {messages[-1]!r}"
        )
    return messages


def _is_record(content: object) -> bool:
    kind = type(content)
    return has(kind) or is_dataclass(kind) or isinstance(content, Struct | dict) or is_model(kind)


def _from_many(content: object) -> tuple[Message, ...]:
    parts = tuple(cast("Iterable[object]", content)) if isinstance(content, Iterable) else ()
    if parts and all(isinstance(part, _MESSAGES) for part in parts):
        return tuple(part for part in parts if isinstance(part, _MESSAGES))
    said = [part for part in parts if isinstance(part, str | Text | Image)]
    if not said or len(said) < len(parts):
        raise TypeError(
            f"an agent is asked a str, a list of texts and images or of messages that is not empty, or a record, not "
            f"{content!r:.200}"
        )
    return (User(said),)


def _key(_: object, attribute: "Attribute[str | None]", value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise TypeError(
            f"{attribute.name} must be a str, the key under which the agent remembers, not {value!r}. Leave it out for "
            f"a question that stands for itself"
        )


def _is_budget(_: object, attribute: "Attribute[Budget | None]", value: object) -> None:
    if value is not None and not isinstance(value, Budget):
        raise TypeError(f"{attribute.name}={value!r} is no Budget, such as Budget(tokens=10_000)")


@frozen
class Prompt(Request[Reply[Any]]):
    """What an agent is asked: ``await ref.ask(Prompt("Hello.", conversation="u1"))``, or told.

    Args:
        messages: What to say to the model: a text, texts and images, a record, or messages of which the last is a
            ``User``, or a ``ToolResult``.
        conversation: The key of the conversation to go on with. None: it stands for itself and is not remembered.
        budget: What the turn may cost.
        goal: What to work for until it is done, see ``AgentRef.work``.

    Raises:
        TypeError, ValueError: either cannot be that.
    """

    messages: tuple[Message, ...] = field(converter=as_messages)
    conversation: str | None = field(default=None, validator=_key)

    budget: Budget | None = field(default=None, kw_only=True, validator=_is_budget)
    goal: Goal | None = field(default=None, kw_only=True)

    @property
    def text(self) -> str:
        """The text of what is asked."""
        return self.messages[-1].text


@frozen(eq=False)
class LivePrompt(Prompt):
    """A prompt whose turn is read while it happens."""

    log: TurnLog = field(kw_only=True)
