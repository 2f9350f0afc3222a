"""The messages that an agent takes."""

from attrs import Attribute, field, frozen

from actrio.agents._log import TurnLog
from actrio.agents._reply import Reply
from actrio.mailbox import Request


def _text(_: object, attribute: "Attribute[str]", value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{attribute.name} of a prompt must be a str, not {value!r}")


def _key(_: object, attribute: "Attribute[str | None]", value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise TypeError(
            f"{attribute.name} must be a str, the key under which the agent remembers, not {value!r}. Leave it out for "
            f"a question that stands for itself"
        )


@frozen
class Prompt(Request[Reply]):
    """What an agent is asked: ``await ref.ask(Prompt("Hello.", conversation="u1"))``, or told.

    Args:
        text: What to say to the model.
        conversation: The key of the conversation to go on with. None: it stands for itself and is not remembered.

    Raises:
        TypeError: either is of another type.
    """

    text: str = field(validator=_text)
    conversation: str | None = field(default=None, validator=_key)


@frozen(eq=False)
class LivePrompt(Prompt):
    """A prompt whose turn is read while it happens."""

    log: TurnLog = field(kw_only=True)
