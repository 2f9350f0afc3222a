"""Frames to JSON text and back. Pure: no I/O, no clock.

A frame is a JSON object with its kind under ``type``. Each side reads what a newer peer of the same version writes:
unknown fields are ignored. A kind that a server does not know is refused, for it asks for something; one that a client
does not know is read as :class:`Unfamiliar`, which keeps its number, so that the numbers of a request have no gap.
"""

import re
from typing import Final, TypeVar

import msgspec

from actrio.gateway._answers import Event, ServerFrame, Unfamiliar
from actrio.gateway._frames import ClientFrame, ProtocolError
from actrio.providers.wire._halves import encode_json

T = TypeVar("T")

MAX_BYTES: Final = 1 << 20  # of one frame, unless told
MAX_ANSWER: Final = 16 << 20  # bytes of a frame of the server
MAX_DEPTH: Final = 32  # of arrays and objects in one another; the frame itself is the first
MAX_ANSWER_DEPTH: Final = 64  # of a frame of the server

_encoder: Final = msgspec.json.Encoder()
_client_decoder: Final[msgspec.json.Decoder[ClientFrame]] = msgspec.json.Decoder(ClientFrame)
_server_decoder: Final[msgspec.json.Decoder[ServerFrame]] = msgspec.json.Decoder(ServerFrame)
_header_decoder: Final = msgspec.json.Decoder(Unfamiliar)

# Also takes a string that never ends, so that each character is looked at once.
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_AT: Final = re.compile(r"(.*) - at `(\$.*)`", re.DOTALL)
_BEGINNINGS: Final = frozenset({"user_message", "ask", "tell"})
_MALFORMED: Final = "JSON is malformed: "


def encode(frame: ClientFrame | ServerFrame | Event) -> str:
    """A frame as JSON text. Half a pair of UTF-16, which models do write, has no UTF-8: it becomes U+FFFD."""
    try:
        return _encoder.encode(frame).decode()
    except UnicodeEncodeError:
        return encode_json(msgspec.to_builtins(frame)).decode()


def exceeds(text: str, most: int) -> bool:
    """Whether a text has more bytes than that."""
    return 4 * len(text) > most and (len(text) > most or len(text.encode()) > most)


def exceeds_depth(text: str, most: int) -> bool:
    """Whether arrays and objects in it are nested deeper than that."""
    return text.count("{") + text.count("[") > most and _depth(text) > most


def unfit(frame: str) -> str:
    """Why no client would take a frame of the server; empty if one would."""
    if exceeds(frame, MAX_ANSWER):
        return f"larger than the {MAX_ANSWER} bytes that a frame may have"
    if exceeds_depth(frame, MAX_ANSWER_DEPTH):
        return f"nested deeper than the {MAX_ANSWER_DEPTH} levels that a frame may have"
    return ""


def decode_client(text: str | bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> ClientFrame:
    """What a client sent. Raises: ProtocolError, and never anything else."""
    try:
        return _decode(_client_decoder, text, max_bytes, max_depth)
    except ProtocolError as error:
        if len(text) <= max_bytes and isinstance(text, str):
            error.request_id = _begins(text)
        raise


def _begins(text: str) -> str:
    """The request that a frame would have begun, if it can be told."""
    try:
        header = _header_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    return header.request_id if header.type in _BEGINNINGS else ""


def decode_server(
    text: str | bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> ServerFrame | Unfamiliar:
    """What a server sent. Raises: ProtocolError, and never anything else."""
    try:
        return _decode(_server_decoder, text, max_bytes, max_depth)
    except ProtocolError as error:
        if error.path == "$.type" and error.reason.startswith("Invalid value"):
            return _decode(_header_decoder, text, max_bytes, max_depth)
        raise


def _decode(decoder: "msgspec.json.Decoder[T]", text: str | bytes, max_bytes: int, max_depth: int) -> T:
    if isinstance(text, bytes):
        raise ProtocolError("$", "frames are text, and this is binary")
    if len(text) > max_bytes:
        raise ProtocolError("$", f"{len(text)} characters long, and at most {max_bytes} bytes are taken")
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise ProtocolError("$", "not UTF-8") from None
    if len(data) > max_bytes:
        raise ProtocolError("$", f"{len(data)} bytes long, and at most {max_bytes} are taken")
    if exceeds_depth(text, max_depth):
        raise ProtocolError("$", f"nested deeper than {max_depth}")
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        found = _AT.fullmatch(str(error))
        reason, path = (str(error), "$") if found is None else found.groups()
        raise ProtocolError(path, reason.replace("`", "")) from None
    except msgspec.DecodeError as error:
        raise ProtocolError("$", f"not JSON: {str(error).removeprefix(_MALFORMED)}") from None
    except (UnicodeDecodeError, RecursionError):
        raise ProtocolError("$", "not JSON: not UTF-8, or nested too deep") from None


def _depth(text: str) -> int:
    """How deep arrays and objects are nested; an upper bound for text that is not JSON."""
    deepest = depth = 0
    for character in _STRING.sub("", text):
        if character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest
