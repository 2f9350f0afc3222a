"""The arguments of a call for formats that have a JSON object there, and not its text."""

from typing import Any, Final

import msgspec

from actrio.providers.wire._halves import whole_text

# What Anthropic names it in its advice for arguments that are not JSON, see
# https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming.
INVALID: Final = "INVALID_JSON"

_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def arguments_object(arguments: str) -> msgspec.Raw:
    """The object, written exactly as the model wrote it.

    What is no JSON object is put into one, ``{"INVALID_JSON": "[1, 2"}``: so the conversation stays valid, and
    the model sees what it did. No arguments at all are an empty object.
    """
    if not arguments.strip():
        return msgspec.Raw(b"{}")
    try:
        written = arguments.encode()
    except UnicodeEncodeError:
        written = whole_text(arguments).encode()
    try:
        _decode_object(written)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.Raw(msgspec.json.encode({INVALID: written.decode()}))
    return msgspec.Raw(written)
