"""What a provider has to know of a wire format."""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from actrio.providers._request import ModelRequest
from actrio.providers.wire._decoder import AnswerDecoder


@frozen
class Wire:
    """A wire format, as pure functions.

    Attributes:
        name: What it is called where somebody has to know, such as in ``Reasoning.origin``.
        path: Where requests go, under the server's base address.
        answer_type: The media type of a streamed answer.
        encode: The body of a request whose answer is to be streamed. Keywords are further fields of it, under those of
            the request's own ``extra_body``.
        decoder: A decoder for one answer, given the provider's name for its errors.
    """

    name: str
    path: str
    answer_type: str
    encode: Callable[..., bytes]
    decoder: Callable[[str], AnswerDecoder]


def merge(
    body: dict[str, Any], optional: dict[str, Any], more: dict[str, Any], request: ModelRequest
) -> dict[str, Any]:
    """The whole body: what is None of the optional fields is left out, and who comes later overrides."""
    body.update((name, value) for name, value in optional.items() if value is not None)
    return body | more | dict(request.extra_body)
