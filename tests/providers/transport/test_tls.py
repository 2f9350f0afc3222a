import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2
import pytest
import trio

from actrio.providers.transport import Http11Transport, body_of
from tests.providers.fault_server import (
    CHUNKED,
    END,
    Close,
    Hang,
    Pause,
    Repeat,
    Reset,
    Script,
    Send,
    chunk,
    chunked,
    fault_server,
)
from tests.providers.transport.certificate import client_context, server_context

HELLO = chunked(b"hello")


@asynccontextmanager
async def serving(handler: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncGenerator[str]:
    """A server that does with each connection what the handler does; its URL."""
    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(trio.serve_tcp, handler, 0)
        yield f"https://localhost:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


@pytest.fixture
async def client() -> AsyncGenerator[httpx2.AsyncClient]:
    transport = Http11Transport(verify=client_context())
    async with httpx2.AsyncClient(transport=transport, timeout=None) as client:
        yield client


async def test_requests_and_answers_go_over_tls_and_the_connection_is_kept(client: httpx2.AsyncClient) -> None:
    async with fault_server([Send(HELLO)], tls=server_context()) as server:
        for _ in range(3):
            assert (await client.post(server.url, content=b"question")).content == b"hello"
    assert len(server.visits) == 1
    assert server.requests[2].body == b"question"


async def test_a_body_of_many_records_arrives_whole(client: httpx2.AsyncClient) -> None:
    body = bytes(range(256)) * 8000
    async with fault_server([Send(chunked(body))], tls=server_context()) as server:
        assert (await client.post(server.url, content=body)).content == body
    assert server.requests[0].body == body


async def test_all_records_of_one_read_are_one_piece(client: httpx2.AsyncClient) -> None:
    go = trio.Event()
    records = [Send(chunk(b"%d" % number)) for number in range(10)]
    script: Script = [Send(CHUNKED), Pause(go), *records, Send(END), Hang()]
    async with fault_server(script, tls=server_context()) as server, client.stream("GET", server.url) as response:
        body = body_of(response)
        assert body is not None
        go.set()
        # The server sends all of it before the client gets to read.
        await trio.testing.wait_all_tasks_blocked()
        assert [piece async for piece in body] == [b"0123456789"]


@pytest.mark.parametrize(
    ("context", "words"),
    [(ssl.create_default_context(), "self-signed certificate"), (client_context(), "Hostname mismatch")],
)
async def test_a_certificate_that_is_not_trusted_or_of_another_host_is_a_connect_error(
    context: ssl.SSLContext, words: str
) -> None:
    transport = Http11Transport(verify=context)
    async with (
        fault_server([Send(HELLO)], tls=server_context()) as server,
        httpx2.AsyncClient(transport=transport, timeout=5) as client,
    ):
        request = client.build_request("GET", server.url, extensions={"sni_hostname": "example.com"})
        with pytest.raises(httpx2.ConnectError, match=words) as caught:
            await client.send(request)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        await server.all_closed()
    assert server.requests == []
    assert transport.statistics().open == 0


async def test_without_verification_anybody_is_believed() -> None:
    async with (
        fault_server([Send(HELLO)], tls=server_context()) as server,
        httpx2.AsyncClient(transport=Http11Transport(verify=False)) as client,
    ):
        assert (await client.get(server.url)).content == b"hello"


async def test_only_http_1_is_offered_whatever_the_context_offers() -> None:
    agreed: list[str | None] = []
    context = client_context()
    context.set_alpn_protocols(["h2"])

    async def note(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, server_context(), server_side=True)
        async with stream:
            await secured.receive_some()
            agreed.append(secured.selected_alpn_protocol())
            await secured.send_all(HELLO)

    async with serving(note) as url, httpx2.AsyncClient(transport=Http11Transport(verify=context)) as client:
        await client.get(url)
    assert agreed == ["http/1.1"]


async def test_the_host_is_named_to_the_server(client: httpx2.AsyncClient) -> None:
    named: list[str | None] = []
    context = server_context()
    context.sni_callback = lambda _, name, __: named.append(name)
    async with fault_server([Send(HELLO)], tls=context) as server:
        await client.get(server.url)
    assert named == ["localhost"]


async def test_the_end_of_the_connection_without_a_goodbye_ends_a_body_that_has_no_other_end(
    client: httpx2.AsyncClient,
) -> None:
    script: Script = [Send(b"HTTP/1.1 200 OK\r\n\r\nhello"), Close()]
    async with fault_server(script, tls=server_context()) as server:
        assert (await client.get(server.url)).content == b"hello"


async def test_a_body_that_is_cut_off_is_an_error(client: httpx2.AsyncClient) -> None:
    async with fault_server([Send(CHUNKED + chunk(b"hello")), Close()], tls=server_context()) as server:
        with pytest.raises(httpx2.RemoteProtocolError, match="incomplete chunked read"):
            await client.get(server.url)


async def test_a_reset_is_a_read_error(client: httpx2.AsyncClient) -> None:
    go = trio.Event()
    script: Script = [Send(CHUNKED), Pause(go), Reset()]
    async with fault_server(script, tls=server_context()) as server, client.stream("GET", server.url) as response:
        go.set()
        with pytest.raises(httpx2.ReadError):
            await response.aread()


async def test_a_server_that_closes_before_it_has_agreed_is_a_connect_error(client: httpx2.AsyncClient) -> None:
    async def leave(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.aclose()

    async with serving(leave) as url:
        with pytest.raises(httpx2.ConnectError):
            await client.get(url)


async def test_a_server_that_never_agrees_is_a_connect_timeout(client: httpx2.AsyncClient) -> None:
    async def deaf(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with serving(deaf) as url:
        with pytest.raises(httpx2.ConnectTimeout):
            await client.get(url, timeout=httpx2.Timeout(None, connect=0.05))


async def test_a_record_that_is_garbage_is_a_read_error(client: httpx2.AsyncClient) -> None:
    async def garble(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, server_context(), server_side=True)
        async with stream:
            await secured.receive_some()
            await secured.send_all(CHUNKED + chunk(b"hello"))
            await stream.send_all(b"this is no record at all")
            await trio.sleep_forever()

    async with serving(garble) as url, client.stream("GET", url) as response:
        body = body_of(response)
        assert body is not None
        assert await anext(body) == b"hello"
        with pytest.raises(httpx2.ReadError) as caught:
            await anext(body)
    assert isinstance(caught.value.__cause__, ssl.SSLError)


async def test_closing_early_waits_for_nothing_the_peer_sends(client: httpx2.AsyncClient) -> None:
    script: Script = [Send(CHUNKED), Repeat(chunk(b"hello" * 1000))]
    async with fault_server(script, tls=server_context()) as server:
        with trio.fail_after(5):
            async with client.stream("GET", server.url) as response:
                await response.aclose()
            await server.all_closed()


async def test_a_connection_that_the_server_said_goodbye_on_is_not_used(client: httpx2.AsyncClient) -> None:
    visits: list[trio.SocketStream] = []

    async def leave(stream: trio.SocketStream) -> None:
        visits.append(stream)
        secured = trio.SSLStream(stream, server_context(), server_side=True)
        async with stream:
            await secured.receive_some()
            await secured.send_all(CHUNKED)
            # The end of the answer and the goodbye in one read, and the connection stays open.
            await secured.send_all(chunk(b"hello") + END)
            with suppress(trio.BrokenResourceError):
                await secured.unwrap()

    async with serving(leave) as url:
        for _ in range(2):
            async with client.stream("GET", url) as response:
                await trio.testing.wait_all_tasks_blocked(0.01)
                assert await response.aread() == b"hello"
    assert len(visits) == 2


async def test_the_default_certificates_are_loaded_when_they_are_first_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []
    make = httpx2.create_ssl_context

    def noting(*args: Any, **settings: Any) -> ssl.SSLContext:
        made.append(make(*args, **settings))
        return made[-1]

    monkeypatch.setattr(httpx2, "create_ssl_context", noting)
    async with (
        fault_server([Send(HELLO)]) as plain,
        fault_server([Hang()], tls=server_context()) as secured,
        httpx2.AsyncClient(transport=Http11Transport()) as client,
    ):
        await client.get(plain.url)
        assert made == []
        for _ in range(2):
            with pytest.raises(httpx2.ConnectError, match="self-signed certificate"):
                await client.get(secured.url)
    assert len(made) == 1
