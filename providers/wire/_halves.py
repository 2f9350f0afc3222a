"""Halves of surrogate pairs: a text of Python's can have one, and so can an escape in JSON, but no text in UTF-8.

They come from texts that were cut where UTF-16 counts, and from names and output that are not UTF-8. A half without its
other half is no character; as elsewhere it is taken for U+FFFD, so that nothing is lost but that.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, cast

import msgspec

# An escape in JSON: a whole pair of surrogates, half a pair, which is the group, or any other.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def encode_json(
    value: Any, *, enc_hook: Callable[[Any], Any] | None = None, order: Literal["sorted"] | None = None
) -> bytes:
    """As `msgspec.json.encode`, but that it takes texts with halves in them. Those without cost nothing more."""
    try:
        return msgspec.json.encode(value, enc_hook=enc_hook, order=order)
    except UnicodeEncodeError:
        return msgspec.json.encode(_whole(value), enc_hook=enc_hook, order=order)


def whole_text(text: str) -> str:
    """The text with U+FFFD for each half; two halves side by side are the character that they are halves of."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def without_halves(payload: bytes) -> bytes | None:
    """JSON with U+FFFD for each escape that is a half; None if there is none. msgspec refuses them."""
    mended = _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], payload)
    return None if mended == payload else mended


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return {_whole(key): _whole(member) for key, member in members.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in cast("list[Any]", value)]
    return value
