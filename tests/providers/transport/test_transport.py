"""Timeouts, the pool and closing. Where httpx2's own transport can do the same, both are held to it."""

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
    Reached,
    Repeat,
    Reset,
    Send,
    chunk,
    chunked,
    fault_server,
    sized,
)
from tests.providers.transport.conftest import MakeTransport

HELLO = chunked(b"hello")


# Timeouts


async def test_each_timeout_has_its_error_and_leaves_nothing(
    client: httpx2.AsyncClient, transport: Http11Transport
) -> None:
    short = 0.01
    async with fault_server([Hang()], [Send(CHUNKED + chunk(b"hello")), Hang()]) as server:
        with pytest.raises(httpx2.ReadTimeout, match=f"the server sent nothing for {short} s"):
            await client.get(server.url, timeout=httpx2.Timeout(None, read=short))
        with pytest.raises(httpx2.ReadTimeout):
            await client.get(server.url, timeout=httpx2.Timeout(None, read=short))
        await server.all_closed()
    assert transport.statistics().open == 0


async def test_a_server_that_does_not_read_is_a_write_timeout(either: httpx2.AsyncClient) -> None:
    async def deaf(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(trio.serve_tcp, deaf, 0)
        url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        with pytest.raises(httpx2.WriteTimeout):
            await either.post(url, content=bytes(30_000_000), timeout=httpx2.Timeout(None, write=0.05))
        nursery.cancel_scope.cancel()


async def test_a_server_that_does_not_accept_is_a_connect_timeout(either: httpx2.AsyncClient) -> None:
    # A full backlog is the one way to be neither refused nor accepted that needs no network.
    with trio.socket.socket() as listening:
        await listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        filling = [trio.socket.socket() for _ in range(8)]
        try:
            for one in filling:
                with trio.move_on_after(0.02):
                    await one.connect(("127.0.0.1", port))
            with pytest.raises(httpx2.ConnectTimeout):
                await either.get(f"http://127.0.0.1:{port}", timeout=httpx2.Timeout(None, connect=0.05))
        finally:
            for one in filling:
                one.close()


async def test_waiting_too_long_for_a_connection_is_a_pool_timeout(make: MakeTransport) -> None:
    timeout = httpx2.Timeout(None, pool=0.01)
    async with (
        fault_server([Send(CHUNKED), Hang()]) as server,
        httpx2.AsyncClient(transport=make(httpx2.Limits(max_connections=1)), timeout=timeout) as client,
        client.stream("GET", server.url),
    ):
        with pytest.raises(httpx2.PoolTimeout):
            await client.get(server.url)


# The pool


async def test_a_connection_is_kept_when_the_body_was_read_to_its_end(either: httpx2.AsyncClient) -> None:
    async with fault_server([Send(HELLO)]) as server:
        for _ in range(5):
            await either.get(server.url)
    assert len(server.visits) == 1


@pytest.mark.parametrize(
    "answer",
    [sized(b"hello", b"connection: close"), b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello"],
    ids=["closing", "HTTP/1.0"],
)
async def test_a_connection_is_not_kept_when_the_server_does_not_say_so(
    either: httpx2.AsyncClient, answer: bytes
) -> None:
    async with fault_server([Send(answer)]) as server:
        for _ in range(2):
            assert (await either.get(server.url)).content == b"hello"
    assert len(server.visits) == 2


@pytest.mark.parametrize("answer", [HELLO, sized(b"hello")], ids=["chunks", "length"])
async def test_a_connection_is_not_kept_when_more_came_than_the_body(client: httpx2.AsyncClient, answer: bytes) -> None:
    # httpx2's own transport takes what came too much for the beginning of the next answer.
    async with fault_server([Send(answer + b"what is this")]) as server:
        for _ in range(2):
            assert (await client.get(server.url)).content == b"hello"
    assert len(server.visits) == 2


async def test_what_comes_while_a_connection_is_idle_makes_it_unfit(either: httpx2.AsyncClient) -> None:
    go, sent = trio.Event(), trio.Event()
    async with fault_server([Send(HELLO), Pause(go), Send(b"what is this"), Reached(sent)], [Send(HELLO)]) as server:
        await either.get(server.url)
        go.set()
        await sent.wait()
        assert (await either.get(server.url)).content == b"hello"
    assert len(server.visits) == 2


@pytest.mark.parametrize("end", [Close(), Reset()])
async def test_a_connection_that_the_server_closed_between_requests_is_not_used(
    either: httpx2.AsyncClient, end: Close | Reset
) -> None:
    async with fault_server([Send(HELLO), end]) as server:
        for _ in range(3):
            assert (await either.get(server.url)).content == b"hello"
            await server.all_closed()
    assert len(server.visits) == 3


async def test_a_connection_that_the_server_closes_on_the_next_request_is_an_error_and_nothing_is_sent_twice(
    either: httpx2.AsyncClient,
) -> None:
    async with fault_server([Send(HELLO)], [Close()]) as server:
        await either.get(server.url)
        with pytest.raises(httpx2.RemoteProtocolError, match="disconnected without sending a response"):
            await either.get(server.url)
    assert len(server.requests) == 2


async def test_leaving_a_stream_early_closes_its_socket_at_once(
    client: httpx2.AsyncClient, transport: Http11Transport
) -> None:
    async with fault_server([Send(CHUNKED), Repeat(chunk(b"hello" * 100))]) as server:
        async with client.stream("GET", server.url) as response:
            assert response.status_code == 200
        assert transport.statistics().open == 0
        # It sends without end, so who reads on before closing never comes to it.
        with trio.fail_after(5):
            await server.all_closed()


async def test_the_limit_of_connections_holds_and_who_waits_is_served_in_order(make: MakeTransport) -> None:
    order: list[int] = []
    async with fault_server([Send(HELLO)]) as server:
        limits = httpx2.Limits(max_connections=1)
        async with httpx2.AsyncClient(transport=make(limits), timeout=None) as client, trio.open_nursery() as nursery:

            async def ask(number: int) -> None:
                await client.get(server.url)
                order.append(number)

            async with client.stream("GET", server.url):
                for number in range(5):
                    nursery.start_soon(ask, number)
                    await trio.testing.wait_all_tasks_blocked()
    assert order == list(range(5))


async def test_a_thousand_streams_run_at_once(transport: Http11Transport, client: httpx2.AsyncClient) -> None:
    go, begun, texts = trio.Event(), 0, set[bytes]()

    async def read() -> None:
        nonlocal begun
        async with client.stream("GET", server.url) as response:
            begun += 1
            if begun == 1000:
                assert transport.statistics().busy == 1000
                go.set()
            texts.add(b"".join([piece async for piece in response.aiter_raw()]))

    async with fault_server([Send(CHUNKED), Pause(go), Send(chunk(b"hello") + END)]) as server:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                for _ in range(1000):
                    nursery.start_soon(read)
        assert transport.statistics().busy == 0
    assert texts == {b"hello"}
    assert len(server.visits) == 1000


async def test_the_default_limits_let_a_thousand_streams_run_at_once() -> None:
    held, all_held = 0, trio.Event()

    async def hold() -> None:
        nonlocal held
        async with client.stream("GET", server.url):
            held += 1
            if held == 1000:
                all_held.set()
            await trio.sleep_forever()

    async with (
        fault_server([Send(CHUNKED), Hang()]) as server,
        httpx2.AsyncClient(transport=Http11Transport(), timeout=None) as client,
        trio.open_nursery() as nursery,
    ):
        for _ in range(1000):
            nursery.start_soon(hold)
        with trio.fail_after(20):
            await all_held.wait()
        nursery.cancel_scope.cancel()


# Closing


async def test_closing_the_transport_ends_what_runs_and_what_waits() -> None:
    transport = Http11Transport(limits=httpx2.Limits(max_connections=1))
    client = httpx2.AsyncClient(transport=transport, timeout=None)
    errors: list[type[Exception]] = []

    async def read() -> None:
        try:
            await client.get(server.url)
        except httpx2.TransportError as error:
            errors.append(type(error))

    async with fault_server([Send(CHUNKED), Hang()]) as server:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert repr(transport) == "<Http11Transport: 1 open, 0 idle, 1 waiting>"
            await transport.aclose()
        await server.all_closed()
    assert sorted(error.__name__ for error in errors) == ["ConnectError", "ReadError"]
    assert repr(transport) == "<Http11Transport: closed, 0 open, 0 idle, 0 waiting>"
    with pytest.raises(RuntimeError, match="was closed: open another one"):
        await transport.handle_async_request(httpx2.Request("GET", server.url))


async def test_a_connection_that_is_being_opened_when_the_transport_is_closed_is_closed_too() -> None:
    transport = Http11Transport()

    async def ask() -> None:
        with pytest.raises(httpx2.ConnectError, match="closed"):
            await httpx2.AsyncClient(transport=transport).get(server.url.replace("127.0.0.1", "localhost"))

    async with fault_server([Hang()]) as server, trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        assert transport.statistics().busy == 1
        await transport.aclose()


async def test_the_numbers_tell_what_happened(client: httpx2.AsyncClient, transport: Http11Transport) -> None:
    async with fault_server([Send(HELLO)]) as server:
        for _ in range(3):
            await client.get(server.url)
        async with client.stream("GET", server.url) as response:
            assert body_of(response) is not None
        statistics = transport.statistics()
    assert (statistics.opened, statistics.reused, statistics.open) == (1, 3, 1)
    assert repr(transport) == "<Http11Transport: 1 open, 1 idle, 0 waiting>"
