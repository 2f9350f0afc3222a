"""The same over TLS: it works, it resumes, and what does not fit fails in time and says why."""

import ssl

import pytest
import trio

from actrio.actors import Runtime
from actrio.agents import Agent
from actrio.gateway import ConnectFailed, GatewayLimits, connect
from actrio.testing import Say, ScriptedProvider
from tests.gateway.kit import served, until
from tests.gateway.proxy import proxied
from tests.providers.transport.certificate import client_context, server_context

WORDS = " ".join(f"word{n}" for n in range(40))


async def test_a_turn_over_tls_survives_cuts(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(Say(WORDS, token_s=0.005))))
    async with (
        served(runtime, ssl_context=server_context(), authenticate="correct horse") as gateway,
        proxied(gateway.port) as proxy,
        connect(
            proxy.url.replace("ws://", "wss://"), token="correct horse", ssl_context=client_context(), retry_s=5
        ) as client,
    ):
        assert gateway.url.startswith("wss://")
        pieces: list[str] = []
        async with client.run("writer", "?") as turn:
            async for piece in turn.text():
                pieces.append(piece)
                if len(pieces) in (3, 9):
                    proxy.cut()
        assert "".join(pieces) == WORDS
        assert proxy.accepted == 3
    assert gateway.connections == 0


@pytest.mark.parametrize(
    ("context", "host"), [(ssl.create_default_context(), "127.0.0.1"), (client_context(), "127.0.0.2")]
)
async def test_a_certificate_that_is_not_trusted_or_another_host_s_is_refused_and_it_says_so(
    runtime: Runtime, context: ssl.SSLContext, host: str
) -> None:
    async with served(runtime, ssl_context=server_context(), host=host) as gateway:
        with trio.fail_after(2), pytest.raises(ConnectFailed, match="certificate"):
            async with connect(gateway.url, ssl_context=context):
                pass
        await until(lambda: gateway.connections == 0)


async def test_a_plain_client_of_a_tls_port_fails_in_time(runtime: Runtime) -> None:
    limits = GatewayLimits(handshake_s=0.5)
    async with served(runtime, ssl_context=server_context(), limits=limits) as gateway:
        with trio.fail_after(3), pytest.raises(ConnectFailed):
            async with connect(gateway.url.replace("wss://", "ws://"), connect_s=1):
                pass
        await until(lambda: gateway.connections == 0)


async def test_a_tls_client_of_a_plain_port_fails_in_time(runtime: Runtime) -> None:
    async with served(runtime) as gateway:
        with trio.fail_after(3), pytest.raises(ConnectFailed):
            async with connect(gateway.url.replace("ws://", "wss://"), connect_s=1, ssl_context=client_context()):
                pass
        await until(lambda: gateway.connections == 0)


async def test_who_never_shakes_hands_over_tls_is_dropped_in_time(runtime: Runtime) -> None:
    limits = GatewayLimits(handshake_s=0.1)
    async with (
        served(runtime, ssl_context=server_context(), limits=limits) as gateway,
        await trio.open_tcp_stream("127.0.0.1", gateway.port) as stream,
    ):
        await stream.send_all(b"\x16\x03\x01")  # how a hello begins
        with trio.fail_after(2):
            assert await stream.receive_some() == b""


async def test_a_server_that_never_shakes_hands_over_tls_is_given_up_in_time() -> None:
    async def say_nothing(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            pass

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, say_nothing, 0)
        port = listeners[0].socket.getsockname()[1]
        with trio.fail_after(2), pytest.raises(ConnectFailed, match=r"no answer within 0\.1 s"):
            async with connect(f"wss://localhost:{port}", connect_s=0.1):
                pass
        nursery.cancel_scope.cancel()
