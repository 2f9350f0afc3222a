"""What real networks and bad peers do, over real sockets."""

import json
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

import pytest
import trio

from actrio.actors import Runtime
from actrio.agents import Agent, TurnInterrupted
from actrio.gateway import (
    ConnectFailed,
    ConnectionLost,
    EventsMissing,
    GatewayLimits,
    Identity,
    RemoteError,
    connect,
    serve,
)
from actrio.gateway._socket import Socket, SocketClosed
from actrio.providers import ProviderUnreachable
from actrio.testing import Fail, Line, Say, ScriptedProvider, Stall
from tests.gateway.kit import peer, served, until
from tests.gateway.proxy import proxied

WORDS = " ".join(f"word{n}" for n in range(40))


async def test_a_turn_survives_a_cut_at_every_place_without_loss_or_repetition(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(lambda _: Say(WORDS), cycle=True)))
    async with served(runtime) as gateway, proxied(gateway.port) as proxy:
        resumed = 0
        for cut in range(40, 3_200, 37):
            proxy.cut_after, before = cut, proxy.accepted
            try:
                async with connect(proxy.url, retry_s=5) as client, client.run("writer", "?") as turn:
                    proxy.cut_after = None
                    assert "".join([piece async for piece in turn.text()]) == WORDS
                    assert (await turn.result()).text == WORDS
                    resumed += proxy.accepted - before == 2
            except ConnectFailed:
                assert cut < 600, "that is in the handshake"
                assert proxy.accepted == before + 1
        assert resumed > 10


async def test_a_turn_goes_on_while_its_client_is_away_and_is_read_to_the_end(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(Say(WORDS, token_s=0.005))))
    async with served(runtime) as gateway, proxied(gateway.port) as proxy, connect(proxy.url) as client:
        async with client.run("writer", "?") as turn:
            pieces: list[str] = []
            async for piece in turn.text():
                pieces.append(piece)
                if len(pieces) in (3, 9, 15):
                    proxy.cut()
        assert "".join(pieces) == WORDS
        assert proxy.accepted == 4


async def test_who_does_not_come_back_has_his_turn_cancelled(runtime: Runtime) -> None:
    writer = await runtime.spawn(Agent("writer", ScriptedProvider(Stall(1))))
    limits = GatewayLimits(linger_s=0.05)
    async with served(runtime, limits=limits) as gateway, proxied(gateway.port) as proxy:
        async with connect(proxy.url, retry_s=0.01) as client, client.run("writer", "?") as turn:
            await anext(turn.text())
            proxy.target = 1
            proxy.cut()
            with pytest.raises(ConnectionLost):
                await turn.result()
        await until(lambda: not writer.turns)


async def test_a_lost_server_wakes_everybody_who_waits(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(lambda _: Stall(1), cycle=True)))
    lost = 0
    async with served(runtime) as gateway, proxied(gateway.port) as proxy, connect(proxy.url, retry_s=0.1) as client:

        async def wait() -> None:
            nonlocal lost
            with pytest.raises(ConnectionLost):
                await client.agent("writer").ask("?")
            lost += 1

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(wait)
            await until(lambda: gateway.connections == 1)
            proxy.target = 1
            proxy.cut()
    assert lost == 8


async def test_a_server_that_was_restarted_does_not_remember_and_says_so(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(Stall(1), "Again.")))
    async with (
        served(runtime) as first,
        proxied(first.port) as proxy,
        connect(proxy.url) as client,
        client.run("writer", "?") as turn,
    ):
        await anext(turn.text())
        async with served(runtime) as second:
            proxy.target = second.port
            proxy.cut()
            with pytest.raises(ConnectionLost, match="does not remember"):
                await turn.result()
            assert (await client.agent("writer").ask("?")).text == "Again."


async def test_who_comes_back_too_late_is_told_of_the_gap(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(Say(WORDS, token_s=0.001), "Other.")))
    limits = GatewayLimits(kept_requests=1)
    async with (
        served(runtime, limits=limits) as gateway,
        proxied(gateway.port) as proxy,
        connect(proxy.url) as client,
        client.run("writer", "?") as turn,
        connect(gateway.url) as other,
    ):
        await anext(turn.text())
        proxy.target, target = 1, proxy.target
        proxy.cut()
        await trio.sleep(0.15)
        await other.agent("writer").ask("?")  # takes the place of the first
        proxy.target = target
        with pytest.raises(EventsMissing):
            await turn.result()


