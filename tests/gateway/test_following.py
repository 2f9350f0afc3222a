"""Following agents: one's own turns, the agent's life, nobody else's business."""

from typing import Any

import pytest
import trio

from actrio.actors import Runtime
from actrio.agents import Agent, AgentRef
from actrio.gateway import (
    ConnectionLost,
    GatewayLimits,
    Identity,
    RemoteError,
    RemoteStateChanged,
    RemoteTurnEnded,
    RemoteTurnStarted,
    connect,
)
from actrio.providers import ProviderUnreachable
from actrio.testing import Fail, ScriptedProvider, Stall
from tests.gateway.kit import served, until
from tests.gateway.proxy import proxied
from tests.gateway.wire import wired


def who(token: str) -> Identity | None:
    known = {"ann": Identity("ann"), "bob": Identity("bob"), "eve": Identity("eve", agents=["other"])}
    return known.get(token.partition("-")[0])


async def writing(runtime: Runtime, *lines: Any) -> AgentRef[str]:
    return await runtime.spawn(Agent("writer", ScriptedProvider(*lines, cycle=True)))


async def test_turns_are_told_with_how_they_ended_and_what_they_took(runtime: Runtime) -> None:
    await writing(runtime, "Two words.", Fail(ProviderUnreachable("scripted", "boom")), Stall(1))
    async with (
        served(runtime) as gateway,
        connect(gateway.url) as client,
        connect(gateway.url) as other,
        client.follow_agent("writer") as events,
    ):
        await other.agent("writer").ask("?", conversation="c")
        with pytest.raises(RemoteError):
            await client.agent("writer").ask("?")
        async with client.run("writer", "?") as turn:
            await anext(turn.text())
        told = [await events.receive() for _ in range(6)]
    begun, ended = told[::2], told[1::2]
    assert all(isinstance(one, RemoteTurnStarted) for one in begun)
    assert [one.outcome for one in ended if isinstance(one, RemoteTurnEnded)] == ["completed", "failed", "cancelled"]
    first, failed, _ = ended
    assert isinstance(first, RemoteTurnEnded)
    assert isinstance(failed, RemoteTurnEnded)
    assert (first.conversation, first.usage.output_tokens, first.code) == ("c", 2, "")
    assert first.request_id == getattr(begun[0], "request_id", None)
    assert (failed.code, failed.conversation) == ("model", None)
    assert 0 < first.duration < 5


async def test_nobody_learns_of_another_s_turns(runtime: Runtime) -> None:
    await writing(runtime, "Yes.")
    async with (
        served(runtime, authenticate=who) as gateway,
        connect(gateway.url, token="ann-1") as ann,
        connect(gateway.url, token="ann-2") as ann_again,
        connect(gateway.url, token="bob-1") as bob,
        ann.follow_agent("writer") as events,
    ):
        await bob.agent("writer").ask("?", conversation="bob's")
        await ann_again.agent("writer").ask("?", conversation="ann's")
        told = [await events.receive() for _ in range(2)]
        await trio.testing.wait_all_tasks_blocked(0.01)
        with pytest.raises(trio.WouldBlock):
            events.receive_nowait()
    assert [getattr(one, "conversation", None) for one in told] == ["ann's", "ann's"]


async def test_an_agent_that_one_may_not_see_is_as_unknown_as_one_that_is_not(runtime: Runtime) -> None:
    await writing(runtime, "Yes.")
    async with served(runtime, authenticate=who) as gateway:
        async with connect(gateway.url, token="eve-1") as eve:
            for name in ("writer", "nobody"):
                with pytest.raises(RemoteError, match=f"unknown_agent: there is no agent '{name}'"):
                    async with eve.follow_agent(name):
                        pass
        async with wired(gateway, token="eve-1") as wire:
            await wire.hear()
            answers = []
            for name in ("writer", "nobody"):
                await wire.say("subscribe", agent=name)
                answers.append(str(await wire.hear()).replace(name, "NAME"))
            assert answers[0] == answers[1]


async def test_the_life_of_an_agent_is_told_to_its_end(runtime: Runtime) -> None:
    writer = await writing(runtime, "Yes.")
    async with (
        served(runtime) as gateway,
        connect(gateway.url) as client,
        client.follow_agent("writer") as events,
        client.follow_agent("writer") as more,
    ):
        await writer.stop()
        told = [event async for event in events]
        assert [event async for event in more] == told
        assert told[-1] == RemoteStateChanged("writer", "stopped")
        assert [one.state for one in told if isinstance(one, RemoteStateChanged)] == ["stopping", "down", "stopped"]
        with pytest.raises(RemoteError, match="unknown_agent"):
            async with client.follow_agent("writer"):
                pass
        await writing(runtime, "Again.")
        async with client.follow_agent("writer") as again:
            await client.agent("writer").ask("?")
            assert isinstance(await again.receive(), RemoteTurnStarted)


async def test_an_agent_is_followed_again_after_the_connection_was_lost(runtime: Runtime) -> None:
    await writing(runtime, "Yes.")
    async with (
        served(runtime) as gateway,
        proxied(gateway.port) as proxy,
        connect(proxy.url) as client,
        client.follow_agent("writer") as events,
    ):
        with client.notices.subscribe("lag", from_="now") as notices:
            proxy.cut()
            assert [getattr(await notices.receive(), "code", "") for _ in range(2)] == ["lost", "reconnected"]
        await client.agent("writer").ask("?")
        assert isinstance(await events.receive(), RemoteTurnStarted)


async def test_followers_are_told_that_the_gateway_is_gone(runtime: Runtime) -> None:
    await writing(runtime, "Yes.")
    async with (
        served(runtime) as gateway,
        proxied(gateway.port) as proxy,
        connect(proxy.url, retry_s=0.05) as client,
        client.follow_agent("writer") as events,
    ):
        proxy.target = 1
        proxy.cut()
        with pytest.raises(ConnectionLost):
            await events.receive()
        with pytest.raises(ConnectionLost):
            async with client.follow_agent("writer"):
                pass


async def test_a_follower_that_does_not_read_is_told_how_much_it_missed(
    autojump_clock: object, runtime: Runtime
) -> None:
    writer = await writing(runtime, "Yes.")
    limits = GatewayLimits(topic_backlog=10, heartbeat_s=1_000.0)
    async with (
        served(runtime, limits=limits) as gateway,
        wired(gateway, lockstep=True) as slow,
        wired(gateway) as wire,
    ):
        await slow.hear()
        await slow.say("subscribe", agent="writer")
        assert (await slow.hear())["code"] == "subscribed"
        await wire.hear()
        for n in range(100):
            await wire.ask(f"r{n}", "writer")
            await wire.hear_end(f"r{n}")
        await writer.stop()
        heard = await slow.hear_until("agent_changed")
        while heard[-1].get("state") != "stopped":
            heard.append(await slow.hear())
    missed = sum(one["missed"] for one in heard if one["type"] == "lagging")
    assert missed > 0
    assert len(heard) - 1 + missed == 203


async def test_leaving_has_the_gateway_follow_it_no_more(runtime: Runtime) -> None:
    await writing(runtime, "Yes.")
    async with served(runtime) as gateway, connect(gateway.url) as client:
        watchers: Any = gateway._house.watchers
        for _ in range(3):
            async with client.follow_agent("writer"):
                assert watchers._by_agent
        await until(lambda: not watchers._by_agent)
