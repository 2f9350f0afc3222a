"""OpenAI's models, and those of every server that speaks like OpenAI's, through the openai SDK."""

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import trio
from attrs import Attribute, field, frozen
from attrs.validators import instance_of, optional

from actrio.providers._access import check_address, clean_key, show_address
from actrio.providers._errors import KeyMissing
from actrio.providers._provider import Connection
from actrio.providers.policy import Limits, Retry, Timeouts, govern
from actrio.providers.wire import CHAT_COMPLETIONS, RESPONSES, Wire

if TYPE_CHECKING:
    import httpx2
    import openai

_ADDRESS: Final = "https://api.openai.com/v1"
_KEY_VARIABLE: Final = "OPENAI_API_KEY"
_ADDRESS_VARIABLE: Final = "OPENAI_BASE_URL"

# The SDK wants a key, and servers that want none look at none.
_NO_KEY: Final = "none"


def _model(_: object, __: "Attribute[str]", model: str) -> None:
    if not model:
        raise ValueError("the model has no name: OpenAIProvider('gpt-5-mini')")


@frozen
class _OpenAIServer:
    """A model on a server, and how the server is reached."""

    model: str = field(validator=_model)
    name: str = field(default="openai", kw_only=True)
    base_url: str | None = field(default=None, kw_only=True, repr=show_address, validator=check_address)
    api_key: str | None = field(default=None, kw_only=True, repr=False)
    organization: str | None = field(default=None, kw_only=True)
    project: str | None = field(default=None, kw_only=True)
    client: "openai.AsyncOpenAI | None" = field(default=None, kw_only=True, repr=False)
    http_client: "httpx2.AsyncClient | None" = field(default=None, kw_only=True, repr=False)
    retry: Retry | None = field(factory=Retry, kw_only=True, validator=optional(instance_of(Retry)))
    limits: Limits | None = field(default=None, kw_only=True, validator=optional(instance_of(Limits)))
    timeouts: Timeouts = field(factory=Timeouts, kw_only=True, validator=instance_of(Timeouts))

    def __attrs_post_init__(self) -> None:
        if self.client is None:
            return
        for given in ("base_url", "api_key", "organization", "project", "http_client"):
            if getattr(self, given) is not None:
                raise ValueError(f"client= has its own {given}: give one of them, not both")

    def _place(self) -> str:
        return self.base_url or os.environ.get(_ADDRESS_VARIABLE) or _ADDRESS

    def _find_key(self) -> str:
        key = clean_key(self.name, self.api_key or os.environ.get(_KEY_VARIABLE))
        if not key:
            if _is_openai(self._place()):
                raise KeyMissing(self.name, _KEY_VARIABLE)
            return _NO_KEY
        return key

    @asynccontextmanager
    async def _connect(self, wire: Wire) -> AsyncGenerator[Connection]:
        key = "" if self.client is not None else self._find_key()
        if "openai" not in sys.modules:
            # It takes a second, in which other tasks should not stand still.
            await trio.to_thread.run_sync(import_module, "openai")
        from actrio.providers._sdk import open_connection, open_http_client

        connect_s = self.timeouts.connect_s
        async with AsyncExitStack() as stack:
            client = self.client
            if client is None:
                http_client = self.http_client
                if http_client is None:
                    http_client = await stack.enter_async_context(open_http_client(connect_s))
                client = self._make_client(key, http_client)
            connection = await stack.enter_async_context(
                open_connection(
                    self.name,
                    client,
                    _dialect(wire, client),
                    model=self.model,
                    secret=key or client.api_key,
                    connect_s=connect_s,
                )
            )
            yield govern(self.name, connection, retry=self.retry, limits=self.limits, timeouts=self.timeouts)

    def _make_client(self, key: str, http_client: "httpx2.AsyncClient") -> "openai.AsyncOpenAI":
        import openai

        return openai.AsyncOpenAI(
            api_key=key,
            base_url=self._place(),
            organization=self.organization,
            project=self.project,
            http_client=http_client,
            max_retries=0,
        )


