"""The arguments of a call for formats that have a JSON object there, and not its text."""

from typing import Any, Final

import msgspec

# What Anthropic names it in its advice for arguments that are not JSON, see
# https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming.
INVALID: Final = "INVALID_JSON"

_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def arguments_object(arguments: str) -> msgspec.Raw:
    """The object, written exactly as the model wrote it.

    What is no JSON object is put into one, ``{"INVALID_JSON": "[1, 2"}``: so the conversation stays valid, and
    the model sees what it did. No arguments at all are an empty object.

    Raises:
        UnicodeEncodeError: there is half of a surrogate pair in it, which no JSON can have.
    """
    if not arguments.strip():
        return msgspec.Raw(b"{}")
    try:
        _decode_object(arguments)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.Raw(msgspec.json.encode({INVALID: arguments}))
    return msgspec.Raw(arguments.encode())
