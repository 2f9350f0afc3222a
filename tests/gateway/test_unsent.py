"""What a client has not sent yet: who waits for room gets it, or is told, and nothing grows without end."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from actrio.actors import Runtime
from actrio.agents import Agent, SteeringFull, TurnInterrupted, TurnOver
from actrio.gateway import Client, ConnectionLost, _client, _outbox, connect
from actrio.gateway._dial import Address
from actrio.gateway._frames import Subscribe, Unsubscribe
from actrio.gateway._outbox import Outbox
from actrio.testing import ScriptedProvider
from tests.gateway.kit import served
from tests.gateway.proxy import Proxy, proxied


@asynccontextmanager
async def cut_off(runtime: Runtime, retry_s: float) -> AsyncGenerator[tuple[Client, Proxy, int]]:
    """A client that has lost its connection, a proxy that leads nowhere, and the port where it should lead."""
    await runtime.spawn(Agent("writer", ScriptedProvider("Yes.", cycle=True)))
    async with (
        served(runtime) as gateway,
        proxied(gateway.port) as proxy,
        connect(proxy.url, retry_s=retry_s) as client,
    ):
        with client.notices.subscribe("lag") as notices:
            proxy.target = 1
            proxy.cut()
            await notices.receive()
        yield client, proxy, gateway.port


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_outbox, "MAX_UNSENT", 2)


@pytest.mark.usefixtures("little_room")
async def test_everybody_who_waits_for_room_to_ask_gets_it(runtime: Runtime) -> None:
    answers: list[str] = []
    async with cut_off(runtime, 5) as (client, proxy, port), trio.open_nursery() as nursery:

        async def ask() -> None:
            answers.append((await client.agent("writer").ask("?")).text)

        for _ in range(9):
            nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.01) as given_up:
            await client.agent("writer").ask("never sent")
        assert given_up.cancelled_caught
        assert "2 requests open" in repr(client)
        proxy.target = port
    assert answers == ["Yes."] * 9


@pytest.mark.usefixtures("little_room")
async def test_everybody_who_waits_for_room_is_told_when_the_connection_is_lost_for_good(runtime: Runtime) -> None:
    told: list[ConnectionLost] = []
    async with cut_off(runtime, 0.1) as (client, _, _), trio.open_nursery() as nursery:

        async def ask() -> None:
            with pytest.raises(ConnectionLost) as caught:
                await client.agent("writer").ask("?")
            told.append(caught.value)

        for _ in range(9):
            nursery.start_soon(ask)
    assert len(told) == 9


async def test_a_turn_takes_so_many_texts_that_its_model_has_not_got_and_no_more(runtime: Runtime) -> None:
    async with cut_off(runtime, 5) as (client, _, _), client.run("writer", "?") as turn:
        for n in range(100):
            turn.steer(f"{n}")
        with pytest.raises(SteeringFull):
            turn.steer("one more")
        turn.cancel()
        with pytest.raises(TurnOver):
            turn.steer("too late")


async def test_a_request_that_was_never_sent_is_cancelled_without_the_gateway(runtime: Runtime) -> None:
    async with cut_off(runtime, 5) as (client, proxy, port):
        async with client.run("writer", "never") as turn:
            turn.cancel()
            with trio.fail_after(0.05), pytest.raises(TurnInterrupted):
                await turn.result()
        for _ in range(1_000):  # each makes room for the next
            async with client.run("writer", "never"):
                pass
        assert "0 requests open" in repr(client)
        proxy.target = port
        assert (await client.agent("writer").ask("once")).text == "Yes."


STEPS = st.lists(st.tuples(st.sampled_from(["follow", "leave", "send", "cut"]), st.sampled_from("abc")), max_size=40)


@given(STEPS)
def test_what_is_followed_is_what_was_said_last_and_waits_once(steps: list[tuple[str, str]]) -> None:
    outbox, wanted, followed = Outbox(), set[str](), set[str]()

    async def say(step: str, topic: str) -> None:
        if step == "follow":
            wanted.add(topic)
            outbox.put_news(Subscribe(topic))
        elif step == "leave":
            wanted.discard(topic)
            outbox.put_news(Unsubscribe(topic))
        elif step == "cut":
            followed.clear()
            outbox.replace([Subscribe(topic) for topic in sorted(wanted)])
        elif len(outbox):
            frame = await outbox.first()
            outbox.sent(frame)
            (followed.add if isinstance(frame, Subscribe) else followed.discard)(getattr(frame, "topic", ""))
        assert len(outbox) <= 3

    async def main() -> None:
        for step, topic in steps:
            await say(step, topic)
        while len(outbox):
            await say("send", "")
        assert followed == wanted

    trio.run(main)


async def test_what_comes_and_cannot_be_taken_ends_who_waits_and_is_not_asked_for_again_for_ever(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_client, "Address", partial(Address, max_frame_bytes=2_000))
    await runtime.spawn(Agent("writer", ScriptedProvider("x" * 10_000)))
    async with served(runtime) as gateway, connect(gateway.url, retry_s=0.3) as client:
        with trio.fail_after(10), pytest.raises(ConnectionLost):
            await client.agent("writer").ask("?")