def _is_openai(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    return host.endswith((".openai.com", ".openai.azure.com"))


def _dialect(wire: Wire, client: "openai.AsyncOpenAI") -> Any:
    import openai

    from actrio.providers._sdk import Dialect

    if wire is not CHAT_COMPLETIONS:
        return Dialect(wire)
    azure = isinstance(client, openai.AsyncAzureOpenAI)
    dialect = Dialect(wire, {"of_openai": azure or _is_openai(str(client.base_url))})
    if not azure or "/deployments" in client.base_url.path:
        return dialect
    # Azure has an address for each deployment, which the SDK knows how to make only from a body that it can read.
    return Dialect(wire, dialect.fields, path=lambda model: f"/deployments/{quote(model, safe='')}{wire.path}")


@frozen
class OpenAIProvider(_OpenAIServer):
    """A model of OpenAI's, or of a server that speaks like it, by Chat Completions.

        OpenAIProvider("gpt-5-mini")
        OpenAIProvider("qwen3", base_url="http://127.0.0.1:8080/v1", retry=Retry(attempts=5))

    It is made for what servers do with this format: vLLM, llama.cpp, LM Studio, OpenRouter, DeepSeek, Azure and others.
    OpenAI's own is told `max_tokens` as `max_completion_tokens`, which its newer models want and others do not know. If
    a server wants it otherwise, say so in the request's `extra_body`, and leave `max_tokens` out. What a model thought
    before it called a tool goes back to a server that sent it; OpenAI's sends none here, see `OpenAIResponsesProvider`.

    The key is not shown by `repr` and in no error or log, even if the server repeats it.

    Args:
        model: By the name the server knows. On Azure, the deployment's. A request's own `model` goes before it.
        name: The provider's name, for errors and metrics.
        base_url: Where the server is, with what comes before `/chat/completions`. None: `OPENAI_BASE_URL` of the
            environment, or OpenAI's.
        api_key: None: `OPENAI_API_KEY` of the environment, looked for when the provider is opened. Servers at another
            address than OpenAI's need none.
        organization: Whom to charge, where the key belongs to several. None: `OPENAI_ORG_ID` of the environment.
        project: Likewise, `OPENAI_PROJECT_ID`.
        client: An `openai.AsyncOpenAI` or `AsyncAzureOpenAI` of your own, which knows all of the above. It is not
            closed. Its own retries and time-outs are not used.
        http_client: An `httpx2.AsyncClient` of your own, for proxies, certificates and the like; an
            `httpx.AsyncClient` will do too. It is not closed. None: one of ours, closed with the provider.
        retry: What is sent again, and when. None: nothing.
        limits: How much is asked at once and in a minute. None: as much as there is.
        timeouts: How long things may take.

    Raises:
        ValueError: the model has no name, base_url is no address, or something is given beside a client that has it.
    """

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Connection]:
        """Open a client; see `Provider.open`. Nothing is sent yet.

        Raises:
            KeyMissing: there is no key, and the server is OpenAI's.
            AuthenticationFailed: what is there cannot be a key.
        """
        async with self._connect(CHAT_COMPLETIONS) as connection:
            yield connection


@frozen
class OpenAIResponsesProvider(_OpenAIServer):
    """A model of OpenAI's, by its Responses interface.

    What the model thought goes back to it, encrypted, when the conversation goes on, and OpenAI is told to store
    nothing. A summary of it to read has to be asked for: `extra_body={"reasoning": {"summary": "auto"}}`.

    This interface has no field for a request's `seed` and `stop`: such a request raises `BadRequest` and is not sent.

    The arguments are those of `OpenAIProvider`.
    """

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Connection]:
        """Open a client; see `OpenAIProvider.open`."""
        async with self._connect(RESPONSES) as connection:
            yield connection
