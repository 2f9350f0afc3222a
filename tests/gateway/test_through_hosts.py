"""A gateway's agents in programs that do not run on Trio: asked, read while they answer, cancelled."""

import asyncio  # noqa: TID251 - what a host is for
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import pytest
import trio

from actrio.actors import Runtime
from actrio.agents import Agent, TurnInterrupted
from actrio.gateway import Client, ConnectFailed, RemoteError, connect, serve
from actrio.hosts import AsyncioHost, Host
from actrio.testing import ScriptedProvider, Stall
from tests.gateway.kit import until


@contextmanager
def serving() -> Generator[tuple[str, Host]]:
    """A gateway in a thread of its own, and the host that it runs in."""
    urls: list[str] = []

    @asynccontextmanager
    async def setup(runtime: Runtime) -> AsyncGenerator[None]:
        await runtime.spawn(Agent("writer", ScriptedProvider("Words fall.", cycle=True)))
        await runtime.spawn(Agent("slow", ScriptedProvider(lambda _: Stall(1, of="I think"), cycle=True)))
        async with trio.open_nursery() as nursery:
            gateway = await nursery.start(partial(serve, runtime, drain_s=0.1))
            urls.append(gateway.url)
            yield
            nursery.cancel_scope.cancel()

    with Host(setup) as host:
        yield urls[0], host


def idle(host: Host) -> None:
    """Wait until no turn is at work."""
    slow = host.find("slow")
    host.call(until, lambda: not slow.native.turns)  # type: ignore[attr-defined] # it is an agent


def test_a_plain_program_asks_reads_and_cancels() -> None:
    with serving() as (url, server), Host() as host:
        client: Client = host.call(host.runtime.share, url, partial(connect, url))
        assert host.call(client.agent("writer").ask, "?").text == "Words fall."
        assert "".join(host.turn(client.run, "writer", "?").text()) == "Words fall."
        with pytest.raises(RemoteError, match="unknown_agent"):
            host.call(client.agent("nobody").ask, "?")
        with host.turn(client.run, "slow", "?") as turn:
            assert next(turn.text()) == "I"
            turn.cancel()
            with pytest.raises(TurnInterrupted):
                turn.result()
        with host.turn(client.run, "slow", "?") as turn:
            assert next(turn.text()) == "I"
        idle(server)
    assert "lost" in repr(client), "it ended with its runtime"


def test_a_program_on_asyncio_asks_reads_and_cancels() -> None:
    async def main(url: str) -> None:
        async with AsyncioHost() as host:
            client: Client = await host.call(host.runtime.share, url, partial(connect, url))
            assert (await host.call(client.agent("writer").ask, "?")).text == "Words fall."
            assert "".join([piece async for piece in host.turn(client.run, "writer", "?").text()]) == "Words fall."
            task = asyncio.create_task(host.call(client.agent("slow").ask, "?"))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with host.turn(client.run, "slow", "?") as turn:
                assert await anext(turn.text()) == "I"
                await turn.cancel()
                with pytest.raises(TurnInterrupted):
                    await turn.result()

    with serving() as (url, server):
        asyncio.run(main(url))
        idle(server)


def test_a_gateway_that_is_not_there_is_an_error_of_the_call() -> None:
    with Host() as host, pytest.raises(ConnectFailed):
        host.call(host.runtime.share, "gateway", partial(connect, "ws://127.0.0.1:1", connect_s=1))
