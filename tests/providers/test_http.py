import gc
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial

import httpx2
import pytest
import trio

from actrio.providers import EventStream, Finished, ProtocolViolation, ProviderUnreachable, RequestRefused, TextDelta
from actrio.providers._http import open_local_client as open_client
from actrio.providers._http import post, stream_answer
from actrio.providers.wire import CHAT_COMPLETIONS

Handler = Callable[[trio.SocketStream], Awaitable[None]]


def post_for_events(client: httpx2.AsyncClient) -> AbstractAsyncContextManager[EventStream]:
    return stream_answer(partial(post, client, CHAT_COMPLETIONS, b"{}"), CHAT_COMPLETIONS, provider="desk")


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def framed(payload: bytes) -> bytes:
    data = b"data: " + payload + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


CHUNK = framed(b'{"choices":[{"delta":{"content":"hello"}}]}')
END = framed(b'{"choices":[{"delta":{},"finish_reason":"stop"}]}') + framed(b"[DONE]") + b"0\r\n\r\n"


@asynccontextmanager
async def server(handler: Handler) -> AsyncGenerator[str]:
    """A server on loopback that reads the head of each request and then does what the handler does."""

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await handler(stream)

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(trio.serve_tcp, serve, 0)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


def answering(answer: bytes) -> Handler:
    async def handler(stream: trio.SocketStream) -> None:
        await stream.send_all(answer)

    return handler


async def send_until_closed(stream: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError):
        while True:
            await stream.send_all(CHUNK)


class Endless:
    """A handler that sends chunks until the connection is closed, and knows whether it was."""

    def __init__(self) -> None:
        self.closed = trio.Event()

    async def __call__(self, stream: trio.SocketStream) -> None:
        await stream.send_all(STREAM)
        await send_until_closed(stream)
        self.closed.set()


async def test_the_events_come_as_they_are_sent() -> None:
    answer = STREAM + CHUNK + END
    async with (
        server(answering(answer)) as url,
        open_client(url, {}) as client,
        post_for_events(client) as stream,
    ):
        assert [event async for event in stream] == [TextDelta("hello"), Finished("stop")]


@pytest.mark.parametrize("chunks_read", [0, 1, 2])
async def test_leaving_early_closes_the_connection_and_leaves_no_generator_to_the_collector(chunks_read: int) -> None:
    endless = Endless()
    async with server(endless) as url, open_client(url, {}) as client:
        async with post_for_events(client) as stream:
            for _ in range(chunks_read):
                await anext(stream)
        # Trio warns of an async generator that the collector ends; here a warning is an error.
        gc.collect()
        with trio.fail_after(5):
            await endless.closed.wait()


async def test_leaving_while_cancelled_closes_the_connection() -> None:
    endless = Endless()
    async with server(endless) as url, open_client(url, {}) as client:
        with trio.CancelScope() as scope:
            async with post_for_events(client) as stream:
                await anext(stream)
                scope.cancel()
                await trio.sleep_forever()
        assert scope.cancelled_caught
        with trio.fail_after(5):
            await endless.closed.wait()


async def test_an_error_of_the_body_passes_through_as_it_is() -> None:
    async with server(Endless()) as url, open_client(url, {}) as client:
        with pytest.raises(KeyError, match="mine"):  # noqa: PT012 - where it is raised is the point
            async with post_for_events(client) as stream:
                await anext(stream)
                raise KeyError("mine")


async def test_an_error_status_is_a_refusal_with_the_servers_words() -> None:
    body = b'{"error":{"message":"too many words"}}'
    answer = b"HTTP/1.1 413 No\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with server(answering(answer)) as url, open_client(url, {}) as client:
        with pytest.raises(RequestRefused, match=r"\(413\): too many words"):
            async with post_for_events(client):
                pytest.fail("the stream opened")


async def test_a_long_refusal_is_not_read_to_its_end() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 500 No\r\n\r\n")
        await send_until_closed(stream)

    async with server(handler) as url, open_client(url, {}) as client:
        with pytest.raises(RequestRefused) as caught:
            async with post_for_events(client):
                pytest.fail("the stream opened")
        assert len(caught.value.words) == 16 * 1024


async def test_a_page_where_a_stream_should_be_is_a_protocol_violation_that_shows_it() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\n<h1>Hello"
    async with server(answering(answer)) as url, open_client(url, {}) as client:
        with pytest.raises(ProtocolViolation, match="<h1>Hello"):
            async with post_for_events(client):
                pytest.fail("the stream opened")


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200", b"garbage\r\n\r\n"], ids=["nothing", "half a head", "garbage"]
)
async def test_no_answer_is_a_server_that_cannot_be_reached(answer: bytes) -> None:
    async with server(answering(answer)) as url, open_client(url, {}) as client:
        with pytest.raises(ProviderUnreachable, match="provider 'desk'"):
            async with post_for_events(client):
                pytest.fail("the stream opened")


async def test_nobody_at_the_address_is_a_server_that_cannot_be_reached() -> None:
    async with server(answering(b"")) as url:
        pass
    async with open_client(url, {}) as client:
        with pytest.raises(ProviderUnreachable):
            async with post_for_events(client):
                pytest.fail("the stream opened")


async def test_an_error_that_does_not_name_the_server_is_told_with_its_address() -> None:
    async def send() -> httpx2.Response:
        request = httpx2.Request("POST", "http://somebody:secret@nowhere.invalid:8/v1")
        raise httpx2.ConnectError("Name or service not known", request=request)

    with pytest.raises(ProviderUnreachable, match=r"Name or service not known, at http://nowhere\.invalid:8$"):
        async with stream_answer(send, CHAT_COMPLETIONS, provider="desk"):
            pytest.fail("the stream opened")
