"""Secrets, hidden before anything is written down."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

import msgspec

from actrio.providers._events import ModelEvent, ReasoningDelta, ReasoningFinished, TextDelta, ToolCallDelta
from actrio.providers._provider import Provider

HIDDEN: Final = "***"

# What keys look like: OpenAI's and Anthropic's, Google's, Groq's, xAI's, Hugging Face's and GitHub's; and what stands
# in a header that carries one.
_KEY: Final = re.compile(
    r"\bsk-[\w-]{8,}|\bAIza[\w-]{30,}|\b(?:gsk_|xai-|hf_|gh[opsu]_|github_pat_)\w{12,}|(?i:\b(bearer|basic)\s+)[\w.~+/=-]{8,}"
)

# Names of fields whose text is a secret.
_SECRET_NAME: Final = re.compile(
    r"(?i)(x-|proxy-|set-)?(.*api[-_]?key|.*(private|secret|secret[-_]?access)[-_]?key|authorization|cookie|password|"
    r"(access|auth|client|refresh|session)?[-_]?(secret|token))"
)

# Where providers and their clients have keys: those of OpenAI's and Anthropic's, also for other clouds.
_KEY_FIELDS: Final = ("api_key", "auth_token", "aws_secret_key", "aws_session_token")

# The fewest characters of a known secret that are hidden where a text breaks off in the middle of it.
_FEWEST: Final = 8


def known_secrets(provider: object) -> tuple[str, ...]:
    """Keys of the provider and of those it is wrapped around, and in environment variables named like one.

    The provider's are in fields such as `api_key` of itself and of its `client`, those it wraps in `provider` and
    `providers`; the variables' names end in ``API_KEY`` or ``AUTH_TOKEN``.
    """
    found = [value for name, value in os.environ.items() if name.endswith(("API_KEY", "AUTH_TOKEN"))]
    todo = [provider]
    while todo:
        one = todo.pop()
        keys = [getattr(has, name, None) for has in (one, getattr(one, "client", None)) for name in _KEY_FIELDS]
        found += [key for key in keys if isinstance(key, str)]
        inner = (getattr(one, "provider", None), *getattr(one, "providers", ()))
        todo += [wrapped for wrapped in inner if isinstance(wrapped, Provider)]
    # A short one, such as the "none" that local servers want, is a word that would be missed elsewhere.
    return tuple({secret for secret in found if len(secret) >= _FEWEST})


class Scrubber:
    """Hides secrets in texts, in JSON data and in the events of an answer, also where one is spread over several.

    Args:
        secrets: Texts that are known to be secret.
        also: A function of the user's that gives back a text without what it should not show.
    """

    def __init__(self, secrets: Iterable[str] = (), also: Callable[[str], str] | None = None) -> None:
        # The longest first: one may begin with another.
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._also = also

    def text(self, text: str) -> str:
        """The text with what is secret hidden."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
            text = _without_beginning(text, secret)
        text = _KEY.sub(lambda found: f"{found[1]} {HIDDEN}" if found[1] else HIDDEN, text)
        return text if self._also is None else self._also(text)

    def data(self, data: Any, *, by_name: bool = True) -> Any:
        """Plain JSON data with what is secret hidden in all its texts.

        Args:
            data: It.
            by_name: Whether to hide a text wholly if the name of its field is one of a secret.
        """
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, Mapping):
            members = cast("Mapping[str, Any]", data)
            return {
                key: HIDDEN if by_name and _is_secret(key, value) else self.data(value, by_name=by_name)
                for key, value in members.items()
            }
        if isinstance(data, list | tuple):
            return [self.data(item, by_name=by_name) for item in cast("list[Any]", data)]
        return data

    def answer(self, answer: list[tuple[float, ModelEvent]]) -> list[tuple[float, ModelEvent]]:
        """The events, each with its time, with what is secret hidden; a piece of which nothing is left is dropped."""
        streams: dict[str, list[int]] = {}  # {which text it is a piece of: the places of its events}
        pieces: dict[int, str] = {}  # {place: the piece}
        for place, (_, event) in enumerate(answer):
            if (piece := _piece_of(event)) is not None:
                streams.setdefault(piece[0], []).append(place)
                pieces[place] = piece[1]
        for places in streams.values():
            whole = "".join(pieces[place] for place in places)
            if (scrubbed := self.text(whole)) != whole:
                pieces.update(zip(places, spread([pieces[place] for place in places], scrubbed), strict=True))
        return [
            (at, self._with_piece(event, pieces.get(place)))
            for place, (at, event) in enumerate(answer)
            if pieces.get(place) != ""
        ]

    def _with_piece(self, event: ModelEvent, piece: str | None) -> ModelEvent:
        if isinstance(event, ToolCallDelta):
            return ToolCallDelta(event.call_id, piece or "")
        if isinstance(event, TextDelta | ReasoningDelta):
            return type(event)(piece or "")
        if isinstance(event, ReasoningFinished):
            data = msgspec.to_builtins(event)
            return msgspec.convert(
                {"reasoning": {**data["reasoning"], "text": self.text(event.reasoning.text)}}, type(event)
            )
        return msgspec.convert(_scrub_texts(msgspec.to_builtins(event), self.text), type(event))


def _is_secret(name: str, value: Any) -> bool:
    return isinstance(value, str) and _SECRET_NAME.fullmatch(name) is not None


def _scrub_texts(fields: dict[str, Any], scrub: Callable[[str], str]) -> dict[str, Any]:
    return {name: scrub(value) if isinstance(value, str) else value for name, value in fields.items()}


def _piece_of(event: ModelEvent) -> tuple[str, str] | None:
    """Which text the event is a piece of, and the piece."""
    if isinstance(event, TextDelta):
        return "text", event.text
    if isinstance(event, ReasoningDelta):
        return "reasoning", event.text
    return (f"call {event.call_id}", event.arguments) if isinstance(event, ToolCallDelta) else None


def spread(pieces: list[str], text: str) -> list[str]:
    """A text that took the place of joined pieces, in as many pieces: those before and after what changed as they were.

    What changed goes whole into the piece in which the change begins; others may become empty.
    """
    old = "".join(pieces)
    before = common_start(old, text)
    after = common_start(old[before:][::-1], text[before:][::-1])
    changed = [text[before : len(text) - after]]
    spread_out: list[str] = []
    start = 0
    for piece in pieces:
        end = start + len(piece)
        kept = old[start : min(end, before)]
        if end > before or end == len(old):
            kept += "".join(changed)
            changed.clear()
        spread_out.append(kept + old[max(start, len(old) - after, before) : end])
        start = end
    return spread_out


def common_start(one: str, other: str) -> int:
    """With how many characters the texts begin alike."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))


def _without_beginning(text: str, secret: str) -> str:
    """The text without the beginning of a secret with which it breaks off."""
    for length in range(len(secret) - 1, _FEWEST - 1, -1):
        if text.endswith(secret[:length]):
            return text[:-length] + HIDDEN
    return text
