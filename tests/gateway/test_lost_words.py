"""What a client says arrives, though the connection is lost just then; and what it gave up ends."""

from functools import partial

import pytest
import trio
from attrs import frozen

from actrio.actors import Actor, Runtime, handles
from actrio.agents import Agent, Steered, TurnInterrupted, tool
from actrio.gateway import ConnectionLost, GatewayLimits, RemoteError, connect
from actrio.mailbox import Codec, Request
from actrio.providers import ToolCall
from actrio.testing import Say, ScriptedProvider, Stall
from tests.gateway.kit import served, until
from tests.gateway.network import Network, network
from tests.gateway.wire import wired

PATIENCE_S = 10  # more than any of this takes


async def lose_what_is_said(between: Network, say: object) -> None:
    """Have something said, and the connection cut before it arrives."""
    assert callable(say)
    between.deaf = True
    say()
    await trio.sleep(0.02)
    between.deaf = False
    between.cut()


async def test_a_cancel_that_was_lost_with_the_connection_is_said_again(runtime: Runtime) -> None:
    writer = await runtime.spawn(Agent("writer", ScriptedProvider(Stall(1))))
    async with (
        served(runtime) as gateway,
        network(gateway.port) as between,
        connect(between.url) as client,
        client.run("writer", "?") as turn,
    ):
        await anext(turn.text())
        await lose_what_is_said(between, turn.cancel)
        with trio.fail_after(PATIENCE_S), pytest.raises(TurnInterrupted):
            await turn.result()
        await until(lambda: not writer.turns)


async def test_a_verdict_that_was_lost_with_the_connection_is_said_again(runtime: Runtime) -> None:
    @tool(approval=True)
    async def send(to: str) -> str:
        """Send it."""
        return f"sent to {to}"

    calls = tuple(ToolCall(f"c{n}", "send", '{"to": "Ann"}') for n in range(2))
    await runtime.spawn(Agent("clerk", ScriptedProvider(Say(tool_calls=calls), "Done."), tools=[send]))
    async with (
        served(runtime) as gateway,
        network(gateway.port) as between,
        connect(between.url) as client,
        client.run("clerk", "?") as turn,
    ):
        await until(lambda: len(turn.waiting_for_approval) == 2)
        await lose_what_is_said(between, partial(turn.approve, "c0"))
        await trio.sleep(0.1)
        await lose_what_is_said(between, partial(turn.deny, "c1", "no"))
        with trio.fail_after(PATIENCE_S):
            reply = await turn.result()
    assert {use.call.id: use.outcome for use in reply.tool_uses} == {"c0": "done", "c1": "denied"}


async def test_what_was_said_to_a_turn_as_the_connection_broke_is_said_to_the_model_once(runtime: Runtime) -> None:
    @tool(approval=True)
    async def send() -> str:
        """Send it."""
        return "sent"

    model = ScriptedProvider(Say(tool_calls=(ToolCall("c", "send", "{}"),)), "Done.")
    await runtime.spawn(Agent("clerk", model, tools=[send]))
    async with (
        served(runtime) as gateway,
        network(gateway.port) as between,
        connect(between.url) as client,
        client.run("clerk", "?") as turn,
    ):
        await until(lambda: turn.waiting_for_approval)
        turn.steer("heard")
        await trio.sleep(0.05)
        await lose_what_is_said(between, partial(turn.steer, "lost"))
        await trio.sleep(0.2)
        between.cut()
        await trio.sleep(0.2)
        turn.approve("c")
        with trio.fail_after(PATIENCE_S):
            await turn.result()
        said = [event.text async for event in turn.events() if isinstance(event, Steered)]
    assert said == ["heard", "lost"]


async def test_a_turn_given_up_as_the_connection_broke_ends_in_the_server(runtime: Runtime) -> None:
    writer = await runtime.spawn(Agent("writer", ScriptedProvider(Stall(1), "Other.")))
    async with served(runtime) as gateway, network(gateway.port) as between, connect(between.url) as client:
        async with client.run("writer", "?") as turn:
            await anext(turn.text())
            between.deaf = True
        await trio.sleep(0.02)
        between.deaf = False
        between.cut()
        await until(lambda: not writer.turns)
        assert (await client.agent("writer").ask("?")).text == "Other."


