"""Requests cancelled at every point leave the pool whole."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from random import Random
from typing import Any

import httpx2
import pytest
import trio

from actrio.providers.transport import Http11Transport, body_of
from tests.actors.crew import cancelled_at
from tests.providers.fault_server import (
    CHUNKED,
    END,
    FaultServer,
    Hang,
    Pause,
    Script,
    Send,
    chunk,
    chunked,
    fault_server,
)
from tests.providers.transport.certificate import client_context, server_context
from tests.providers.transport.pieces import Pieces

Work = Callable[[], Coroutine[Any, Any, None]]


async def cancel_everywhere(work: Work, check: Callable[[], Awaitable[None]]) -> int:
    """Run the work cancelled at its first wait, at its second, and so on until it ends before: how many it has."""
    for at in range(1, 300):
        cancelled = await cancelled_at(at, work)
        await check()
        if not cancelled:
            return at
    raise AssertionError("the work does not end")


async def get(client: httpx2.AsyncClient, url: str) -> None:
    assert (await client.get(url)).content == b"hello"


async def post(client: httpx2.AsyncClient, url: str) -> None:
    assert (await client.post(url, content=Pieces([b"first", b"second"]))).content == b"hello"


async def stream(client: httpx2.AsyncClient, url: str) -> None:
    async with client.stream("GET", url) as response:
        body = body_of(response)
        assert body is not None
        assert b"".join([piece async for piece in body]) == b"hello"


SCRIPT: Script = [Send(chunked(b"he", b"llo"), cut=20)]


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("keep", [0, None], ids=["each connection new", "kept"])
@pytest.mark.parametrize("work", [get, post, stream])
async def test_a_request_cancelled_at_any_wait_leaves_nothing(
    work: Callable[[httpx2.AsyncClient, str], Coroutine[Any, Any, None]], keep: int | None, tls: bool
) -> None:
    limits = httpx2.Limits(max_connections=1, max_keepalive_connections=keep)
    async with (
        fault_server(SCRIPT, tls=server_context() if tls else None) as server,
        Http11Transport(limits=limits, verify=client_context()) as transport,
        httpx2.AsyncClient(transport=transport, timeout=5) as client,
    ):

        async def check() -> None:
            statistics = transport.statistics()
            assert (statistics.busy, statistics.waiting) == (0, 0)
            # The one place there is can be had.
            with trio.fail_after(5):
                await get(client, server.url)

        assert await cancel_everywhere(partial(work, client, server.url), check) > 3


async def test_a_wait_for_a_connection_that_is_cancelled_leaves_the_queue() -> None:
    async with (
        fault_server([Send(CHUNKED), Hang()], SCRIPT) as server,
        Http11Transport(limits=httpx2.Limits(max_connections=1)) as transport,
        httpx2.AsyncClient(transport=transport, timeout=None) as client,
    ):
        async with client.stream("GET", server.url):
            with trio.move_on_after(0.01) as scope:
                await get(client, server.url)
            assert scope.cancelled_caught
            assert transport.statistics().waiting == 0
        await get(client, server.url)


async def test_a_request_that_is_given_a_connection_as_it_is_cancelled_gives_it_back() -> None:
    async with (
        fault_server([Send(CHUNKED), Hang()], SCRIPT) as server,
        Http11Transport(limits=httpx2.Limits(max_connections=1)) as transport,
        httpx2.AsyncClient(transport=transport, timeout=None) as client,
        trio.open_nursery() as nursery,
        client.stream("GET", server.url) as response,
    ):
        nursery.start_soon(get, client, server.url)
        await trio.testing.wait_all_tasks_blocked()
        assert transport.statistics().waiting == 1
        await response.aclose()
        nursery.cancel_scope.cancel()
    assert transport.statistics().busy == 0


class Storm:
    """Requests that are cancelled in all phases.

    A third within the first 5 ms, a third when the head of the answer has come, a third in the middle of its body.
    """

    SCRIPT: Script = (Send(CHUNKED), Send(chunk(b"token")), Hang())

    def __init__(self, server: FaultServer, client: httpx2.AsyncClient, seed: int) -> None:
        self.server = server
        self.client = client
        self.random = Random(seed)
        self.at_once = trio.CapacityLimiter(20)
        self.cancelled_in = {"opening": 0, "reading": 0}
        self.left_at: dict[str, float] = {}  # by the target of the request

    async def one(self, target: str) -> None:
        phase = "opening"
        pieces = self.random.choice([None, 0, 1])
        async with self.at_once:
            with trio.move_on_after(self.random.random() * 0.005 if pieces is None else 5) as scope:
                async with self.client.stream("POST", self.server.url + target, content=b"{}") as response:
                    phase = "reading"
                    body = body_of(response)
                    assert body is not None
                    if pieces != 0:
                        await anext(body)
                    if pieces is not None:
                        scope.cancel()
                    await anext(body)
            self.left_at[target] = trio.current_time()
        assert scope.cancelled_caught
        self.cancelled_in[phase] += 1

    def delays_s(self) -> list[float]:
        """How long after a request was left the server saw its connection closed, for each that it saw."""
        delays: list[float] = []
        for request in self.server.requests:
            if request.target in self.left_at:
                seen_at = self.server.visits[request.visit].closed_by_client_at
                assert seen_at is not None
                delays.append(seen_at - self.left_at[request.target])
        return delays


async def test_a_storm_of_cancelled_requests_disturbs_nobody_and_leaves_nothing() -> None:
    go, all_begun, begun, read = trio.Event(), trio.Event(), 0, 0
    steady: Script = [Send(CHUNKED + chunk(b"begun")), Pause(go), Send(chunk(b"!") + END)]

    async def run_on(url: str) -> None:
        nonlocal begun, read
        async with client.stream("GET", url) as response:
            begun += 1
            if begun == 200:
                all_begun.set()
            assert await response.aread() == b"begun!"
        read += 1

    async with (
        fault_server(*[steady] * 200, Storm.SCRIPT) as server,
        Http11Transport() as transport,
        httpx2.AsyncClient(transport=transport, timeout=30) as client,
    ):
        async with trio.open_nursery() as others:
            for _ in range(200):
                others.start_soon(run_on, server.url)
            await all_begun.wait()
            storm = Storm(server, client, seed=7)
            async with trio.open_nursery() as nursery:
                for number in range(2000):
                    nursery.start_soon(storm.one, f"/{number}")
            assert transport.statistics().busy == 200
            assert transport.statistics().waiting == 0
            for visit in server.visits[200:]:
                await visit.closed.wait()
            # Client and server share a loop that is never idle here, and the machine with others.
            delays_s = sorted(storm.delays_s())
            assert len(delays_s) > 1000
            assert delays_s[len(delays_s) // 2] < 0.05
            assert delays_s[-1] < 2
            go.set()
        assert read == 200
        assert min(storm.cancelled_in.values()) > 20, storm.cancelled_in
        statistics = transport.statistics()
        assert (statistics.busy, statistics.waiting, statistics.idle) == (0, 0, 200)