async def test_a_reader_that_stalls_holds_up_nobody_else(runtime: Runtime) -> None:
    big = " ".join("x" * 200 for _ in range(20_000))
    await runtime.spawn(Agent("big", ScriptedProvider(lambda _: Say(big), cycle=True)))
    await runtime.spawn(Agent("small", ScriptedProvider(lambda _: "Quick.", cycle=True)))
    limits = GatewayLimits(heartbeat_s=0.3, linger_s=0.1)
    async with (
        served(runtime, limits=limits) as gateway,
        proxied(gateway.port) as proxy,
        connect(proxy.url) as slow,
        connect(gateway.url) as quick,
        slow.run("big", "?"),
    ):
        await trio.sleep(0.05)
        proxy.go = trio.Event()
        for _ in range(20):
            assert (await quick.agent("small").ask("?")).text == "Quick."
        await until(lambda: gateway.connections == 1)  # the one that does not read is cut off
        proxy.go.set()


GARBAGE = [
    "",
    "{",
    "[" * 500,
    '{"type":"dance"}',
    '{"type":"user_message"}',
    '{"type":"user_message","request_id":"1","agent":3,"text":"?"}',
    '{"type":"resume","request_id":"1","after":-7}',
    '{"type":"hello","version":"1"}',
    '{"type":"ask","request_id":"1","agent":"a","message":' + '{"a":' * 99 + "1" + "}" * 99 + "}",
    b"\x00\xff",
]


async def test_garbage_is_answered_with_where_and_why_and_too_much_of_it_closes(runtime: Runtime) -> None:
    async with (
        served(runtime, limits=GatewayLimits(max_malformed=len(GARBAGE))) as gateway,
        peer(gateway) as socket,
    ):
        assert json.loads(await socket.receive())["type"] == "status"
        for garbage in GARBAGE:
            await socket.send(garbage)  # type: ignore[arg-type] # one is binary
            answer = json.loads(await socket.receive())
            assert (answer["type"], answer["code"]) == ("error", "protocol")
            assert answer["message"].startswith("$")
        await socket.send("{")
        await socket.receive()
        with pytest.raises(SocketClosed) as caught:
            await socket.receive()
        assert caught.value.code == 1008


async def test_a_frame_too_large_closes_the_connection_that_sent_it_and_no_other(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider("Yes.")))
    limits = GatewayLimits(max_frame_bytes=1_000)
    async with served(runtime, limits=limits) as gateway, connect(gateway.url) as client:
        async with peer(gateway) as socket:
            await socket.receive()
            await socket.send("x" * 2_000)
            with pytest.raises(SocketClosed) as caught:
                await socket.receive()
            assert caught.value.code == 1009
        assert (await client.agent("writer").ask("?")).text == "Yes."


RAW = [
    b"\x81\x82\x00\x00\x00\x00\xff\xfe",  # text that is no UTF-8
    b"\x81\x05hello",  # not masked, as a client's must be
    b"\xf1\x80\x00\x00\x00\x00",  # reserved bits
    b"\x80\x80\x00\x00\x00\x00",  # goes on with nothing
    b"\x89\xfe\x00\xff\x00\x00\x00\x00",  # a ping that is too long
    b"\x88\x81\x00\x00\x00\x00\x00",  # a close that is too short
    b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff",  # a length beyond all measure
    b"garbage" * 100,
]
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n"
)


@pytest.mark.parametrize("raw", RAW)
async def test_bytes_that_are_no_websocket_end_that_connection_only(runtime: Runtime, raw: bytes) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider("Yes.")))
    async with served(runtime) as gateway, connect(gateway.url) as client:
        async with await trio.open_tcp_stream("127.0.0.1", gateway.port) as stream:
            await stream.send_all(UPGRADE % b"" + raw)
            await stream.send_eof()
            with trio.fail_after(5):
                while await stream.receive_some():
                    pass
        assert (await client.agent("writer").ask("?")).text == "Yes."
        await until(lambda: gateway.connections == 1)


