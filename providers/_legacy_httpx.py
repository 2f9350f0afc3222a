"""A user's own client of httpx, the library that httpx2 continues: its answers and errors as those of httpx2.

httpx is never imported here. Whoever gives us a client of it has it loaded; its classes are like those of httpx2, by
the same names.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

import httpx2
import trio

_CLOSING_S: Final = 1.0


def errors_of_http() -> tuple[type[Exception], ...]:
    """The base of the errors of httpx2, and of httpx if it is loaded."""
    legacy = sys.modules.get("httpx")
    return (httpx2.HTTPError,) if legacy is None else (httpx2.HTTPError, legacy.HTTPError)


def adapt_error(error: Any) -> httpx2.HTTPError:
    """The error of httpx2 that is this one of httpx2 or httpx."""
    if isinstance(error, httpx2.HTTPError):
        return error
    kind = getattr(httpx2, type(error).__name__, None)
    if not (isinstance(kind, type) and issubclass(kind, httpx2.RequestError)):
        kind = httpx2.TransportError
    # `_request` is what `.request` reads, which raises if there is none.
    adapted = kind(str(error), request=error.__dict__.get("_request"))
    adapted.__cause__ = error
    return adapted


def adapt_response(response: Any) -> httpx2.Response:
    """The answer as one of httpx2's; its body is read from the one given, or was."""
    if response.is_closed and not response.is_stream_consumed:
        return httpx2.Response(response.status_code, headers=_uncoded(response), content=b"")
    if isinstance(response, httpx2.Response):
        return response
    if response.is_stream_consumed:
        return httpx2.Response(response.status_code, headers=_uncoded(response), content=response.content)
    return httpx2.Response(response.status_code, headers=response.headers.multi_items(), stream=_LegacyBody(response))


def replace_body(response: Any, content: bytes) -> None:
    """Give a response that was not read, whose own body was closed, other bytes to be read in its place."""
    home = httpx2 if isinstance(response, httpx2.Response) else sys.modules["httpx"]
    response.stream = home.ByteStream(content)


def _uncoded(response: Any) -> list[tuple[str, str]]:
    # The bytes that are given along are decoded already.
    return [item for item in response.headers.multi_items() if item[0].lower() != "content-encoding"]


class _LegacyBody(httpx2.AsyncByteStream):
    def __init__(self, response: Any) -> None:
        self._response = response
        self._chunks: AsyncIterator[bytes] = response.aiter_raw()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except errors_of_http() as error:
            raise adapt_error(error) from error

    async def aclose(self) -> None:
        # See `_http.Body.aclose`.
        with trio.CancelScope(shield=True) as unwinding, suppress(*errors_of_http()):
            unwinding.cancel()
            async for _ in self._chunks:
                pass
        with trio.move_on_after(_CLOSING_S, shield=True):
            await self._response.aclose()
