"""What the values of a batch look like in a file."""

from typing import Any, Protocol, TypeVar

import msgspec

from actrio.agents._reply import Reply
from actrio.agents.output import OutputType
from actrio.mailbox import Codec
from actrio.providers import Usage

T = TypeVar("T")

_TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")  # in the order of Usage


class Form(Protocol[T]):
    """Values to plain JSON data and back."""

    def write(self, value: T) -> Any:
        """The plain data of a value. Raises what says that it has none."""
        ...

    def read(self, data: Any) -> T:
        """The value of plain data. Raises what says that it is none."""
        ...


class PlainForm:
    """Values as msgspec writes them, which come back as plain data: dicts, lists, texts and numbers."""

    def write(self, value: Any) -> Any:
        """Raises: TypeError: JSON cannot carry the value."""
        return msgspec.to_builtins(value, str_keys=True)

    def read(self, data: Any) -> Any:
        """The data itself."""
        return data


class TypedForm:
    """Values of one type, by the rules of `Codec`."""

    def __init__(self, value_type: Any) -> None:
        self._type = value_type
        self._codec = Codec()

    def write(self, value: Any) -> Any:
        """Raises: CodecError, MessageTypeError: the value is not of the type, or has no plain form."""
        return self._codec.unstructure(value, self._type)

    def read(self, data: Any) -> Any:
        """Raises: CodecError: the data is not of the type."""
        return self._codec.structure(data, self._type)


class ReplyForm:
    """Replies of an agent: text, tokens, cost and times. The data is read from the text; tool uses are left out."""

    def __init__(self, output: OutputType[Any] | None) -> None:
        self._output = output

    def write(self, value: Reply[Any]) -> Any:
        """The plain data of a reply."""
        return {
            "text": value.text,
            **{part: getattr(value.usage, part) for part in _TOKENS},
            "finish_reason": value.finish_reason,
            "duration": value.duration,
            "steps": value.steps,
            "cost": value.cost,
        }

    def read(self, data: Any) -> Reply[Any]:
        """The reply. Raises: OutputInvalid: the agent's output type is another one now."""
        text = data["text"]
        return Reply(
            text=text,
            data=text if self._output is None else self._output.read(text),
            usage=Usage(*(data[part] for part in _TOKENS)),
            finish_reason=data["finish_reason"],
            conversation=None,
            time_to_first_token=None,
            duration=data["duration"],
            steps=data["steps"],
            cost=data["cost"],
        )
