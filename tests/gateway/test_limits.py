"""What the bounds of a gateway keep out: in virtual time, over connections through memory."""

import json
from typing import Any

import pytest
import trio
from attrs import frozen

from actrio.actors import Runtime
from actrio.gateway import Gateway, GatewayLimits
from actrio.gateway._socket import SocketClosed
from actrio.mailbox import Codec
from actrio.testing import Say, Stall
from tests.gateway.kit import served, until
from tests.gateway.wire import answered, wired, writing

WORDS = " ".join(f"word{n}" for n in range(20))


async def status_line(gateway: Gateway, request: bytes = b"") -> bytes:
    """What the gateway says to a new connection, up to its close."""
    ours, theirs = trio.testing.memory_stream_pair()
    said = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.take, theirs)
        if request:
            await ours.send_all(request)
        try:
            while piece := await ours.receive_some():
                said += piece
        except trio.BrokenResourceError:
            pass
    return said.partition(b"\r\n")[0]


async def test_one_connection_too_many_is_answered_503_and_taken_when_there_is_room(
    autojump_clock: object, runtime: Runtime
) -> None:
    await writing(runtime, "Yes.")
    async with served(runtime, limits=GatewayLimits(max_connections=2)) as gateway:
        async with wired(gateway) as one, wired(gateway):
            assert await status_line(gateway) == b"HTTP/1.1 503 Service Unavailable"
            await one.hear()
            await answered(one, "r")
        async with wired(gateway) as later:
            await later.hear()
            await answered(later, "r")


async def test_handshakes_that_are_not_done_are_few_and_take_their_time_at_most(
    autojump_clock: object, runtime: Runtime
) -> None:
    limits = GatewayLimits(max_handshakes=3, handshake_s=2.0)
    async with served(runtime, limits=limits) as gateway, trio.open_nursery() as nursery:
        for slow in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n"):
            nursery.start_soon(status_line, gateway, slow)
        await trio.sleep(1)
        assert await status_line(gateway) == b"HTTP/1.1 503 Service Unavailable"
        await trio.sleep(1.1)
        async with wired(gateway) as wire:
            assert (await wire.hear())["authenticated"]


async def test_connections_without_authentication_count_as_handshakes_until_they_have_it(
    autojump_clock: object, runtime: Runtime
) -> None:
    limits = GatewayLimits(max_handshakes=2, handshake_s=2.0)
    async with (
        served(runtime, limits=limits, authenticate="correct horse") as gateway,
        wired(gateway) as one,
        wired(gateway) as other,
    ):
        assert not (await one.hear())["authenticated"]
        assert not (await other.hear())["authenticated"]
        assert await status_line(gateway) == b"HTTP/1.1 503 Service Unavailable"
        await one.say("hello", version=1, token="correct horse")
        assert (await one.hear())["authenticated"]
        async with wired(gateway, token="correct horse") as third:
            assert (await third.hear())["authenticated"]


async def test_frames_that_come_too_fast_are_read_late_and_none_is_lost(
    autojump_clock: object, runtime: Runtime
) -> None:
    limits = GatewayLimits(frames_per_s=10, burst=5, max_malformed=1000)
    async with served(runtime, limits=limits) as gateway, wired(gateway) as wire, wired(gateway) as other:
        await wire.hear()
        start = trio.current_time()
        for n in range(45):
            await wire.say("cancel", request_id=f"r{n}")
        heard = [(await wire.hear())["request_id"] for _ in range(45)]
        assert heard == [f"r{n}" for n in range(45)]
        assert trio.current_time() - start == pytest.approx(4.0)
        await other.hear()
        await other.say("cancel", request_id="r")
        await other.hear()
        assert trio.current_time() - start == pytest.approx(4.0), "another's is not held up"


async def test_a_client_that_is_held_up_by_its_own_rate_is_not_taken_for_dead(
    autojump_clock: object, runtime: Runtime
) -> None:
    limits = GatewayLimits(frames_per_s=10, burst=5, heartbeat_s=0.5)
    async with served(runtime, limits=limits) as gateway, wired(gateway) as wire:
        await wire.hear()
        for n in range(65):
            await wire.say("cancel", request_id=f"r{n}")
        for n in range(65):
            assert (await wire.hear())["request_id"] == f"r{n}"


async def test_one_malformed_frame_more_than_allowed_closes(autojump_clock: object, runtime: Runtime) -> None:
    async with served(runtime, limits=GatewayLimits(max_malformed=3)) as gateway, wired(gateway) as wire:
        await wire.hear()
        for _ in range(4):
            await wire.say("dance")
        assert [(await wire.hear())["code"] for _ in range(4)] == ["protocol"] * 4
        with pytest.raises(SocketClosed) as caught:
            await wire.hear()
        assert caught.value.code == 1008


async def test_a_frame_as_large_and_as_deep_as_allowed_is_taken_and_no_other(
    autojump_clock: object, runtime: Runtime
) -> None:
    await writing(runtime, "Yes.")
    limits = GatewayLimits(max_frame_bytes=300, max_depth=5)
    async with served(runtime, limits=limits) as gateway, wired(gateway) as wire:
        await wire.hear()
        for depth, code in ((4, "unknown_agent"), (5, "protocol")):
            message: Any = 1
            for _ in range(depth):
                message = [message]
            await wire.say("ask", request_id="r", agent="nobody", message=message)
            assert (await wire.hear())["code"] == code
        frame = json.dumps({"type": "user_message", "request_id": "r", "agent": "writer", "text": ""})
        await wire.socket.send(frame[:-2] + "x" * (300 - len(frame)) + frame[-2:])
        assert (await wire.hear_end("r"))[-1]["type"] == "end"
        await wire.socket.send(frame[:-2] + "x" * (301 - len(frame)) + frame[-2:])
        with pytest.raises(SocketClosed) as caught:
            await wire.hear()
        assert caught.value.code == 1009