@frozen
class Wait(Request[None]):
    pass


class Waiter(Actor):
    def __init__(self) -> None:
        self.waiting = 0

    @handles
    async def wait(self, message: Wait) -> None:
        waiting.append(message)
        try:
            await trio.sleep_forever()
        finally:
            waiting.remove(message)


waiting: list[Wait] = []


def codec() -> Codec:
    codec = Codec()
    codec.register(Wait)
    return codec


async def test_an_ask_given_up_as_the_connection_broke_ends_in_the_server(runtime: Runtime) -> None:
    await runtime.spawn(Waiter, name="waiter")
    async with (
        served(runtime, codec=codec(), expose=["waiter"]) as gateway,
        network(gateway.port) as between,
        connect(between.url, codec=codec()) as client,
    ):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.ask, "waiter", Wait())
            await until(lambda: waiting)
            between.deaf = True
            nursery.cancel_scope.cancel()
        await trio.sleep(0.02)
        between.deaf = False
        between.cut()
        await until(lambda: not waiting)


async def test_more_requests_than_may_wait_to_be_sent_are_all_answered(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(lambda _: "Yes.", cycle=True), concurrency=1000))
    answered = 0
    limits = GatewayLimits(max_requests=1000)
    async with (
        served(runtime, limits=limits) as gateway,
        network(gateway.port) as between,
        connect(between.url) as client,
    ):

        async def ask() -> None:
            nonlocal answered
            reply = await client.agent("writer").ask("?")
            answered += reply.text == "Yes."

        between.target, target = 1, between.target
        between.cut()
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                for n in range(400):
                    nursery.start_soon(ask)
                    if n % 100 == 99:
                        await trio.sleep(0.01)
                between.target = target
    assert answered == 400


async def test_whoever_waits_to_be_sent_is_told_that_the_gateway_is_gone(runtime: Runtime) -> None:
    lost = 0
    async with (
        served(runtime) as gateway,
        network(gateway.port) as between,
        connect(between.url, retry_s=0.3) as client,
    ):

        async def ask() -> None:
            nonlocal lost
            with pytest.raises(ConnectionLost):
                await client.agent("writer").ask("?")
            lost += 1

        between.target = 1
        between.cut()
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                for n in range(400):
                    nursery.start_soon(ask)
                    if n % 100 == 99:
                        await trio.sleep(0.01)
    assert lost == 400


async def test_a_message_sent_again_while_the_agent_is_busy_is_one_request(
    autojump_clock: object, runtime: Runtime
) -> None:
    model = ScriptedProvider(Stall(1), "Yes.", "No.")
    writer = await runtime.spawn(Agent("writer", model, concurrency=1))
    async with served(runtime) as gateway:
        async with wired(gateway) as wire:
            session = (await wire.hear())["session"]
            await wire.ask("first", "writer")
            await wire.ask("second", "writer")
            await wire.hear_until("text_chunk")
        async with wired(gateway) as wire:
            await wire.hear()
            assert await wire.come_back(session)
            await wire.ask("second", "writer")
            writer.turns[0].cancel()
            assert (await wire.hear_end("second"))[-1]["text"] == "Yes."
    assert len(model.requests) == 2


async def test_a_topic_that_there_is_not_is_an_error_for_who_follows_it(runtime: Runtime) -> None:
    async with served(runtime, codec=codec()) as gateway, connect(gateway.url, codec=codec()) as client:
        with trio.fail_after(PATIENCE_S), pytest.raises(RemoteError, match="unknown_topic"):
            async with client.follow("nothing") as news:
                await news.receive()


@frozen
class Unknown:
    number: int


async def test_a_message_of_a_topic_that_the_client_cannot_read_ends_nothing_else(runtime: Runtime) -> None:
    theirs = codec()
    theirs.register(Unknown)
    topic = runtime.topic("news", Unknown)
    await runtime.spawn(Agent("writer", ScriptedProvider("Yes.")))
    async with (
        served(runtime, codec=theirs, topics=[topic]) as gateway,
        connect(gateway.url, codec=codec()) as client,
        client.follow("news"),
    ):
        await topic.publish(Unknown(1))
        assert (await client.agent("writer").ask("?")).text == "Yes."
