"""Streams that are left and cancelled while many others run: closed at once, and nothing is worn out by it."""

import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from math import inf
from random import Random
from typing import Any, Final, cast

import httpx2
import pytest
import trio
from attrs import evolve

from actrio.providers import Connection, Finished, Limits, ModelRequest, Provider, TextDelta, User
from actrio.providers.transport import Http11Transport, PoolStatistics, open_client
from tests.providers.contract.speakers import SPEAKERS, TEXT, Speaker
from tests.providers.fault_server import chunk

ENDLESS: Final = ModelRequest([User("for ever")])
WHOLE: Final = ModelRequest([User("once")])

OTHERS: Final = 200
REQUESTS: Final = 2000
AT_ONCE: Final = 100
TICK_S: Final = 0.1
SEEN_WITHIN_S: Final = 0.05


@pytest.fixture(params=["openai", "ollama"])
def speaker(request: pytest.FixtureRequest) -> Speaker:
    return SPEAKERS[request.param]


class Server:
    """Answers with a whole answer, or with one that goes on, a piece a tick, until its connection is closed."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self.requests = 0
        self.connected = 0
        self.endless: dict[trio.SocketStream, None] = {}
        self.last_closed_at = 0.0
        self.last_asked: trio.SocketStream | None = None

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connected += 1
        try:
            async with stream:
                while request := await self._receive_request(stream):
                    await self._answer(request, stream)
        except trio.BrokenResourceError:
            pass
        finally:
            self.endless.pop(stream, None)
            self.connected -= 1
            self.last_closed_at = trio.current_time()

    async def _receive_request(self, stream: trio.SocketStream) -> bytes:
        received = b""
        # What a request ends with, in each of the formats that are spoken here.
        while not received.endswith(b"}"):
            more = await stream.receive_some()
            if not more:
                return b""
            received += more
        self.requests += 1
        return received

    async def _answer(self, request: bytes, stream: trio.SocketStream) -> None:
        speaker = self._speaker
        self.last_asked = stream
        if b"for ever" in request:
            await stream.send_all(speaker.head + chunk(speaker.begin) + chunk(speaker.piece("word ")))
            self.endless[stream] = None
        else:
            await stream.send_all(speaker.head + b"".join(map(chunk, speaker.answer)) + b"0\r\n\r\n")

    async def tick(self) -> None:
        piece = chunk(self._speaker.piece("word "))
        while True:
            await trio.sleep(TICK_S)
            for stream in list(self.endless):
                try:
                    await stream.send_all(piece)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self.endless.pop(stream, None)

    async def settle(self, connected: int) -> None:
        """Wait until no more connections than this are open."""
        with trio.fail_after(5):
            while self.connected > connected:  # noqa: ASYNC110 - what is waited for is said by nobody
                await trio.sleep(0.005)


@asynccontextmanager
async def opened(speaker: Speaker) -> AsyncGenerator[tuple[Server, Connection]]:
    server = Server(speaker)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, server.serve, listeners)
        nursery.start_soon(server.tick)
        # A place that is not given back would soon be missing.
        room = OTHERS + AT_ONCE
        async with open_client(limits=httpx2.Limits(max_connections=room), trust_env=False) as client:
            limits = Limits(concurrent_requests=room)
            limited: Provider = evolve(cast("Any", speaker.provider(url)), limits=limits, http_client=client)
            async with limited.open() as connection:
                yield server, connection
            assert pool_of(client).busy == 0
        nursery.cancel_scope.cancel()


def pool_of(client: httpx2.AsyncClient) -> PoolStatistics:
    """The connections of a client of ours."""
    transport: Http11Transport = vars(client)["_transport"]
    return transport.statistics()


@asynccontextmanager
async def others_running(server: Server, connection: Connection) -> AsyncGenerator[list[int]]:
    """Streams that go on meanwhile; gives how many events each has had."""
    had = [0] * OTHERS

    async def read(index: int) -> None:
        async with connection.stream(ENDLESS) as stream:
            async for _ in stream:
                had[index] += 1

    async with trio.open_nursery() as nursery:
        for index in range(OTHERS):
            nursery.start_soon(read, index)
        with trio.fail_after(10):
            while not all(had):  # noqa: ASYNC110 - many tell, and the last counts
                await trio.sleep(0.01)
        yield had
        nursery.cancel_scope.cancel()


def is_closed_by_peer(stream: trio.SocketStream | None) -> bool:
    """Whether the other side has closed, as the system knows it at this instant."""
    assert stream is not None
    if stream.socket.fileno() == -1:
        return True
    with socket.socket(fileno=os.dup(stream.socket.fileno())) as peeking:
        try:
            return peeking.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True


async def text_of(connection: Connection) -> str:
    async with connection.stream(WHOLE) as stream:
        events = [event async for event in stream]
    assert isinstance(events[-1], Finished)
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_a_stream_is_closed_when_its_block_has_been_left_and_the_server_sees_it_while_200_others_run_on(
    speaker: Speaker,
) -> None:
    seen_after: list[float] = []
    async with opened(speaker) as (server, connection), others_running(server, connection) as had:
        for _ in range(20):
            async with connection.stream(ENDLESS) as stream:
                await anext(stream)
            left_at = trio.current_time()
            assert is_closed_by_peer(server.last_asked)
            await server.settle(OTHERS)
            seen_after.append(server.last_closed_at - left_at)
        before = list(had)
        await trio.sleep(2 * TICK_S)
        assert all(now > then for then, now in zip(before, had, strict=True))

    # Of the slower half of them nothing is said: this machine has other things to do.
    assert sorted(seen_after)[len(seen_after) // 2] < SEEN_WITHIN_S


async def test_after_a_storm_of_2000_cancelled_requests_it_serves_as_before(speaker: Speaker) -> None:
    random = Random(1)
    cancelled = 0

    async def cancel_some(connection: Connection, count: int) -> None:
        nonlocal cancelled
        for _ in range(count):
            # Some as the first piece has come, the others at any moment before and after that.
            some = random.random() < 0.3
            with trio.move_on_after(inf if some else random.uniform(0, 0.1)) as scope:
                async with connection.stream(ENDLESS) as stream:
                    async for _ in stream:
                        if some:
                            scope.cancel()
            cancelled += scope.cancelled_caught

    async with opened(speaker) as (server, connection):
        # Where a place is lost for each, the rest would wait for one for ever.
        with trio.fail_after(60):
            async with others_running(server, connection), trio.open_nursery() as nursery:
                for _ in range(AT_ONCE):
                    nursery.start_soon(cancel_some, connection, REQUESTS // AT_ONCE)
        assert cancelled == REQUESTS
        # Some were cancelled before they were sent.
        assert server.requests - OTHERS < REQUESTS
        await server.settle(1)
        with trio.fail_after(5):
            assert await text_of(connection) == TEXT
        await server.settle(1)