async def test_requests_at_once_are_bounded_over_all_connections_of_a_session(
    autojump_clock: object, runtime: Runtime
) -> None:
    writer = await writing(runtime, Stall(1))
    async with served(runtime, limits=GatewayLimits(max_requests=2)) as gateway:
        async with wired(gateway) as wire:
            session = (await wire.hear())["session"]
            await wire.ask("a", "writer")
            await wire.ask("b", "writer")
            await wire.hear_until("text_chunk")
        async with wired(gateway) as wire:
            await wire.hear()
            await wire.come_back(session)
            await wire.ask("c", "writer")
            assert (await wire.hear_end("c"))[-1]["code"] == "too_many_requests"
            await wire.say("cancel", request_id="a")
            await wire.say("resume", request_id="a", after=-1)
            await wire.hear_end("a")
            await wire.ask("d", "writer")
            assert (await wire.hear())["type"] == "started"
            assert len(writer.turns) == 2


@frozen
class Headline:
    number: int


def news_codec() -> Codec:
    codec = Codec()
    codec.register(Headline)
    return codec


async def test_one_topic_too_many_is_refused_and_another_may_take_the_place_of_one(
    autojump_clock: object, runtime: Runtime
) -> None:
    topics = [runtime.topic(name, Headline) for name in ("a", "b", "c")]
    limits = GatewayLimits(max_subscriptions=2)
    async with (
        served(runtime, codec=news_codec(), topics=topics, limits=limits) as gateway,
        wired(gateway) as wire,
    ):
        await wire.hear()
        for topic, code in (("a", "subscribed"), ("b", "subscribed"), ("c", "too_many_subscriptions")):
            await wire.say("subscribe", topic=topic)
            assert (await wire.hear())["code"] == code
        await wire.say("unsubscribe", topic="a")
        await trio.testing.wait_all_tasks_blocked()
        await wire.say("subscribe", topic="c")
        assert (await wire.hear())["code"] == "subscribed"
        await topics[2].publish(Headline(1))
        assert await wire.hear() == {"type": "published", "topic": "c", "message": {"type": "Headline", "number": 1}}


async def test_a_topic_left_and_followed_again_in_one_breath_is_followed(
    autojump_clock: object, runtime: Runtime
) -> None:
    topic = runtime.topic("news", Headline)
    async with served(runtime, codec=news_codec(), topics=[topic]) as gateway, wired(gateway) as wire:
        await wire.hear()
        await wire.say("subscribe", topic="news")
        await wire.hear()
        for _ in range(5):
            await wire.say("unsubscribe", topic="news")
            await wire.say("subscribe", topic="news")
        await trio.testing.wait_all_tasks_blocked()
        await topic.publish(Headline(1))
        assert (await wire.hear_until("published"))[-1]["message"]["number"] == 1


async def test_a_slow_reader_of_a_topic_is_told_how_much_it_missed_and_no_more_is_kept(
    autojump_clock: object, runtime: Runtime
) -> None:
    topic = runtime.topic("news", Headline)
    limits = GatewayLimits(topic_backlog=10, heartbeat_s=100.0)
    async with (
        served(runtime, codec=news_codec(), topics=[topic], limits=limits) as gateway,
        wired(gateway, lockstep=True) as wire,
    ):
        await wire.hear()
        await wire.say("subscribe", topic="news")
        await wire.hear()
        for n in range(500):
            await topic.publish(Headline(n))
        missed = 0
        got: list[int] = []
        while not got or got[-1] < 499:
            frame = await wire.hear()
            if frame["type"] == "lagging":
                missed += frame["missed"]
            else:
                got.append(frame["message"]["number"])
    assert got == sorted(got)
    assert len(got) + missed == 500
    assert got[-10:] == list(range(490, 500))
    assert len(got) < 60, "the backlog, and what fits into the connection"


async def test_a_reader_that_reads_nothing_is_dropped_in_two_heartbeats_though_it_would_write(
    autojump_clock: object, runtime: Runtime
) -> None:
    await writing(runtime, Say("x " * 100_000))
    limits = GatewayLimits(heartbeat_s=0.5, linger_s=1.0)
    async with served(runtime, limits=limits) as gateway, trio.open_nursery() as nursery:
        ours, theirs = trio.testing.lockstep_stream_pair()
        nursery.start_soon(gateway.take, theirs)
        await ours.send_all(UPGRADE)
        nursery.start_soon(write_for_ever, ours)
        await ours.receive_some(10)
        start = trio.current_time()
        await until(lambda: not gateway.connections)
        assert trio.current_time() - start <= 1.1
        nursery.cancel_scope.cancel()


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def write_for_ever(stream: trio.abc.SendStream) -> None:
    try:
        while True:
            await stream.send_all(b"\x8a\x80\x00\x00\x00\x00")  # a pong that nobody asked for
            await trio.sleep(0.1)
    except trio.BrokenResourceError:
        pass


async def test_whoever_comes_back_has_the_whole_time_to_come_back_again(
    autojump_clock: object, runtime: Runtime
) -> None:
    writer = await writing(runtime, Stall(1))
    async with served(runtime, limits=GatewayLimits(linger_s=3.0)) as gateway:
        async with wired(gateway) as wire:
            session = (await wire.hear())["session"]
            await wire.ask("r", "writer")
            await wire.hear_until("text_chunk")
        await trio.sleep(2)
        async with wired(gateway) as wire:
            await wire.hear()
            assert await wire.come_back(session)
        await trio.sleep(2)
        assert writer.turns
        await trio.sleep(1.5)
        assert not writer.turns
