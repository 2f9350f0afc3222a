"""Anthropic's models, and those of servers that speak like Anthropic's, through the anthropic SDK."""

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

import trio
from attrs import Attribute, field, frozen
from attrs.validators import instance_of, optional

from actrio.providers._access import check_address, clean_key, show_address
from actrio.providers._errors import KeyMissing, PackageMissing
from actrio.providers._provider import Connection
from actrio.providers.policy import Limits, Retry, Timeouts, govern
from actrio.providers.wire._anthropic_messages import ANTHROPIC_MESSAGES, DEFAULT_MAX_TOKENS

if TYPE_CHECKING:
    import anthropic
    import httpx2
    from anthropic.lib.bedrock import AsyncAnthropicBedrockMantle

    # The clients that speak the Messages interface itself.
    AnthropicClient: TypeAlias = (
        anthropic.AsyncAnthropic
        | anthropic.AsyncAnthropicAWS
        | AsyncAnthropicBedrockMantle
        | anthropic.AsyncAnthropicFoundry
        | anthropic.AsyncAnthropicGoogleCloud
    )

_ADDRESS: Final = "https://api.anthropic.com"
_KEY_VARIABLE: Final = "ANTHROPIC_API_KEY"
_ADDRESS_VARIABLE: Final = "ANTHROPIC_BASE_URL"

# The SDK wants a key, and servers that want none look at none.
_NO_KEY: Final = "none"

# {a client that rewrites each request for an older interface of its cloud: those for the newer one}
_OTHER_INTERFACES: Final = {
    "AsyncAnthropicBedrock": "AsyncAnthropicBedrockMantle or AsyncAnthropicAWS",
    "AsyncAnthropicVertex": "AsyncAnthropicGoogleCloud",
}


def _model(_: object, __: "Attribute[str]", model: str) -> None:
    if not model:
        raise ValueError("the model has no name: AnthropicProvider('claude-sonnet-5')")


def _positive(_: object, attribute: "Attribute[int]", value: int) -> None:
    if value < 1:
        raise ValueError(f"{attribute.name} must be at least 1, not {value!r}")


