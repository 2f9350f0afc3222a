"""The models of an Ollama server, by its own interface."""

import os
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import trio
from attrs import Attribute, evolve, field, frozen
from attrs.validators import instance_of, optional

from actrio.providers._access import check_address, clean_key, show_address
from actrio.providers._errors import (
    BadRequest,
    KeyMissing,
    NotFound,
    ProviderError,
    ProviderUnreachable,
)
from actrio.providers._messages import Assistant
from actrio.providers._provider import Connection
from actrio.providers._request import ModelRequest
from actrio.providers._stream import EventStream
from actrio.providers.policy import Limits, Retry, Timeouts, govern
from actrio.providers.wire._ollama_chat import OLLAMA_CHAT, OllamaChatDecoder

if TYPE_CHECKING:
    import httpx2

_ADDRESS_VARIABLE: Final = "OLLAMA_HOST"
_KEY_VARIABLE: Final = "OLLAMA_API_KEY"
_PORT: Final = 11434

# What is shorter is no secret but a word, and would be cut out of other words.
_SECRET_LENGTH: Final = 8
_CLOUD: Final = "ollama.com"

# scheme://, then a host that may be an address of IPv6, in brackets or bare, then :port, then /path; all but the host
# may be missing, and it too.
_HOST_FORM: Final = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\[[^\]/]*\]|[^/:]*|[^/]*:[^/]*:[^/]*)(?::(?P<port>\d+))?(?P<path>/.*)?"
)


def parse_host(said: str) -> str:
    """The address that `OLLAMA_HOST` means, in any form that Ollama itself takes.

    Those are `host`, `host:port`, `:port`, an address of IPv6, and each with a scheme and a path. Without a scheme it
    is http at port 11434; with one, the port of the scheme. An address at which a server listens to everybody, such as
    `0.0.0.0`, is this machine's own for who asks. See https://docs.ollama.com/faq and `envconfig` in Ollama's source.

    Raises:
        ValueError: it has none of these forms.
    """
    form = _HOST_FORM.fullmatch(said.strip().strip("\"'").strip())
    if form is None or int(form["port"] or 0) > 65535:
        raise ValueError(f"{said!r} is not host, host:port, or either with http:// or https:// before it")
    host = form["host"].strip("[]") or "127.0.0.1"
    scheme = form["scheme"] or ("https" if host == _CLOUD else "http")
    if ":" in host or re.fullmatch(r"[\d.]+", host):
        address = ip_address(host)
        if address.is_unspecified:
            address = ip_address("127.0.0.1" if address.version == 4 else "::1")
        host = str(address) if address.version == 4 else f"[{address}]"
    port = form["port"] or ("" if form["scheme"] or host == _CLOUD else str(_PORT))
    return f"{scheme}://{host}{port and ':' + port}{(form['path'] or '').rstrip('/')}"


def _model(_: object, __: "Attribute[str]", model: str) -> None:
    if not model:
        raise ValueError("the model has no name: OllamaProvider('llama3.2')")


def _patient() -> Timeouts:
    # Nothing comes while a model is loaded, nor while it writes a call.
    return Timeouts(first_event_s=300.0, between_events_s=300.0)


@frozen
class OllamaProvider:
    """A model of an Ollama server: on this machine, on another, or on ollama.com.

        OllamaProvider("llama3.2:1b")
        OllamaProvider("qwen3", keep_alive="1h", limits=Limits(concurrent_requests=2))

    The model must be there already: `ollama pull llama3.2:1b`. The first request loads it, which may take minutes.

    An Ollama server cuts off what is too long for its context without a word: the oldest messages go. How long that is
    can be said by `extra_body={"options": {"num_ctx": 16384}}`, and whether the model is to think by
    `extra_body={"think": False}`. What it thought before it called a tool goes back to it with the call.

    A model there calls tools as it likes, and the server fetches no images: a request with `tool_choice="required"`,
    `UseTool` or `parallel_tool_calls=False`, or with an image by its address, raises `BadRequest` and is not sent.

    The key is not shown by `repr` and in no error or log, even if the server repeats it.

    Args:
        model: By the name the server knows. A request's own `model` goes before it.
        name: The provider's name, for errors and metrics.
        base_url: Where the server is, with what comes before `/api/chat`. None: `OLLAMA_HOST` of the environment in any
            of its forms, looked for when the provider is opened, or http://127.0.0.1:11434.
        api_key: Servers of your own need none. None: for ollama.com alone, `OLLAMA_API_KEY` of the environment.
        keep_alive: How long the server keeps the model loaded after an answer: seconds, or a text such as "10m"; below
            0 for ever. None: as the server likes, 5 minutes.
        http_client: An `httpx2.AsyncClient` of your own, for proxies, certificates and the like; an
            `httpx.AsyncClient` will do too. It is not closed. None: one of ours, closed with the provider, which goes
            through no proxy to a server on this machine.
        retry: What is sent again, and when. None: nothing.
        limits: How much is asked at once and in a minute. None: as much as there is.
        timeouts: How long things may take. By default 300 seconds to the first event and from one to the next.

    Raises:
        ValueError: the model has no name, or base_url is no address.
    """

    model: str = field(validator=_model)
    name: str = field(default="ollama", kw_only=True)
    base_url: str | None = field(default=None, kw_only=True, validator=check_address, repr=show_address)
    api_key: str | None = field(default=None, kw_only=True, repr=False)
    keep_alive: str | float | None = field(default=None, kw_only=True)
    http_client: "httpx2.AsyncClient | None" = field(default=None, kw_only=True, repr=False)
    retry: Retry | None = field(factory=Retry, kw_only=True, validator=optional(instance_of(Retry)))
    limits: Limits | None = field(default=None, kw_only=True, validator=optional(instance_of(Limits)))
    timeouts: Timeouts = field(factory=_patient, kw_only=True, validator=instance_of(Timeouts))

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Connection]:
        """Open an HTTP client; see `Provider.open`. Nothing is sent yet, so a server that is not there shows later.

        Raises:
            ProviderUnreachable: `OLLAMA_HOST` is no address.
            KeyMissing: there is no key, and the server is ollama.com.
            AuthenticationFailed: what is there cannot be a key.
        """
        address = self._place()
        key = self._find_key(address)
        async with AsyncExitStack() as stack:
            client = self.http_client
            if client is None:
                from actrio.providers.transport import open_client

                client = await stack.enter_async_context(
                    open_client(timeout=None, trust_env=not _is_here(address), follow_redirects=True)
                )
            connection = _OllamaConnection(self, client, address, key)
            try:
                yield govern(self.name, connection, retry=self.retry, limits=self.limits, timeouts=self.timeouts)
            finally:
                connection.close()

    def _place(self) -> str:
        if self.base_url is not None:
            return self.base_url.rstrip("/")
        try:
            return parse_host(os.environ.get(_ADDRESS_VARIABLE, ""))
        except ValueError as error:
            raise ProviderUnreachable(self.name, f"{_ADDRESS_VARIABLE} of the environment: {error}") from None

    def _find_key(self, address: str) -> str:
        in_cloud = urlsplit(address).hostname == _CLOUD
        # That variable's is for ollama.com, and no other server's business.
        key = clean_key(self.name, self.api_key or (os.environ.get(_KEY_VARIABLE) if in_cloud else None))
        if in_cloud and not key:
            raise KeyMissing(self.name, _KEY_VARIABLE)
        return key


