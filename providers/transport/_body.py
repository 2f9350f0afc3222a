"""The body of an answer: read as it comes, closed without waiting."""

from collections.abc import Callable
from typing import Final, Self

import httpx2
import trio

from actrio.providers.transport._connection import Connection
from actrio.providers.transport._decoder import BodyDecoder

# Where httpx2 carries it from the transport to whoever holds the response; httpx2 wraps the response's own stream.
EXTENSION: Final = "actrio.body"

# Called once with the connection when the body is done with it, and whether it can carry another request.
Release = Callable[[Connection, bool], None]


class ResponseBody(httpx2.AsyncByteStream):
    """The bytes of one answer, as they were sent: a content coding such as gzip is not undone.

    An `async for` over it gives for each read of the socket all that came, in one piece that is never empty. It is its
    own iterator and no generator: leaving the loop early leaves nothing to the garbage collector, but `aclose` must be
    called. `response.aclose()` does that, as do `async with client.stream(...)` and reading to the end.

    Reading is a checkpoint, and if it is cancelled no byte is lost: it may be read on. What came before an error is
    given out before it is raised. An error closes it.

    When the end was read the connection goes back to the pool, with the read that brought it; when it is closed before,
    its socket is closed at once and nothing is read any more.
    """

    def __init__(
        self,
        connection: Connection,
        decoder: BodyDecoder,
        first: bytes,
        release: Release,
        *,
        keep: bool,
        timeout_s: float | None,
    ) -> None:
        self._connection = connection
        self._decoder = decoder
        self._release = release
        self._kept = keep
        self._timeout_s = timeout_s
        self._open = True  # the connection is ours
        self._reading = False
        self._closed = False
        self._failure: httpx2.TransportError | None = None  # raised after what came before it
        self._first = b""
        if decoder.ended:
            self._end(excess=bool(first))
        elif first:
            self._first = self._decode(first)

    def __repr__(self) -> str:
        state = "open" if self._open else "closed early" if self._closed else "ended"
        return f"<ResponseBody from {self._connection.origin.url}, {state}>"

    @property
    def is_closed(self) -> bool:
        """Whether it was closed before all of it was given out, by `aclose` or by an error."""
        return self._closed

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next bytes.

        Raises:
            httpx2.ReadTimeout: none came within the read timeout of the request.
            httpx2.ReadError: the connection broke.
            httpx2.RemoteProtocolError: the body is cut off, or its framing is broken.
            httpx2.StreamClosed: it was closed before its end.
            trio.BusyResourceError: another task reads it; that task is not disturbed.
        """
        if self._reading:
            raise trio.BusyResourceError("another task reads this body: it has one reader")
        self._reading = True
        try:
            if self._first:
                await trio.lowlevel.checkpoint()
                first, self._first = self._first, b""
                return first
            while self._open:
                data = await self._connection.receive(self._timeout_s)
                payload = self._decode(data) if self._open else b""
                if payload:
                    return payload
        except httpx2.TransportError:
            self._close()
            raise
        finally:
            self._reading = False
        raise self._what_ended()

    def _what_ended(self) -> Exception:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            self._closed = True
            return failure
        return httpx2.StreamClosed() if self._closed else StopAsyncIteration()

    def _decode(self, data: bytes) -> bytes:
        decoder = self._decoder
        if data:
            payload = decoder.feed(data)
        else:
            payload = b""
            decoder.feed_eof()
        if decoder.failure is not None:
            self._failure = httpx2.RemoteProtocolError(str(decoder.failure))
            self._failure.__cause__ = decoder.failure
            self._let_go(keep=False)
        elif decoder.ended:
            self._end(excess=decoder.excess)
        return payload

    def _end(self, *, excess: bool) -> None:
        self._let_go(keep=self._kept and not excess)

    def _let_go(self, *, keep: bool) -> None:
        self._open = False
        self._release(self._connection, keep)

    async def aclose(self) -> None:
        """Close it: if the end was not read, the socket is closed now. Never waits, and is no checkpoint."""
        self._close()

    def _close(self) -> None:
        if self._open or self._first or self._failure is not None:
            self._closed = True
        self._first = b""
        self._failure = None
        if self._open:
            self._let_go(keep=False)


def body_of(response: httpx2.Response) -> ResponseBody | None:
    """The body of a response, to be read without the layers above it.

    Three async generators of httpx2's stand between `response.aiter_raw()` and the transport. This is the transport's
    own object: cheaper by 2 µs a piece, and leaving its loop early needs no care but the `response.aclose()` that every
    streamed response needs::

        response = await client.send(request, stream=True)
        try:
            body = body_of(response)
            async for piece in body if body is not None else response.aiter_bytes():
                ...
        finally:
            await response.aclose()

    Returns:
        None if `response.aiter_bytes()` is to be used: the response came over another transport, such as a proxy's, its
        content is coded (gzip), which httpx2 undoes, or it was read or closed before, or given another stream, such as
        by an event hook.
    """
    body = response.extensions.get(EXTENSION)
    if not isinstance(body, ResponseBody) or body.is_closed or response.is_closed or response.is_stream_consumed:
        return None
    if isinstance(response.stream, httpx2.ByteStream):
        return None
    return body if response.headers.get("content-encoding", "identity").lower() == "identity" else None
