import gc
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx2
import openai
import pytest
import trio

from actrio.providers import (
    BadRequest,
    ConnectionLost,
    EventStream,
    Finished,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    ServerFailed,
    TextDelta,
)
from actrio.providers._http import stream_answer
from actrio.providers._sdk import open_http_client, send, short_refusals
from actrio.providers.wire import CHAT_COMPLETIONS
from tests.providers.fault_server import (
    BROKEN_HEADS,
    CHUNKED,
    Close,
    Hang,
    Repeat,
    Script,
    Send,
    chunk,
    chunked,
    events,
    fault_server,
    sized,
)

KEY = "sk-very-secret-0123456789"
HELLO = b'{"id":"x","choices":[{"delta":{"content":"hello"}}]}'
STOP = b'{"id":"x","choices":[{"delta":{},"finish_reason":"stop"}]}'
ANSWER = Send(chunked(events(HELLO, STOP, b"[DONE]")))
BUSY = b"HTTP/1.1 429 Too Many\r\n"
WORDS = b'{"error":{"message":"not so fast","code":"rate_limit_exceeded"}}'


@asynccontextmanager
async def sdk_client(url: str, http_client: Any = None) -> AsyncGenerator[openai.AsyncOpenAI]:
    if http_client is not None:
        yield openai.AsyncOpenAI(api_key=KEY, base_url=url, http_client=http_client)
        return
    async with open_http_client(None) as own:
        yield openai.AsyncOpenAI(api_key=KEY, base_url=url, http_client=own)


@asynccontextmanager
async def answer_of(client: openai.AsyncOpenAI, **how: Any) -> AsyncGenerator[EventStream]:
    posted = partial(send, client, "/chat/completions", b"{}", CHAT_COMPLETIONS, **how)
    with short_refusals(client):
        async with stream_answer(posted, CHAT_COMPLETIONS, provider="desk", secret=KEY) as stream:
            yield stream


async def read(client: openai.AsyncOpenAI, **how: Any) -> list[Any]:
    async with answer_of(client, **how) as stream:
        return [event async for event in stream]


async def test_the_body_goes_out_as_it_is_with_what_the_sdk_knows_and_is_sent_once() -> None:
    async with fault_server([ANSWER]) as server, sdk_client(server.url + "/v9") as client:
        assert await read(client, headers={"x-mine": "yes"}) == [TextDelta("hello"), Finished("stop", "x")]

    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("POST", "/v9/chat/completions", b"{}")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "text/event-stream"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["x-mine"] == "yes"


@pytest.mark.parametrize("status", [b"429 Too Many", b"500 No", b"503 No", b"408 No"])
async def test_a_refusal_is_told_once_and_not_retried_by_the_sdk(status: bytes) -> None:
    refusal = sized(WORDS, b"retry-after: 7", b"x-request-id: r1", status=b"HTTP/1.1 %s\r\n" % status)
    async with fault_server([Send(refusal)]) as server, sdk_client(server.url) as client:
        with pytest.raises((RateLimited, ServerFailed), match="not so fast") as caught:
            await read(client)

    assert (caught.value.retry_after_s, caught.value.request_id) == (7, "r1")
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"x" * 1000, chunk(b"x" * 1000)], ids=["until close", "chunked"])
async def test_a_refusal_without_end_is_read_only_so_far(body: bytes) -> None:
    coding = b"transfer-encoding: chunked\r\n" if body.endswith(b"\r\n") else b""
    script: Script = [Send(b"HTTP/1.1 500 No\r\n" + coding + b"\r\n"), Repeat(body)]
    async with fault_server(script) as server, sdk_client(server.url) as client:
        with trio.fail_after(4), pytest.raises(ServerFailed) as caught:
            await read(client)
        with trio.fail_after(4):
            await server.all_closed()

    assert len(caught.value.words) == 16 * 1024


@pytest.mark.parametrize(
    "script",
    [
        [Send(sized(WORDS, status=BUSY).removesuffix(b"}")), Close()],
        [Send(BUSY + b"transfer-encoding: chunked\r\n\r\n"), Send(chunk(WORDS)), Send(b"zz\r\n"), Hang()],
    ],
    ids=["closed", "garbage"],
)
async def test_a_refusal_that_breaks_off_is_one_with_the_words_that_had_come(script: Script) -> None:
    async with fault_server(script) as server, sdk_client(server.url) as client:
        with pytest.raises(RateLimited, match="not so fast"):
            await read(client)


async def test_a_refusal_that_stalls_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actrio.providers._sdk._PATIENCE_S", 0.05)
    stalled = sized(WORDS + b" " * 9, status=BUSY)[:-9]
    async with fault_server([Send(stalled), Hang()]) as server, sdk_client(server.url) as client:
        with trio.fail_after(4), pytest.raises(RateLimited, match="not so fast"):
            await read(client)
        with trio.fail_after(4):
            await server.all_closed()


async def test_refusals_to_others_who_use_the_same_client_stay_whole_and_nothing_stays_with_it() -> None:
    long = sized(b"x" * 50_000, status=b"HTTP/1.1 400 No\r\n")
    async with fault_server([Send(long)]) as server, httpx2.AsyncClient() as own:
        client = openai.AsyncOpenAI(api_key=KEY, base_url=server.url, http_client=own)
        with short_refusals(client), pytest.raises(openai.BadRequestError) as theirs:
            await client.models.list()
        with pytest.raises(BadRequest) as ours:
            await read(client)

        assert len(theirs.value.response.content) == 50_000
        assert len(ours.value.words) == 16 * 1024
        assert own.event_hooks["response"] == []


