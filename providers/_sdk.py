"""Sending through the clients of the SDKs of OpenAI and Anthropic, which come from one generator and are alike.

They know who we are, where a request goes and what the user has set. What they would make of a request and its answer
is not used: it copies the whole conversation at every call, and takes a tenth of a millisecond a token. They are given
the body as bytes, and give back the answer with its body unread. Nor do they retry.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, Protocol

import httpx2
import trio
from attrs import field, frozen

from actrio.providers._errors import BadRequest
from actrio.providers._http import stream_answer
from actrio.providers._legacy_httpx import adapt_error, adapt_response, errors_of_http, replace_body
from actrio.providers._request import ModelRequest
from actrio.providers._stream import EventStream
from actrio.providers.transport import open_client
from actrio.providers.wire import Wire

# How much of the body of a refusal is read, and for how long: a server may say no without end, or stop in the middle.
_KEPT_BYTES: Final = 16 * 1024
_PATIENCE_S: Final = 5.0

# How long closing a connection may take, in seconds.
_CLOSING_S: Final = 1.0

# From how many characters on a key is one that has to be hidden.
_SECRET_LENGTH: Final = 8

# The SDKs' names for the base of their errors.
_SDK_ERRORS: Final = frozenset({"OpenAIError", "AnthropicError"})

# Holds while `send` is at work: a user's client has other users, whose answers are none of our business.
_sending: Final[ContextVar[bool]] = ContextVar("_sending", default=False)


class SdkClient(Protocol):
    """What is used of `openai.AsyncOpenAI` and `anthropic.AsyncAnthropic`."""

    @property
    def base_url(self) -> httpx2.URL:
        """Where requests go."""
        ...

    @property
    def post(self) -> Callable[..., Awaitable[Any]]:
        """Send a request."""
        ...

    def is_closed(self) -> bool:
        """Whether it was closed."""
        ...


def open_http_client(connect_s: float | None) -> httpx2.AsyncClient:
    """An HTTP client for an SDK's client of our own, to be used in `async with`.

    It has no bound on connections, and of timeouts only the one for connecting: the others are the policy's. It follows
    redirects, as the SDKs' own clients do.
    """
    return open_client(timeout=httpx2.Timeout(None, connect=connect_s), follow_redirects=True)


async def send(
    client: SdkClient,
    path: str,
    body: bytes,
    wire: Wire,
    *,
    headers: Mapping[str, str] | None = None,
    connect_s: float | None = None,
    stream_cls: Any = None,
) -> httpx2.Response:
    """Post the body once and give the answer, of which only the head is read: the `send` of `stream_answer`.

    An answer with an error status is given like another, its body read as far as `short_refusals` lets it be.
    Cancelled, it leaves no connection behind. The first request of a client runs a thread for some milliseconds, in
    which the SDK looks at what system this is; a cancellation waits for it.

    Args:
        client: Of the SDK; it says where the path is, signs the request and adds the headers that it was set to add.
        path: Under the client's base address.
        body: The whole body, in JSON.
        wire: What the answer is to be written in.
        headers: Further ones.
        connect_s: How many seconds reaching the server may take. None: as long as it takes.
        stream_cls: The SDK's `AsyncStream[Any]`, which Anthropic's needs where its user has set middleware.

    Raises:
        httpx2.HTTPError: nothing answered.
    """
    options = {
        "max_retries": 0,
        "timeout": httpx2.Timeout(None, connect=connect_s),
        "headers": {
            "content-type": "application/json",
            "accept": wire.answer_type,
            "accept-encoding": "identity",
            **(headers or {}),
        },
    }
    failure: Exception | None = None
    sending = _sending.set(True)
    try:
        answer = await client.post(
            path, cast_to=httpx2.Response, content=body, stream=True, stream_cls=stream_cls, options=options
        )
    except Exception as error:  # noqa: BLE001 - raised below, unless it has the answer
        # The SDK's error for a status has the answer, as has httpx2's own if a hook of the user's raised it.
        answer = getattr(error, "response", None)
        if answer is None:
            failure = _http_error(error)
    finally:
        _sending.reset(sending)
    if failure is not None:
        # Here, where it gets no new cause: it often is the cause of what was caught.
        try:
            raise failure
        finally:
            del failure
    return adapt_response(getattr(answer, "response", answer))


def _http_error(error: Exception) -> Exception:
    """What `stream_answer` knows of an error of the SDK; any other error as it is."""
    if not _SDK_ERRORS.isdisjoint(base.__name__ for base in type(error).__mro__):
        cause = error.__cause__
        return adapt_error(cause if isinstance(cause, errors_of_http()) else httpx2.TransportError(str(cause or error)))
    return adapt_error(error) if isinstance(error, errors_of_http()) else error


@contextmanager
def short_refusals(client: SdkClient) -> Generator[None]:
    """While it is open, `send` reads no more than the beginning of an answer that has an error status.

    The SDKs read such an answer to its end, whenever that is. This reads 16 KiB of it, for 5 seconds at most, and gives
    them that as the whole. Answers to others who use the same client stay as they are.
    """
    http_client = getattr(client, "_client", None)
    hooks: dict[str, list[Any]] | None = getattr(http_client, "event_hooks", None)
    if hooks is None:
        # A client that was given something else to send with; then the policy's timeouts are the only bound.
        yield
        return

    async def shorten(response: Any) -> None:
        if _sending.get() and not response.is_success and not response.is_stream_consumed:
            replace_body(response, await _read_beginning(response.stream))

    # New lists, because somebody may be in the middle of the old one.
    hooks["response"] = [*hooks["response"], shorten]
    try:
        yield
    finally:
        hooks["response"] = [hook for hook in hooks["response"] if hook is not shorten]


async def _read_beginning(stream: Any) -> bytes:
    read = b""
    chunks = aiter(stream)
    try:
        with trio.move_on_after(_PATIENCE_S), suppress(*errors_of_http()):
            async for chunk in chunks:
                read += chunk
                if len(read) >= _KEPT_BYTES:
                    break
    finally:
        # Cancelled while they wait for bytes, generators inside generators unwind and clean up; see `_http.Body`.
        with trio.CancelScope(shield=True) as unwinding, suppress(*errors_of_http()):
            unwinding.cancel()
            async for _ in chunks:
                pass
        with trio.move_on_after(_CLOSING_S, shield=True):
            await stream.aclose()
    return read[:_KEPT_BYTES]


@frozen
class Dialect:
    """How a provider speaks a wire format through an SDK's client.

    Attributes:
        wire: The format.
        fields: Keywords for its `encode`, under what the request says itself.
        headers: Further headers of each request.
        path: Where a request for a model goes, if not to the format's own path.
        stream_cls: As `send` takes it.
    """

    wire: Wire
    fields: Mapping[str, Any] = field(factory=dict[str, Any])
    headers: Mapping[str, str] = field(factory=dict[str, str])
    path: Callable[[str], str] | None = None
    stream_cls: Any = None


class SdkConnection:
    """An open provider that sends through an SDK's client."""

    def __init__(
        self, name: str, client: SdkClient, dialect: Dialect, *, model: str, secret: str, connect_s: float | None
    ) -> None:
        self._name = name
        self._client = client
        self._dialect = dialect
        self._model = model
        # What is shorter is no secret but a word for a server that wants none, and would be cut out of other words.
        self._secret = secret if len(secret) >= _SECRET_LENGTH else ""
        self._connect_s = connect_s
        self._open = True

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[EventStream]:
        """Stream the model's answer; see `Connection.stream`.

        Raises:
            BadRequest: also, with status 0 and before anything is sent, if the format has no place for something that
                the request says.
        """
        if not self._open or self._client.is_closed():
            raise trio.ClosedResourceError(f"provider {self._name!r} is not open any more")
        dialect = self._dialect
        wire = dialect.wire
        model = request.model or self._model
        try:
            body = wire.encode(request, **{"model": model, **dialect.fields})
        except ValueError as unsaid:
            raise BadRequest(self._name, 0, str(unsaid), code="not_supported") from None
        posted = partial(
            send,
            self._client,
            wire.path if dialect.path is None else dialect.path(model),
            body,
            wire,
            headers=dialect.headers,
            connect_s=self._connect_s,
            stream_cls=dialect.stream_cls,
        )
        async with stream_answer(posted, wire, provider=self._name, secret=self._secret) as stream:
            yield stream

    def close(self) -> None:
        """Let no further stream begin."""
        self._open = False


@asynccontextmanager
async def open_connection(
    name: str, client: SdkClient, dialect: Dialect, *, model: str, secret: str = "", connect_s: float | None = None
) -> AsyncGenerator[SdkConnection]:
    """A connection over an SDK's client, which stays open when the block is left.

    Args:
        name: Of the provider, for errors.
        client: The SDK's.
        dialect: What is spoken over it.
        model: Which one, where a request names none.
        secret: The key, which no error may show. Hidden from 8 characters on.
        connect_s: How many seconds reaching the server may take.
    """
    connection = SdkConnection(name, client, dialect, model=model, secret=secret, connect_s=connect_s)
    with short_refusals(client):
        try:
            yield connection
        finally:
            connection.close()