@frozen
class AnthropicProvider:
    """A model of Anthropic's, or of a server that speaks like it, by the Messages interface.

        AnthropicProvider("claude-sonnet-5")
        AnthropicProvider("claude-haiku-4-5", max_tokens=1000, limits=Limits(concurrent_requests=4))

    It needs the anthropic SDK: `pip install "actrio[anthropic]"`.

    What the model thought goes back to it, with its signature, when the conversation goes on. To have it think, say so
    in the request: `extra_body={"thinking": {"type": "adaptive"}}`. All instructions go into the field `system`,
    wherever in the conversation they stand, and answers in JSON always keep to their schema.

    This interface has no field for a request's `seed`, and no JSON without a schema: such a request raises `BadRequest`
    and is not sent. An answer that the model refuses to give raises `ContentRefused`, with the text that had come.

    The key is not shown by `repr` and in no error or log, even if the server repeats it.

    Args:
        model: By the name the server knows. A request's own `model` goes before it.
        name: The provider's name, for errors and metrics.
        base_url: Where the server is, with what comes before `/v1/messages`. None: `ANTHROPIC_BASE_URL` of the
            environment, or Anthropic's.
        api_key: None: `ANTHROPIC_API_KEY` of the environment, looked for when the provider is opened. Servers at
            another address than Anthropic's need none.
        max_tokens: The most tokens to generate, thoughts among them, for requests that do not say it: this interface
            demands a bound. An answer cut off by it ends with `Finished("length")`.
        client: An `anthropic.AsyncAnthropic` of your own, which knows the server and the key; for other clouds
            `AsyncAnthropicBedrockMantle`, `AsyncAnthropicAWS`, `AsyncAnthropicGoogleCloud` or `AsyncAnthropicFoundry`.
            It is not closed. Its own retries and time-outs are not used.
        http_client: An `httpx2.AsyncClient` of your own, for proxies, certificates and the like; an
            `httpx.AsyncClient` will do too. It is not closed. None: one of ours, closed with the provider.
        retry: What is sent again, and when. None: nothing.
        limits: How much is asked at once and in a minute. None: as much as there is.
        timeouts: How long things may take.

    Raises:
        ValueError: the model has no name, base_url is no address, max_tokens is not above 0, something is given beside
            a client that has it, or the client speaks another interface.
    """

    model: str = field(validator=_model)
    name: str = field(default="anthropic", kw_only=True)
    base_url: str | None = field(default=None, kw_only=True, validator=check_address, repr=show_address)
    api_key: str | None = field(default=None, kw_only=True, repr=False)
    max_tokens: int = field(default=DEFAULT_MAX_TOKENS, kw_only=True, validator=_positive)
    client: "AnthropicClient | None" = field(default=None, kw_only=True, repr=False)
    http_client: "httpx2.AsyncClient | None" = field(default=None, kw_only=True, repr=False)
    retry: Retry | None = field(factory=Retry, kw_only=True, validator=optional(instance_of(Retry)))
    limits: Limits | None = field(default=None, kw_only=True, validator=optional(instance_of(Limits)))
    timeouts: Timeouts = field(factory=Timeouts, kw_only=True, validator=instance_of(Timeouts))

    def __attrs_post_init__(self) -> None:
        if self.client is None:
            return
        for given in ("base_url", "api_key", "http_client"):
            if getattr(self, given) is not None:
                raise ValueError(f"client= has its own {given}: give one of them, not both")
        for kind in type(self.client).__mro__:
            if kind.__name__ in _OTHER_INTERFACES:
                raise ValueError(
                    f"an {kind.__name__} speaks another interface than Messages. For the same cloud give "
                    f"{_OTHER_INTERFACES[kind.__name__]} as client="
                )

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Connection]:
        """Open a client; see `Provider.open`. Nothing is sent yet.

        Raises:
            PackageMissing: the anthropic SDK is not installed; the message has the command.
            KeyMissing: there is no key, and the server is Anthropic's.
            AuthenticationFailed: what is there cannot be a key.
        """
        key = "" if self.client is not None else self._find_key()
        await self._load_sdk()
        import anthropic

        from actrio.providers._sdk import Dialect, open_connection, open_http_client

        connect_s = self.timeouts.connect_s
        async with AsyncExitStack() as stack:
            client = self.client
            if client is None:
                http_client = self.http_client
                if http_client is None:
                    http_client = await stack.enter_async_context(open_http_client(connect_s))
                client = anthropic.AsyncAnthropic(
                    api_key=key, base_url=self._place(), http_client=http_client, max_retries=0
                )
            connection = await stack.enter_async_context(
                open_connection(
                    self.name,
                    client,
                    Dialect(ANTHROPIC_MESSAGES, {"max_tokens": self.max_tokens}, stream_cls=anthropic.AsyncStream[Any]),
                    model=self.model,
                    secret=key or _secret_of(client),
                    connect_s=connect_s,
                )
            )
            yield govern(self.name, connection, retry=self.retry, limits=self.limits, timeouts=self.timeouts)

    async def _load_sdk(self) -> None:
        if "anthropic" in sys.modules:
            return
        if find_spec("anthropic") is None:
            raise PackageMissing(self.name, "the anthropic SDK", ('pip install "actrio[anthropic]"',))
        # It takes a second, in which other tasks should not stand still.
        await trio.to_thread.run_sync(import_module, "anthropic")

    def _place(self) -> str:
        return self.base_url or os.environ.get(_ADDRESS_VARIABLE) or _ADDRESS

    def _find_key(self) -> str:
        key = clean_key(self.name, self.api_key or os.environ.get(_KEY_VARIABLE))
        if not key and (urlsplit(self._place()).hostname or "").endswith(".anthropic.com"):
            raise KeyMissing(self.name, _KEY_VARIABLE)
        return key or _NO_KEY


def _secret_of(client: object) -> str:
    """The key of a user's own client, by whichever name it goes there; empty if it has none that can be seen."""
    names = ("api_key", "auth_token", "aws_secret_key")
    return next((key for name in names if isinstance(key := getattr(client, name, None), str) and key), "")