def _is_here(address: str) -> bool:
    """Whether it is this machine's, which a proxy would not reach."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _OllamaConnection:
    def __init__(self, provider: OllamaProvider, client: "httpx2.AsyncClient", address: str, key: str) -> None:
        self._provider = provider
        self._client = client
        self._address = address
        self._key = key
        self._open = True

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[EventStream]:
        """Stream the model's answer; see `Connection.stream`.

        Raises:
            BadRequest: also, with status 0 and before anything is sent, if the format has no place for something that
                the request says.
            ProviderUnreachable: also, with how to start the server, if nobody is at its address.
            NotFound: with how to get the model, if the server does not have it.
        """
        from actrio.providers._http import stream_answer

        name = self._provider.name
        if not self._open or self._client.is_closed:
            raise trio.ClosedResourceError(f"provider {name!r} is not open any more")
        model = request.model or self._provider.model
        alive = {} if self._provider.keep_alive is None else {"keep_alive": self._provider.keep_alive}
        try:
            body = OLLAMA_CHAT.encode(request, model=model, **alive)
        except ValueError as unsaid:
            raise BadRequest(name, 0, str(unsaid), code="not_supported") from None
        wire = evolve(OLLAMA_CHAT, decoder=partial(OllamaChatDecoder, taken=_ids_in(request)))
        secret = self._key if len(self._key) >= _SECRET_LENGTH else ""
        async with AsyncExitStack() as stack:
            try:
                answer = stream_answer(partial(self._send, body), wire, provider=name, secret=secret)
                stream = await stack.enter_async_context(answer)
            except (ProviderUnreachable, NotFound) as error:
                raise self._explained(error, model) from error.__cause__
            yield stream

    async def _send(self, body: bytes) -> "httpx2.Response":
        from actrio.providers._legacy_httpx import adapt_error, adapt_response, errors_of_http

        headers = {
            "content-type": "application/json",
            "accept": OLLAMA_CHAT.answer_type,
            "accept-encoding": "identity",
            **({"authorization": f"Bearer {self._key}"} if self._key else {}),
        }
        # Of the time-outs only the one for connecting: the others are the policy's. In a form that both libraries take.
        timeout = (self._provider.timeouts.connect_s, None, None, None)
        url = self._address + OLLAMA_CHAT.path
        try:
            request = self._client.build_request("POST", url, content=body, headers=headers, timeout=timeout)
            return adapt_response(await self._client.send(request, stream=True))
        except errors_of_http() as error:
            raise adapt_error(error) from error

    def _explained(self, error: ProviderUnreachable | NotFound, model: str) -> ProviderError:
        """The error with what to do about it, if that is known."""
        import httpx2

        name = self._provider.name
        if isinstance(error, NotFound):
            # At an address that it does not know, the server says "404 page not found".
            if "model" not in error.words:
                return error
            words = f"{error.words.rstrip('.')}. Get it by: ollama pull {model}"
            return NotFound(name, error.status, words, code=error.code, request_id=error.request_id)
        if not isinstance(error.__cause__, httpx2.ConnectError):
            return error
        place = urlsplit(self._address)
        where = f"{place.scheme}://{place.netloc.rpartition('@')[2]}"
        return ProviderUnreachable(
            name, f"{error.reason}. Is Ollama running at {where}? Start it there by: ollama serve"
        )

    def close(self) -> None:
        """Let no further stream begin."""
        self._open = False


def _ids_in(request: ModelRequest) -> frozenset[str]:
    answers = (message for message in request.messages if isinstance(message, Assistant))
    return frozenset(call.id for answer in answers for call in answer.tool_calls)
