"""Clients above the transport: httpx2's with its proxies, and the SDK."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2
import openai
import pytest

from actrio.providers.transport import Http11Transport, body_of, open_client
from tests.providers.fault_server import CHUNKED, END, Hang, Send, chunk, chunked, events, fault_server, sized

HELLO = chunked(b"hello")
DIRECT = "http://example.invalid/"  # nobody answers there, so whoever does is a proxy
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def goes_directly(client: httpx2.AsyncClient, url: str) -> bool:
    """Whether a request goes over our transport."""
    async with client.stream("GET", url) as response:
        return body_of(response) is not None


async def test_a_client_goes_over_the_transport() -> None:
    async with fault_server([Send(HELLO)]) as server, open_client(base_url=server.url) as client:
        assert await goes_directly(client, "/path")
    assert server.requests[0].target == "/path"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async with fault_server([Send(HELLO)]) as proxy:
        monkeypatch.setenv(name, proxy.url)
        async with open_client() as client:
            assert not await goes_directly(client, DIRECT)
    assert proxy.requests[0].target == DIRECT


async def test_tls_goes_through_a_tunnel_of_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with fault_server([Send(b"HTTP/1.1 403 No\r\n\r\n")]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with open_client() as client:
            with pytest.raises(httpx2.ProxyError):
                await client.get("https://example.invalid/")
    assert (proxy.requests[0].method, proxy.requests[0].target) == ("CONNECT", "example.invalid:443")


async def test_a_host_without_proxy_is_reached_by_the_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    async with fault_server([Send(HELLO)]) as proxy, fault_server([Send(HELLO)]) as server:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with open_client() as client:
            assert await goes_directly(client, server.url)
            assert not await goes_directly(client, DIRECT)
    assert (len(server.requests), len(proxy.requests)) == (1, 1)


async def test_a_proxy_that_is_given_is_used() -> None:
    async with fault_server([Send(HELLO)]) as proxy, open_client(proxy=proxy.url) as client:
        assert not await goes_directly(client, DIRECT)
    assert proxy.requests[0].target == DIRECT


async def test_the_environment_is_not_looked_at_when_it_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with fault_server([Hang()]) as proxy, fault_server([Send(HELLO)]) as server:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        async with open_client(trust_env=False) as client:
            assert await goes_directly(client, server.url)
    assert proxy.requests == []


async def test_another_transport_that_is_named_is_used() -> None:
    mock = httpx2.MockTransport(lambda _: httpx2.Response(200, content=b"mock"))
    async with fault_server([Send(HELLO)]) as server:
        async with open_client(mounts={"all://example.invalid": mock}) as client:
            assert (await client.get(DIRECT)).content == b"mock"
            assert await goes_directly(client, server.url)
        async with open_client(transport=mock) as client:
            assert (await client.get(server.url)).content == b"mock"


async def test_with_other_versions_of_http_the_transport_is_httpx2s() -> None:
    # `http2=True` takes the same way, but needs a package that is not everywhere.
    async with fault_server([Send(HELLO)]) as server, open_client(http1=False) as client:
        assert not await goes_directly(client, server.url)


async def test_limits_are_those_that_are_given() -> None:
    limits = httpx2.Limits(max_connections=1)
    timeout = httpx2.Timeout(None, pool=0.01)
    async with (
        fault_server([Send(CHUNKED), Hang()]) as server,
        open_client(limits=limits, timeout=timeout) as client,
        client.stream("GET", server.url),
    ):
        with pytest.raises(httpx2.PoolTimeout, match="raise max_connections"):
            await client.get(server.url)


async def test_redirects_cookies_and_content_codings_work_as_ever() -> None:
    moved = b"HTTP/1.1 302 Found\r\nlocation: /there\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
    async with fault_server([Send(moved)], [Send(HELLO)]) as server, open_client(follow_redirects=True) as client:
        response = await client.get(server.url)
    assert (response.text, len(response.history)) == ("hello", 1)
    assert server.requests[1].headers["cookie"] == "a=b"
    assert len(server.visits) == 1


# The SDK


@asynccontextmanager
async def sdk(url: str) -> AsyncGenerator[tuple[openai.AsyncOpenAI, Http11Transport]]:
    transport = Http11Transport()
    http_client = httpx2.AsyncClient(transport=transport)
    async with openai.AsyncOpenAI(base_url=url, api_key="x", http_client=http_client, max_retries=1) as client:
        yield client, transport


HEAD_OF_DELTA = b'{"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
DELTA = HEAD_OF_DELTA + b'"choices":[{"index":0,"delta":{"content":"%s"}}]}'


async def test_the_sdk_streams_typed_chunks() -> None:
    # Without the usual [DONE], at which the SDK leaves generators of its own to the collector.
    answer = chunked(events(DELTA % b"hel"), events(DELTA % b"lo"))
    async with fault_server([Send(answer)]) as server, sdk(server.url) as (client, transport):
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        )
        async with stream:
            assert "".join([part.choices[0].delta.content or "" async for part in stream]) == "hello"
        assert transport.statistics().idle == 1
    assert server.requests[0].headers["authorization"] == "Bearer x"


async def test_bytes_posted_through_the_sdk_are_answered_by_a_body_that_is_read_directly() -> None:
    streamed: bool = True
    answer = [Send(CHUNKED + chunk(events(b"1"))), Send(chunk(events(b"2")) + END)]
    async with fault_server(answer) as server, sdk(server.url) as (client, transport):
        response = await client.post(
            "/chat/completions",
            cast_to=httpx2.Response,
            content=b'{"stream":true}',
            options={"headers": {"content-type": "application/json", "accept-encoding": "identity"}},
            stream=streamed,
            stream_cls=openai.AsyncStream[object],
        )
        assert isinstance(response, httpx2.Response)
        body = body_of(response)
        assert body is not None
        assert b"".join([piece async for piece in body]) == events(b"1") + events(b"2")
        await response.aclose()
        assert transport.statistics().idle == 1
    assert server.requests[0].body == b'{"stream":true}'


async def test_the_sdk_sends_again_what_was_not_answered() -> None:
    answer = sized(b"{}", b"content-type: application/json")
    async with fault_server([Hang()], [Send(answer)]) as server, sdk(server.url) as (client, transport):
        assert await client.with_options(timeout=0.05).get("/models", cast_to=object) == {}
        assert transport.statistics().open == 1
    assert len(server.requests) == 2
