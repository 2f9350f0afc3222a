"""What comes back, and what does not. Where httpx2's own transport can do the same, both are held to it."""

from itertools import repeat

import httpx2
import pytest
import trio

from actrio.providers.transport import Http11Transport
from tests.providers.fault_server import (
    BROKEN_BODIES,
    BROKEN_HEADS,
    CHUNKED,
    COMMENT,
    HTML,
    OK,
    TRAILERS,
    Close,
    Hang,
    Pause,
    Reset,
    Send,
    chunk,
    chunked,
    cut_everywhere,
    events,
    fault_server,
    sized,
)
from tests.providers.transport.pieces import Pieces

HELLO = chunked(b"hello")


async def test_the_answer_arrives_as_it_was_sent(either: httpx2.AsyncClient) -> None:
    async with fault_server(
        [Send(b"HTTP/1.1 418 Short and stout\r\nX-Cased: Yes\r\ncontent-length: 2\r\n\r\nno")]
    ) as server:
        response = await either.get(server.url)
    assert (response.status_code, response.reason_phrase, response.http_version) == (418, "Short and stout", "HTTP/1.1")
    assert (b"X-Cased", b"Yes") in response.headers.raw
    assert response.content == b"no"


INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
WHOLE = {
    "in chunks": chunked(b"hello", b" ", b"world"),
    "trailing headers": chunked(b"hello world", trailers=TRAILERS),
    "of a length": sized(b"hello world"),
    "until the close": OK + b"\r\nhello world",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nhello world",
    "after interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    + sized(b"hello world"),
}


@pytest.mark.parametrize("cut", [None, 1, 7])
@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)
async def test_a_whole_answer_is_read_however_it_is_cut(
    either: httpx2.AsyncClient, answer: bytes, cut: int | None
) -> None:
    async with fault_server([Send(answer, cut), Close()]) as server:
        assert (await either.get(server.url)).content == b"hello world"


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", OK + b"content-length: 5\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"),
    ],
)
async def test_an_answer_without_a_body_has_none_and_its_connection_is_kept(
    either: httpx2.AsyncClient, method: str, answer: bytes
) -> None:
    async with fault_server([Send(answer)]) as server:
        for _ in range(2):
            assert (await either.request(method, server.url)).content == b""
    assert len(server.visits) == 1


STREAM = chunked(events(b"{}", "[\u20ac]".encode()), COMMENT, events(b"[DONE]", line_end=b"\r\n"))


async def test_a_stream_cut_off_at_any_byte_is_an_error_and_what_came_before_it_is_given(
    either: httpx2.AsyncClient,
) -> None:
    whole = b"".join([events(b"{}", "[\u20ac]".encode()), COMMENT, events(b"[DONE]", line_end=b"\r\n")])
    for script in cut_everywhere(STREAM):
        async with fault_server(script) as server:
            got = b""
            with pytest.raises(httpx2.RemoteProtocolError):  # noqa: PT012 - where it is raised differs
                async with either.stream("GET", server.url) as response:
                    async for piece in response.aiter_raw():
                        got += piece
            assert whole.startswith(got)


async def test_a_chunk_that_ends_inside_a_character_is_only_bytes(either: httpx2.AsyncClient) -> None:
    euro = "\u20ac".encode()
    async with fault_server([Send(chunked(euro[:1], euro[1:], b"!"))]) as server:
        assert (await either.get(server.url)).text == "\u20ac!"


async def test_a_huge_line_arrives_whole(either: httpx2.AsyncClient) -> None:
    line = b"data: " + b"x" * 3_000_000 + b"\n\n"
    async with fault_server([Send(chunked(line))]) as server:
        assert (await either.get(server.url)).content == line


async def test_a_page_where_a_stream_should_be_is_an_answer_like_another(either: httpx2.AsyncClient) -> None:
    async with fault_server([Send(HTML)]) as server:
        response = await either.get(server.url)
    assert response.headers["content-type"] == "text/html"


# httpx2's own transport takes lines that are longer.
OF_BOTH = {what: script for what, script in BROKEN_BODIES.items() if what != "a size without end"}


@pytest.mark.parametrize("script", OF_BOTH.values(), ids=OF_BOTH)
async def test_a_broken_body_is_the_servers_mistake(either: httpx2.AsyncClient, script: list[Send]) -> None:
    async with fault_server(script) as server:
        with trio.fail_after(5), pytest.raises(httpx2.RemoteProtocolError):
            await either.get(server.url)
        await server.all_closed()


@pytest.mark.parametrize("script", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
async def test_a_broken_body_leaves_no_connection(
    client: httpx2.AsyncClient, transport: Http11Transport, script: list[Send]
) -> None:
    async with fault_server(script) as server:
        with trio.fail_after(5), pytest.raises(httpx2.RemoteProtocolError) as caught:
            await client.get(server.url)
        await server.all_closed()
    assert caught.value.__cause__ is not None
    assert transport.statistics().open == 0


@pytest.mark.parametrize("script", BROKEN_HEADS.values(), ids=BROKEN_HEADS)
async def test_no_answer_is_the_servers_mistake(
    client: httpx2.AsyncClient, transport: Http11Transport, script: list[Send]
) -> None:
    async with fault_server(script) as server:
        with trio.fail_after(5), pytest.raises(httpx2.RemoteProtocolError):
            await client.get(server.url)
        await server.all_closed()
    assert transport.statistics().open == 0


async def test_a_reset_in_the_middle_of_a_body_is_a_read_error(either: httpx2.AsyncClient) -> None:
    go = trio.Event()
    async with fault_server([Send(CHUNKED + chunk(b"hello")), Pause(go), Reset()]) as server:
        with pytest.raises(httpx2.ReadError) as caught:  # noqa: PT012 - it is raised by the second step of the loop
            async with either.stream("GET", server.url) as response:
                async for piece in response.aiter_raw():
                    assert piece == b"hello"
                    go.set()
        assert caught.value.request.url == server.url
        assert caught.value.__cause__ is not None


async def test_nobody_at_the_address_is_a_connect_error(either: httpx2.AsyncClient) -> None:
    async with fault_server([Hang()]) as server:
        pass
    with pytest.raises(httpx2.ConnectError) as caught:
        await either.get(server.url)
    assert caught.value.__cause__ is not None


async def test_a_name_that_nobody_has_is_a_connect_error(either: httpx2.AsyncClient) -> None:
    with pytest.raises(httpx2.ConnectError):
        await either.get("http://nobody.invalid/")


async def test_a_server_that_answers_before_it_has_read_the_request_is_heard(either: httpx2.AsyncClient) -> None:
    async def refuse(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(sized(b"too much", status=b"HTTP/1.1 413 No\r\n"))
            await stream.send_eof()
            while await stream.receive_some():
                pass

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(trio.serve_tcp, refuse, 0)
        url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        response = await either.post(url, content=bytes(3_000_000))
        assert (response.status_code, response.content) == (413, b"too much")
        nursery.cancel_scope.cancel()


async def test_a_server_that_refuses_and_breaks_the_connection_is_heard_or_seen_as_broken(
    client: httpx2.AsyncClient, transport: Http11Transport
) -> None:
    async with trio.open_nursery() as nursery:

        async def refuse(stream: trio.SocketStream) -> None:
            async with stream:
                await stream.receive_some()

        listeners: list[trio.SocketListener] = await nursery.start(trio.serve_tcp, refuse, 0)
        url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            await client.post(url, content=Pieces(repeat(bytes(100_000))))
        nursery.cancel_scope.cancel()
    assert transport.statistics().open == 0
