"""How OpenAI's formats count tokens, as the servers that speak them say it: any part may be missing, or null."""

import msgspec

from actrio.providers._events import Usage


class InputDetails(msgspec.Struct):
    """Of the tokens that were read."""

    cached_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """Of the tokens that were written."""

    reasoning_tokens: int | None = None


def usage_of(
    read: int | None, written: int | None, of_read: InputDetails | None, of_written: OutputDetails | None
) -> Usage:
    """The usage; what is not said is 0."""
    return Usage(
        read or 0,
        written or 0,
        (of_read and of_read.cached_tokens) or 0,
        (of_written and of_written.reasoning_tokens) or 0,
    )