async def answer_to(port: int, request: bytes) -> bytes:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(request)
        return await stream.receive_some(65_536)


async def test_pages_of_other_origins_are_kept_out(runtime: Runtime) -> None:
    async with served(runtime, origins=["https://app.example"]) as gateway:
        for origin, host, let_in in [
            ("https://app.example", "localhost", True),
            (f"http://localhost:{gateway.port}", f"localhost:{gateway.port}", True),
            ("https://evil.example", "localhost", False),
            ("http://evil.example", "evil.example", False),  # a name that points to 127.0.0.1
            ("null", "localhost", False),
        ]:
            request = (UPGRADE % f"Origin: {origin}\r\n".encode()).replace(b"Host: localhost", f"Host: {host}".encode())
            answer = await answer_to(gateway.port, request)
            assert answer.startswith(b"HTTP/1.1 101" if let_in else b"HTTP/1.1 403"), origin


@pytest.mark.parametrize("request_", [b"", b"\r\n\r\n", b"GET\r\n\r\n", b"x" * 40_000, b"\xff" * 99 + b"\r\n\r\n"])
async def test_a_first_request_that_is_none_is_refused(runtime: Runtime, request_: bytes) -> None:
    async with served(runtime, limits=GatewayLimits(handshake_s=0.05)) as gateway:
        async with await trio.open_tcp_stream("127.0.0.1", gateway.port) as stream:
            if request_:
                await stream.send_all(request_)
            with trio.fail_after(5):
                try:
                    answer = bytes(await stream.receive_some(65_536))
                except trio.BrokenResourceError:
                    answer = b""
        assert answer[:12] in (b"", b"HTTP/1.1 400")


async def test_who_does_not_authenticate_is_dropped_in_time(runtime: Runtime) -> None:
    limits = GatewayLimits(handshake_s=0.1)
    async with served(runtime, authenticate="correct horse", limits=limits) as gateway:
        async with peer(gateway) as socket:
            status = json.loads(await socket.receive())
            assert status == {"type": "status", "version": 1, "authenticated": False}
            with pytest.raises(SocketClosed), trio.fail_after(2):
                await socket.receive()
        await until(lambda: gateway.connections == 0)


async def read_kinds(socket: Socket, kinds: set[str]) -> None:
    while True:
        kinds.add(json.loads(await socket.receive())["type"])


async def test_a_cancelled_gateway_says_that_it_goes_and_closes_with_1001(runtime: Runtime) -> None:
    writer = await runtime.spawn(Agent("writer", ScriptedProvider(lambda _: Stall(1), cycle=True)))
    async with trio.open_nursery() as nursery:
        gateway = await nursery.start(partial(serve, runtime, drain_s=0.05))
        async with peer(gateway) as socket:
            await socket.receive()
            for request_id, on_disconnect in (("1", "cancel"), ("2", "continue")):
                frame = {"type": "user_message", "request_id": request_id, "agent": "writer", "text": "?"}
                await socket.send(json.dumps(frame | {"on_disconnect": on_disconnect}))
            await until(lambda: len(writer.turns) == 2)
            nursery.cancel_scope.cancel()
            kinds: set[str] = set()
            with trio.CancelScope(shield=True), pytest.raises(SocketClosed) as caught:
                await read_kinds(socket, kinds)
            assert "graceful_disconnect" in kinds
            assert caught.value.code == 1001
    await until(lambda: len(writer.turns) == 1)
    writer.turns[0].cancel()


async def test_a_peer_that_does_not_answer_pings_is_cut_off(runtime: Runtime) -> None:
    async with served(runtime, limits=GatewayLimits(heartbeat_s=0.05)) as gateway:
        async with await trio.open_tcp_stream("127.0.0.1", gateway.port) as stream:
            await stream.send_all(UPGRADE % b"")
            with trio.fail_after(5), suppress(trio.BrokenResourceError):
                while await stream.receive_some():
                    pass
        await until(lambda: gateway.connections == 0)


