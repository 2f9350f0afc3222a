"""Streamed answers over HTTP: a body of bytes in, closed for certain when its block is left."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import httpx2
import trio

from actrio.providers._chat_completions import decode_refusal
from actrio.providers._errors import ProtocolViolation, ProviderUnreachable

# The most bytes kept of an answer that is shown in an error.
_KEPT_BYTES: Final = 16 * 1024

# How long closing a connection may take, in seconds. A plain socket takes no time; TLS may want to say goodbye.
_CLOSING_S: Final = 1.0


def open_client(base_url: str, headers: dict[str, str]) -> httpx2.AsyncClient:
    """A client for a server of our own: no proxy, no bound on how many streams run at once or how long they take.

    A connection is used once. Such a server closes an idle one after some seconds, and a request sent at that moment
    would be lost; a new connection to this machine costs a tenth of a millisecond.
    """
    return httpx2.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=None,
        trust_env=False,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
    )


@asynccontextmanager
async def post_for_events(
    client: httpx2.AsyncClient, path: str, body: bytes, *, provider: str
) -> AsyncGenerator[AsyncIterator[bytes]]:
    """Post the body, check that the answer is a stream of events, and give its chunks as they arrive.

    Leaving the block closes the connection before it returns. The chunks raise `httpx2.TransportError` when it breaks.

    Raises:
        ProviderUnreachable: nothing answered.
        RequestRefused: the answer has an error status.
        ProtocolViolation: the answer is no stream of events.
    """
    request = client.build_request(
        "POST", path, content=body, headers={"content-type": "application/json", "accept": "text/event-stream"}
    )
    with _unreachable(provider):
        response = await client.send(request, stream=True)
    chunks = response.aiter_raw()
    try:
        if response.is_error:
            raise decode_refusal(provider, response.status_code, await _read_some(chunks))
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise ProtocolViolation(provider, "an answer of type text/event-stream", await _read_some(chunks))
        yield chunks
    finally:
        with trio.move_on_after(_CLOSING_S, shield=True):
            await _close(response, chunks)


@contextmanager
def _unreachable(provider: str) -> Generator[None]:
    try:
        yield
    except httpx2.TransportError as error:
        raise ProviderUnreachable(provider, str(error) or type(error).__name__) from error


async def _read_some(chunks: AsyncIterator[bytes]) -> bytes:
    read = b""
    with suppress(httpx2.TransportError):
        async for chunk in chunks:
            read += chunk
            if len(read) >= _KEPT_BYTES:
                break
    return read[:_KEPT_BYTES]


async def _close(response: httpx2.Response, chunks: AsyncIterator[bytes]) -> None:
    # `chunks` is an async generator over others, and closing the outermost leaves those inside to the garbage
    # collector, which Trio warns of. Cancelled while they wait for bytes, they unwind from the inside and clean up.
    with trio.CancelScope(shield=True) as unwinding, suppress(httpx2.HTTPError):
        unwinding.cancel()
        async for _ in chunks:
            pass
    await response.aclose()