async def test_a_hook_of_the_users_that_raises_for_a_status_does_not_hide_it() -> None:
    async def raises(response: httpx2.Response) -> None:
        response.raise_for_status()

    hooks: dict[str, list[Callable[..., Any]]] = {"response": [raises]}
    refusal = sized(WORDS, b"retry-after: 7", status=BUSY)
    async with (
        fault_server([Send(refusal)]) as server,
        httpx2.AsyncClient(event_hooks=hooks) as own,
        sdk_client(server.url, own) as client,
    ):
        with pytest.raises(RateLimited) as caught:
            await read(client)

    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("head", BROKEN_HEADS.values(), ids=BROKEN_HEADS.keys())
async def test_no_answer_is_a_server_that_cannot_be_reached(head: Script) -> None:
    async with fault_server(head) as server, sdk_client(server.url) as client:
        with trio.fail_after(4), pytest.raises(ProviderUnreachable):
            await read(client)


async def test_nobody_at_the_address_is_a_server_that_cannot_be_reached() -> None:
    async with fault_server([Close()]) as server:
        pass
    async with sdk_client(server.url) as client:
        with pytest.raises(ProviderUnreachable):
            await read(client)


async def test_connecting_takes_only_so_long() -> None:
    class Slow(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectTimeout(f"after {request.extensions['timeout']['connect']} s")

    async with httpx2.AsyncClient(transport=Slow()) as own, sdk_client("http://127.0.0.1", own) as client:
        with pytest.raises(ProviderTimeout) as caught:
            await read(client, connect_s=3.5)

    assert (caught.value.phase, caught.value.seconds) == ("connect", 3.5)


@pytest.mark.parametrize(
    "script",
    [[Hang()], [Send(CHUNKED), Hang()], [Send(CHUNKED + chunk(events(HELLO))), Hang()], [Send(BUSY), Hang()]],
    ids=["before the head", "before a token", "between tokens", "in a refusal"],
)
async def test_cancelling_closes_the_connection_and_leaves_nothing_to_the_collector(script: Script) -> None:
    async with fault_server(script) as server, sdk_client(server.url) as client:
        for _ in range(2):  # the second time without the SDK's thread
            with trio.move_on_after(0.1) as scope:
                await read(client)
            assert scope.cancelled_caught
            gc.collect()
            with trio.fail_after(4):
                await server.all_closed()


async def test_leaving_early_closes_the_connection() -> None:
    async with fault_server([Send(CHUNKED), Repeat(chunk(events(HELLO)))]) as server, sdk_client(server.url) as client:
        async with answer_of(client) as stream:
            await anext(stream)
        gc.collect()
        with trio.fail_after(4):
            await server.all_closed()


async def test_the_key_is_in_no_error_and_no_log_though_the_server_repeats_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    words = b'{"error":{"message":"what key is %s","code":"invalid_api_key"}}' % KEY.encode()
    scripts: list[Script] = [
        [Send(sized(words, status=b"HTTP/1.1 401 No\r\n"))],
        [Send(sized(words, b"content-type: text/html"))],
        [Send(chunked(events(words)))],
        [Send(chunked(events(b"<p>" + KEY.encode())))],
        [Send(b"HTTP/1.1 " + KEY.encode() + b"\r\n\r\n")],
    ]
    async with fault_server(*scripts) as server, sdk_client(server.url) as client:
        for _ in scripts:
            with pytest.raises(Exception, match="desk") as caught:
                await read(client)
            assert KEY not in f"{caught.value!r} {caught.value} {vars(caught.value)}"
    assert KEY not in caplog.text


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
async def test_a_client_of_httpx_ends_in_all_the_ways_one_of_httpx2_does(library: str) -> None:
    http: Any = pytest.importorskip(library)
    stream = Send(CHUNKED + chunk(events(HELLO)))
    refusal = sized(WORDS + b" " * 50_000, b"retry-after: 7", status=BUSY)
    scripts: list[Script] = [
        [ANSWER],
        [Send(refusal)],
        [Close()],
        [stream, Close()],
        [stream, Repeat(chunk(events(HELLO)))],
        [stream, Hang()],
    ]
    async with fault_server(*scripts) as server, http.AsyncClient() as own, sdk_client(server.url, own) as client:
        assert await read(client) == [TextDelta("hello"), Finished("stop", "x")]
        with pytest.raises(RateLimited, match="not so fast") as caught:
            await read(client)
        assert (caught.value.retry_after_s, len(caught.value.words)) == (7, len("not so fast"))
        with pytest.raises(ProviderUnreachable):
            await read(client)
        with pytest.raises(ConnectionLost) as lost:
            await read(client)
        assert lost.value.received == "hello"
        async with answer_of(client) as answer:
            await anext(answer)
        with trio.move_on_after(0.1) as scope:
            await read(client)
        assert scope.cancelled_caught
        gc.collect()
        with trio.fail_after(4):
            await server.all_closed()
