"""Streamed answers over HTTP: a response in, a stream of events out, closed for certain when its block is left."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import time
from typing import Final

import httpx2
import trio

from actrio.providers._errors import ProtocolViolation, ProviderError, ProviderTimeout, ProviderUnreachable
from actrio.providers._events import Arrived
from actrio.providers._stream import EventStream
from actrio.providers.transport import body_of, open_client
from actrio.providers.wire import AnswerDecoder, Wire, decode_refusal, read_quota
from actrio.providers.wire._refusal import hide

# The most bytes kept of an answer that is shown in an error.
_KEPT_BYTES: Final = 16 * 1024

# How long closing a connection may take, in seconds. A plain socket takes no time; TLS may want to say goodbye.
_CLOSING_S: Final = 1.0


def open_local_client(base_url: str, headers: dict[str, str]) -> httpx2.AsyncClient:
    """A client for a server of our own: no proxy, no bound on how many streams run at once or how long they take.

    A connection is used once. Such a server closes an idle one after some seconds, and a request sent at that moment
    would be lost; a new connection to this machine costs a tenth of a millisecond.
    """
    return open_client(
        base_url=base_url,
        headers=headers,
        timeout=None,
        trust_env=False,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
    )


async def post(client: httpx2.AsyncClient, wire: Wire, body: bytes) -> httpx2.Response:
    """Post the body and give the answer, of which only the head is read."""
    headers = {"content-type": "application/json", "accept": wire.answer_type, "accept-encoding": "identity"}
    return await client.send(client.build_request("POST", wire.path, content=body, headers=headers), stream=True)


async def _unknown() -> str | None:
    return None


@asynccontextmanager
async def stream_answer(
    send: Callable[[], Awaitable[httpx2.Response]],
    wire: Wire,
    *,
    provider: str,
    secret: str = "",
    cause: Callable[[], Awaitable[str | None]] = _unknown,
) -> AsyncGenerator[EventStream]:
    """Send a request and give its answer as events. Leaving the block closes the connection before it returns.

    Args:
        send: Sends it and comes back with the head of the answer. What it raises of httpx2 becomes a ProviderError.
        wire: What the answer is written in.
        provider: Whom errors name.
        secret: What must not be shown, should the server repeat it.
        cause: Tells more of why a connection broke, where somebody knows.

    Raises:
        ProviderUnreachable, ProviderTimeout: nothing answered.
        RequestRefused: the answer has an error status.
        ProtocolViolation: the answer is not of this wire format.
    """
    try:
        response = await send()
    except httpx2.HTTPError as error:
        raise await _failed(provider, error, cause, secret) from _shown(error, secret)
    body = Body(response)
    try:
        await _check(response, body, wire, provider, secret)
        decoder = wire.decoder(provider)
        decoder.secret = secret
        answer = _Answer(body, decoder, cause)
        stream = EventStream(
            answer.next_events,
            received=lambda: answer.decoder.received,
            quota=partial(read_quota, response.headers, time()),
        )
        try:
            yield stream
        finally:
            stream.close()
    finally:
        with trio.move_on_after(_CLOSING_S, shield=True):
            await body.aclose()


async def _failed(
    provider: str, error: httpx2.HTTPError, cause: Callable[[], Awaitable[str | None]], secret: str
) -> ProviderError:
    if isinstance(error, httpx2.TimeoutException) and (seconds := _connect_s(error)) is not None:
        return ProviderTimeout(provider, "connect", seconds)
    return ProviderUnreachable(provider, await cause() or _words(error, secret) + _where(error))


def _where(error: httpx2.HTTPError) -> str:
    """The server's address, if the error does not name it: that of a name which is not known does not."""
    try:
        url = error.request.url
    except RuntimeError:
        return ""
    return "" if url.host in str(error) else f", at {url.scheme}://{url.netloc.decode(errors='replace')}"


def _words(error: httpx2.HTTPError, secret: str) -> str:
    return hide(str(error).encode(errors="replace"), secret).decode(errors="replace") or type(error).__name__


def _shown(error: httpx2.HTTPError, secret: str) -> httpx2.HTTPError | None:
    """The error, to be shown as a cause, unless it has words of the server that have the secret."""
    return None if secret and secret in str(error) else error


def _connect_s(error: httpx2.TimeoutException) -> float | None:
    try:
        seconds: float | None = error.request.extensions["timeout"]["connect"]
    except (KeyError, RuntimeError):
        return None  # somebody's own transport has timed it
    return seconds


async def _check(response: httpx2.Response, body: "Body", wire: Wire, provider: str, secret: str) -> None:
    if response.is_error:
        said = await _read_some(body, secret)
        raise decode_refusal(provider, response.status_code, said, response.headers, now=time())
    if not response.headers.get("content-type", "").startswith(wire.answer_type):
        raise ProtocolViolation(provider, f"an answer of type {wire.answer_type}", await _read_some(body, secret))
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ProtocolViolation(provider, "an answer that is not compressed", await _read_some(body, secret))


async def _read_some(body: "Body", secret: str) -> bytes:
    read = body.content or b""
    if body.content is None:
        with suppress(httpx2.TransportError):
            while len(read) < _KEPT_BYTES and (chunk := await body.receive()):
                read += chunk
    return hide(read[:_KEPT_BYTES], secret)


class Body:
    """The bytes of an answer as they arrive."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        # The whole of it, if who sent the request has read it already.
        self.content: bytes | None = response.content if response.is_stream_consumed else None
        # Our own transport's body is no generator, and what it gives is not copied on its way through httpx2.
        own = body_of(response) if self.content is None else None
        self._chunks: AsyncIterator[bytes] = response.aiter_raw() if own is None else own
        self._generated = own is None
        self._ended = False

    async def receive(self) -> bytes:
        """Wait for the next bytes; none at the end. Raises: httpx2.TransportError when the connection breaks."""
        chunk = await anext(self._chunks, b"")
        self._ended = not chunk
        return chunk

    async def aclose(self) -> None:
        """Close the connection if there is more to come."""
        if self._ended and not self._generated:
            return  # it gave its connection back when the last byte was read
        # `chunks` is an async generator over others, and closing the outermost leaves those inside to the garbage
        # collector, which Trio warns of. Cancelled while they wait for bytes, they unwind from the inside and clean up.
        if self.content is None and self._generated:
            with trio.CancelScope(shield=True) as unwinding, suppress(httpx2.HTTPError):
                unwinding.cancel()
                async for _ in self._chunks:
                    pass
        await self._response.aclose()


class _Answer:
    """One streamed answer, chunk by chunk."""

    def __init__(self, body: Body, decoder: AnswerDecoder, cause: Callable[[], Awaitable[str | None]]) -> None:
        self._body = body
        self._cause = cause
        self.decoder = decoder

    async def next_events(self, arrived: Arrived) -> None:
        try:
            chunk = await self._body.receive()
        except httpx2.HTTPError as error:
            secret = self.decoder.secret
            raise self.decoder.lost(await self._cause() or _words(error, secret)) from _shown(error, secret)
        if chunk:
            self.decoder.feed(chunk, arrived)
        else:
            self.decoder.end(arrived)
