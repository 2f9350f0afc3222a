import gc
import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx2
import pytest
import trio

from actrio.providers.transport import Http11Transport, ResponseBody, body_of
from tests.providers.fault_server import (
    CHUNKED,
    END,
    OK,
    Close,
    FaultServer,
    Hang,
    Pause,
    Repeat,
    Reset,
    Send,
    chunk,
    chunked,
    fault_server,
    sized,
)


@pytest.fixture
async def transport() -> AsyncGenerator[Http11Transport]:
    async with Http11Transport() as transport:
        yield transport


async def answer_of(
    transport: Http11Transport, server: FaultServer, read_s: float | None = None
) -> tuple[httpx2.Response, ResponseBody]:
    client = httpx2.AsyncClient(transport=transport, timeout=httpx2.Timeout(None, read=read_s))
    response = await client.send(client.build_request("GET", server.url), stream=True)
    body = body_of(response)
    assert body is not None
    return response, body


async def test_all_payload_of_one_read_is_one_piece(transport: Http11Transport) -> None:
    go = trio.Event()
    burst = b"".join(chunk(b"%d" % number) for number in range(10))
    async with fault_server([Send(CHUNKED), Pause(go), Send(burst + END)]) as server:
        _, body = await answer_of(transport, server)
        go.set()
        assert [piece async for piece in body] == [b"0123456789"]


async def test_what_came_with_the_head_is_the_first_piece(transport: Http11Transport) -> None:
    go = trio.Event()
    async with fault_server([Send(CHUNKED + chunk(b"first")), Pause(go), Send(chunk(b"second") + END)]) as server:
        _, body = await answer_of(transport, server)
        assert await anext(body) == b"first"
        go.set()
        assert await anext(body) == b"second"
        assert await anext(body, None) is None
        assert await anext(body, None) is None


async def test_the_connection_is_free_as_soon_as_the_end_has_come(transport: Http11Transport) -> None:
    async with fault_server([Send(chunked(b"hello"))]) as server:
        _, body = await answer_of(transport, server)
        assert transport.statistics().idle == 1
        assert repr(body) == f"<ResponseBody from {server.url}, ended>"
        assert await anext(body) == b"hello"


async def test_breaking_out_of_its_loop_leaves_nothing_to_the_collector(transport: Http11Transport) -> None:
    async with fault_server([Send(CHUNKED), Repeat(chunk(b"hello" * 100))]) as server:
        response, body = await answer_of(transport, server)
        async for _ in body:
            break
        del body
        gc.collect()  # Trio warns of an async generator that is ended by this, and a warning is an error
        await response.aclose()
        await server.all_closed()
    assert transport.statistics().open == 0


async def test_closing_it_while_cancelled_closes_the_socket(transport: Http11Transport) -> None:
    async with fault_server([Send(CHUNKED), Hang()]) as server:
        response, body = await answer_of(transport, server)
        with trio.CancelScope() as scope:
            try:
                scope.cancel()
                await anext(body)
            finally:
                await response.aclose()
        assert scope.cancelled_caught
        await server.all_closed()
        assert repr(body) == f"<ResponseBody from {server.url}, closed early>"
    assert transport.statistics().open == 0


@pytest.mark.parametrize("answer", [CHUNKED, CHUNKED + chunk(b"hello")])
async def test_reading_after_closing_is_refused(transport: Http11Transport, answer: bytes) -> None:
    async with fault_server([Send(answer), Hang()]) as server:
        _, body = await answer_of(transport, server)
        await body.aclose()
        await body.aclose()
        with pytest.raises(httpx2.StreamClosed):
            await anext(body)


async def test_what_was_not_read_is_not_given_after_closing_though_the_end_had_come(transport: Http11Transport) -> None:
    async with fault_server([Send(chunked(b"hello"))]) as server:
        _, body = await answer_of(transport, server)
        await body.aclose()
        with pytest.raises(httpx2.StreamClosed):
            await anext(body)
    assert transport.statistics().idle == 1


