"""What is sent. Where httpx2's own transport can do the same, both are held to it."""

import os
from collections.abc import Iterator

import httpx2
import pytest
import trio

from actrio.providers.transport import Http11Transport
from tests.providers.fault_server import (
    Send,
    chunked,
    fault_server,
)
from tests.providers.transport.pieces import Pieces

HELLO = chunked(b"hello")


async def test_the_request_arrives_as_it_was_sent(either: httpx2.AsyncClient) -> None:
    async with fault_server([Send(HELLO)]) as server:
        await either.post(f"{server.url}/a%20b?c=d", content=b"question", headers={"X-Cased": "Yes"})
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("POST", "/a%20b?c=d", b"question")
    assert request.headers["x-cased"] == "Yes"
    assert request.headers["host"] == server.url.removeprefix("http://")


@pytest.mark.parametrize("headers", [{}, {"content-length": "12"}])
async def test_a_body_in_pieces_arrives_whole(either: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    async with fault_server([Send(HELLO)]) as server:
        await either.post(server.url, content=Pieces([b"first ", b"", b"second"]), headers=headers)
    assert server.requests[0].body == b"first second"
    assert ("transfer-encoding" in server.requests[0].headers) is not bool(headers)


async def test_a_body_that_only_iterates_synchronously_is_taken_too(transport: Http11Transport) -> None:
    class Sync(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from (b"first ", b"second")

    async with fault_server([Send(HELLO)]) as server:
        headers = {"host": "x", "transfer-encoding": "chunked"}
        response = await transport.handle_async_request(
            httpx2.Request("POST", server.url, headers=headers, stream=Sync())
        )
        await response.aclose()
    assert server.requests[0].body == b"first second"


class Patient(Pieces):
    """Gives a piece only when the server has something of what was sent before."""

    arrived: trio.Event | None = None

    async def __anext__(self) -> bytes:
        if self.arrived is not None:
            await self.arrived.wait()
        self.arrived = trio.Event()
        return await super().__anext__()


async def test_each_piece_is_sent_before_the_next_is_asked_for(client: httpx2.AsyncClient) -> None:
    received = bytearray()
    body = Patient([b"first", b"second"])

    async def take(stream: trio.SocketStream) -> None:
        async with stream:
            while not received.endswith(b"0\r\n\r\n"):
                received.extend(await stream.receive_some())
                assert body.arrived is not None
                body.arrived.set()
            await stream.send_all(HELLO)

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(trio.serve_tcp, take, 0)
        with trio.fail_after(5):
            await client.post(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", content=body)
        nursery.cancel_scope.cancel()
    assert b"second" in received


async def test_a_large_body_arrives_while_the_server_reads_it(either: httpx2.AsyncClient) -> None:
    body = os.urandom(5_000_000)
    async with fault_server([Send(HELLO)]) as server:
        await either.post(server.url, content=body)
    assert server.requests[0].body == body


async def test_an_error_of_the_body_that_is_sent_passes_through(either: httpx2.AsyncClient) -> None:
    async with fault_server([Send(HELLO)]) as server:
        with pytest.raises(KeyError, match="mine"):
            await either.post(server.url, content=Pieces([b"first", KeyError("mine")]))
        await server.all_closed()


@pytest.mark.parametrize("length", ["3", "30"])
async def test_a_body_of_another_length_than_announced_is_our_mistake(client: httpx2.AsyncClient, length: str) -> None:
    # httpx2's own transport lets the error of h11 through.
    async with fault_server([Send(HELLO)]) as server:
        with pytest.raises(httpx2.LocalProtocolError, match="declared Content-Length"):
            await client.post(server.url, content=b"hello", headers={"content-length": length})


async def test_a_header_that_cannot_be_sent_is_our_mistake_and_opens_no_connection(
    client: httpx2.AsyncClient, transport: Http11Transport
) -> None:
    with pytest.raises(httpx2.LocalProtocolError, match="Illegal header value"):
        await client.get("http://127.0.0.1:1/", headers={"x": "a\r\nb"})
    assert transport.statistics().opened == 0


@pytest.mark.parametrize("url", ["ftp://example.com", "ws://example.com"])
async def test_another_scheme_is_refused_with_the_way_out(transport: Http11Transport, url: str) -> None:
    with pytest.raises(httpx2.UnsupportedProtocol, match="give the client httpx2's own"):
        await transport.handle_async_request(httpx2.Request("GET", url))


async def test_switching_protocols_is_refused(client: httpx2.AsyncClient) -> None:
    with pytest.raises(httpx2.UnsupportedProtocol, match="does not switch to another protocol"):
        await client.get("http://127.0.0.1:1/", headers={"upgrade": "websocket"})