async def test_a_session_goes_on_in_the_connection_that_claimed_it_last(runtime: Runtime) -> None:
    async with served(runtime) as gateway, peer(gateway) as first, peer(gateway) as second:
        session = json.loads(await first.receive())["session"]
        await second.receive()
        await second.send(json.dumps({"type": "hello", "version": 1, "session": session}))
        assert json.loads(await second.receive())["session"] == session
        with pytest.raises(SocketClosed) as caught:
            await first.receive()
        assert caught.value.code == 4000


async def test_another_identity_s_session_is_as_unknown_as_one_that_never_was(runtime: Runtime) -> None:
    def who(token: str) -> Identity | None:
        return Identity(token)

    async with served(runtime, authenticate=who) as gateway, peer(gateway) as ann, peer(gateway) as bob:
        await ann.receive()
        await ann.send(json.dumps({"type": "hello", "version": 1, "token": "ann"}))
        theirs = json.loads(await ann.receive())["session"]
        await bob.receive()
        await bob.send(json.dumps({"type": "hello", "version": 1, "token": "bob", "session": theirs}))
        assert json.loads(await bob.receive())["session"] not in ("", theirs)


async def test_another_session_s_request_is_as_unknown_as_one_that_never_was(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(Stall(1))))
    async with served(runtime) as gateway, connect(gateway.url) as client, client.run("writer", "?") as turn:
        await anext(turn.text())
        theirs: str = turn.log.frame.request_id  # type: ignore[attr-defined]
        async with peer(gateway) as socket:
            await socket.receive()
            answers = []
            for request_id in (theirs, "never"):
                for kind in ("resume", "cancel", "approve"):
                    frame = {"type": kind, "request_id": request_id, "after": -1, "call_id": "c"}
                    await socket.send(json.dumps(frame))
                    answers.append(str(await socket.receive()).replace(request_id, "ID"))
        assert answers[:3] == answers[3:]
        assert not turn.over


async def test_every_disturbed_request_ends_exactly_once_and_tells_the_truth(runtime: Runtime) -> None:
    """The law: End, Error, or a connection error; what was read is how the truth begins, and all of it at an End."""
    random = Random(7)
    lines: list[Line] = [Say(WORDS), Say(WORDS, token_s=0.0005), Fail(ProviderUnreachable("scripted", "boom"))]
    await runtime.spawn(Agent("writer", ScriptedProvider(lambda _: random.choice(lines), cycle=True), concurrency=100))
    ends: dict[str, int] = {}
    limits = GatewayLimits(linger_s=1, max_requests=500, frames_per_s=1e6, burst=10**6)
    async with served(runtime, limits=limits) as gateway, proxied(gateway.port) as proxy:

        async def one(client: Any) -> None:
            got = ""
            try:
                async with client.run("writer", "?") as turn:
                    if random.random() < 0.2:
                        turn.cancel()
                    async for piece in turn.text():
                        got += piece
                    reply = await turn.result()
                    end = "end"
                    assert got == reply.text == WORDS
            except (RemoteError, TurnInterrupted, ConnectionLost) as error:
                end = type(error).__name__
            assert WORDS.startswith(got)
            ends[end] = ends.get(end, 0) + 1

        async with connect(proxy.url) as client:
            with trio.move_on_after(15) as patience:
                async with trio.open_nursery() as disturbing:
                    disturbing.start_soon(disturb, proxy, random)
                    for _ in range(10):
                        async with trio.open_nursery() as nursery:
                            for _ in range(40):
                                nursery.start_soon(one, client)
                    disturbing.cancel_scope.cancel()
            assert not patience.cancelled_caught, f"a request hangs, after {ends}"
    assert sum(ends.values()) == 400
    assert ends["end"] > 100
    assert proxy.accepted > 3


async def disturb(proxy: Any, random: Random) -> None:
    while True:
        await trio.sleep(random.uniform(0.03, 0.25))
        proxy.cut_after = random.choice([None, None, random.randrange(200, 40_000)])
        proxy.cut()