async def test_a_cancelled_read_loses_nothing(transport: Http11Transport) -> None:
    go = trio.Event()
    async with fault_server([Send(CHUNKED), Pause(go), Send(chunked(b"hello").removeprefix(CHUNKED))]) as server:
        _, body = await answer_of(transport, server)
        with trio.move_on_after(0.01):
            await anext(body)
        go.set()
        assert await anext(body) == b"hello"


async def test_a_second_reader_is_refused_and_the_first_goes_on(transport: Http11Transport) -> None:
    go = trio.Event()
    async with fault_server([Send(CHUNKED), Pause(go), Send(chunk(b"hello") + END)]) as server:
        _, body = await answer_of(transport, server)

        async def read() -> None:
            assert await anext(body) == b"hello"

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError, match="it has one reader"):
                await anext(body)
            go.set()


async def test_closing_it_ends_a_reader_in_another_task(transport: Http11Transport) -> None:
    async with fault_server([Send(CHUNKED), Hang()]) as server:
        _, body = await answer_of(transport, server)

        async def read() -> None:
            with pytest.raises(httpx2.ReadError):
                await anext(body)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            await body.aclose()
    assert transport.statistics().open == 0


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ([Send(CHUNKED + chunk(b"hello")), Close()], httpx2.RemoteProtocolError),
        ([Send(CHUNKED + chunk(b"hello") + b"what is this\r\n"), Hang()], httpx2.RemoteProtocolError),
        ([Send(OK + b"content-length: 9\r\n\r\nhello"), Close()], httpx2.RemoteProtocolError),
        ([Send(CHUNKED + chunk(b"hello")), Hang()], httpx2.ReadTimeout),
    ],
)
async def test_what_came_before_an_error_is_given_and_the_error_closes_it(
    transport: Http11Transport, script: list[Send], error: type[Exception]
) -> None:
    async with fault_server(script) as server:
        _, body = await answer_of(transport, server, read_s=0.2 if error is httpx2.ReadTimeout else None)
        assert await anext(body) == b"hello"
        with pytest.raises(error):
            await anext(body)
        assert transport.statistics().open == 0
        with pytest.raises(httpx2.StreamClosed):
            await anext(body)


async def test_a_reset_is_a_read_error(transport: Http11Transport) -> None:
    go = trio.Event()
    async with fault_server([Send(CHUNKED), Pause(go), Reset()]) as server:
        _, body = await answer_of(transport, server)
        go.set()
        with pytest.raises(httpx2.ReadError) as caught:
            await anext(body)
    assert isinstance(caught.value.__cause__, ConnectionResetError)


async def test_a_coded_body_is_left_to_httpx2(transport: Http11Transport) -> None:
    answer = sized(gzip.compress(b"hello"), b"content-encoding: gzip")
    async with (
        fault_server([Send(answer)]) as server,
        httpx2.AsyncClient(transport=transport) as client,
        client.stream("GET", server.url) as response,
    ):
        assert body_of(response) is None
        assert b"".join([piece async for piece in response.aiter_bytes()]) == b"hello"


async def test_the_body_of_another_transport_is_left_to_it() -> None:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(200))) as client:
        assert body_of(await client.get("http://x/")) is None


async def read(response: httpx2.Response) -> None:
    await response.aread()


async def close(response: httpx2.Response) -> None:
    await response.aclose()


async def replace(response: httpx2.Response) -> None:
    await response.aclose()
    response.is_closed = False
    response.stream = httpx2.ByteStream(b"other")


@pytest.mark.parametrize("hook", [read, close, replace])
async def test_the_body_of_a_response_that_was_read_closed_or_replaced_is_left_to_httpx2(
    transport: Http11Transport, hook: Callable[[httpx2.Response], Awaitable[None]]
) -> None:
    async with (
        fault_server([Send(chunked(b"hello"))]) as server,
        httpx2.AsyncClient(transport=transport, event_hooks={"response": [hook]}) as client,
        client.stream("GET", server.url) as response,
    ):
        assert body_of(response) is None
