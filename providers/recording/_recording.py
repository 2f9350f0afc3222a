"""One recording of a cassette: what was asked, what came when, and how it ended; as records and as lines of text."""

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import msgspec
from attrs import frozen

from actrio.providers._errors import ProviderError
from actrio.providers._events import ModelEvent
from actrio.providers.recording._scrub import Scrubber
from actrio.providers.wire._halves import encode_json

# "left": its reader went away.
Ending: TypeAlias = Literal["finished", "refused", "failed", "left"]


@frozen
class ErrorRecord:
    """An error as it is written down: the name of its class, its message and its attributes as plain data."""

    kind: str
    message: str
    attributes: dict[str, Any]

    @classmethod
    def of(cls, error: ProviderError, scrubber: Scrubber) -> "ErrorRecord":
        """The record of an error, without secrets."""
        attributes = {name: _plain(value) for name, value in vars(error).items() if not name.startswith("_")}
        scrubbed = scrubber.data(msgspec.to_builtins(attributes, enc_hook=repr))
        return cls(type(error).__name__, scrubber.text(str(error)), scrubbed)

    def make(self) -> ProviderError:
        """An error of the same class with the same attributes. Raises KeyError if there is no such class."""
        kind = _error_kinds()[self.kind]
        error = kind.__new__(kind, self.message)
        vars(error).update((name, _unplain(value)) for name, value in self.attributes.items())
        return error


def _plain(value: Any) -> Any:
    # Each byte as the character of its number, so that text in it can be read.
    return {"bytes": value.decode("latin-1")} if isinstance(value, bytes) else value


def _unplain(value: Any) -> Any:
    match value:
        case {"bytes": str(text)}:
            return text.encode("latin-1", "replace")
        case [*items]:
            return tuple(items)
        case _:
            return value


def _error_kinds() -> dict[str, type[ProviderError]]:
    """All classes of a provider's errors that are loaded, by name."""
    kinds: dict[str, type[ProviderError]] = {}
    found: list[type[ProviderError]] = [ProviderError]
    while found:
        kind = found.pop()
        kinds.setdefault(kind.__name__, kind)
        found += kind.__subclasses__()
    return kinds


@frozen
class Recording:
    """A request and what was answered.

    Attributes:
        request: Its lines.
        events: What came, each with the seconds since the request.
        ending: How it ended.
        at: When, in seconds since the request.
        error: What it ended with, if it was refused or failed.
        line: Where it begins in the file; 0 until it was read from one.
    """

    request: tuple[str, ...]
    events: tuple[tuple[float, ModelEvent], ...]
    ending: Ending
    at: float
    error: ErrorRecord | None = None
    line: int = 0

    def lines(self) -> Iterator[str]:
        """The lines of its block."""
        yield from self.request
        for at, event in self.events:
            fields: dict[str, Any] = msgspec.to_builtins(event)
            yield _encode({"at": _milli(at), "event": type(event).__name__, **fields})
        if self.error is not None:
            error = self.error
            fields = {"message": error.message, "attributes": error.attributes}
            yield _encode({"at": _milli(self.at), self.ending: error.kind, **fields})
        elif self.ending == "left":
            yield _encode({"at": _milli(self.at), "left": "early"})


def _encode(data: dict[str, Any]) -> str:
    # The order as it is: the time and the kind first.
    return encode_json(data).decode()


def _milli(seconds: float) -> float:
    return round(seconds, 3)
