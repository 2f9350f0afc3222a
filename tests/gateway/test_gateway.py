"""A client and a server: turns read as in process, replies that never mix, errors that reach who waits."""

import json
import logging
from typing import Any

import pytest
import trio
from attrs import frozen

from actrio.actors import Actor, Runtime, handles
from actrio.agents import Agent, Reply, TextChunk, ToolCallFinished, TurnCancelled, TurnInterrupted, tool
from actrio.agents.batch import Done
from actrio.gateway import (
    ConnectFailed,
    ConnectionLost,
    GatewayLimits,
    Identity,
    InvalidGateway,
    NotAuthorized,
    RemoteError,
    connect,
    serve,
)
from actrio.mailbox import Codec, Lagged, Request
from actrio.providers import ToolCall
from actrio.testing import Fail, Say, ScriptedProvider, Stall
from tests.gateway.kit import served, until


async def test_a_turn_is_read_as_one_in_process(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider("Words fall like rain.")))
    async with served(runtime) as gateway, connect(gateway.url) as client:
        async with client.run("writer", "Go.", conversation="c") as turn:
            assert "".join([piece async for piece in turn.text()]) == "Words fall like rain."
            reply = await turn.result()
        events = [event async for event in turn.events()]
    assert [event.sequence for event in events] == list(range(len(events)))
    assert (reply.text, reply.usage.output_tokens, reply.finish_reason) == ("Words fall like rain.", 4, "stop")
    assert reply.conversation == "c"


async def test_replies_of_requests_at_once_never_mix(runtime: Runtime) -> None:
    texts = [f"{n} is the number that number {n} has" for n in range(200)]
    for n, text in enumerate(texts):
        await runtime.spawn(Agent(f"a{n}", ScriptedProvider(text)))
    got: dict[int, str] = {}
    limits = GatewayLimits(max_requests=200)
    async with served(runtime, limits=limits) as gateway, connect(gateway.url) as client:

        async def ask(n: int) -> None:
            got[n] = (await client.agent(f"a{n}").ask("?")).text

        async with trio.open_nursery() as nursery:
            for n in range(200):
                nursery.start_soon(ask, n)
    assert [got[n] for n in range(200)] == texts


async def test_an_abandoned_reply_never_leaks_into_the_next(runtime: Runtime) -> None:
    model = ScriptedProvider(Stall(1, of="The old"), "The new one.")
    writer = await runtime.spawn(Agent("writer", model))
    async with served(runtime) as gateway, connect(gateway.url) as client:
        async with client.run("writer", "One.") as turn:
            assert await anext(turn.text()) == "The"
        assert (await client.agent("writer").ask("Two.")).text == "The new one."
        with pytest.raises(TurnInterrupted):
            await turn.result()
        await until(lambda: not writer.turns)


async def test_tools_approvals_and_fields_travel(runtime: Runtime) -> None:
    @tool(approval=True)
    async def send(to: str) -> str:
        """Send it."""
        return f"sent to {to}"

    calls = tuple(ToolCall(f"c{n}", "send", json.dumps({"to": to})) for n, to in enumerate(("Ann", "Bob")))
    await runtime.spawn(Agent("clerk", ScriptedProvider(Say(tool_calls=calls), "Done."), tools=[send]))
    async with (
        served(runtime) as gateway,
        connect(gateway.url) as client,
        client.run("clerk", "Send them.") as turn,
    ):
        await until(lambda: len(turn.waiting_for_approval) == 2)
        turn.approve("c0")
        turn.deny("c1", "not Bob")
        assert (await turn.result()).text == "Done."
        uses = [event.use async for event in turn.events() if isinstance(event, ToolCallFinished)]
    assert {use.call.id: use.outcome for use in uses} == {"c0": "done", "c1": "denied"}
    assert {use.text for use in uses if use.outcome == "done"} == {"sent to Ann"}


async def test_a_structured_answer_streams_its_fields(runtime: Runtime) -> None:
    @frozen
    class Note:
        title: str
        size: int

    answer = '{"title": "A long title of words", "size": 3}'
    await runtime.spawn(Agent("noter", ScriptedProvider(answer), output=Note))
    async with (
        served(runtime) as gateway,
        connect(gateway.url) as client,
        client.run("noter", "Note.") as turn,
    ):
        updates = [update async for update in turn.fields()]
        assert (await turn.result()).data == {"title": "A long title of words", "size": 3}
    assert "".join(one.delta for one in updates if one.path == "title") == "A long title of words"


async def test_what_fails_in_the_server_reaches_who_waits_and_the_notices_without_a_secret(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(Fail(RuntimeError("password hunter2")), "Fine.")))
    with caplog.at_level(logging.WARNING, "actrio.gateway"):
        async with served(runtime) as gateway, connect(gateway.url) as client:
            with client.notices.subscribe("lag") as notices:
                with pytest.raises(RemoteError) as caught:
                    await client.agent("writer").ask("?")
                notice: Any = await notices.receive()
            assert "hunter2" not in f"{caught.value}{notice}"
            assert caught.value.error_id in caplog.text
            assert (notice.code, caught.value.code) == ("error", "internal")


async def test_cancelling_a_turn_from_the_client_ends_it_in_the_server(runtime: Runtime) -> None:
    writer = await runtime.spawn(Agent("writer", ScriptedProvider(Stall(1, of="I think"))))
    async with (
        served(runtime) as gateway,
        connect(gateway.url) as client,
        client.run("writer", "?") as turn,
    ):
        assert await anext(turn.text()) == "I"
        turn.cancel()
        with pytest.raises(TurnInterrupted):
            await turn.result()
        assert isinstance([event async for event in turn.events()][-1], TurnCancelled)
        await until(lambda: not writer.turns)


async def test_leaving_the_client_cancels_its_turns_at_once_unless_they_continue(runtime: Runtime) -> None:
    one = await runtime.spawn(Agent("one", ScriptedProvider(Stall(1, of="a"))))
    other = await runtime.spawn(Agent("other", ScriptedProvider(Stall(1, of="b"))))
    async with served(runtime) as gateway:
        async with (
            connect(gateway.url) as client,
            client.run("one", "?") as first,
            client.run("other", "?", on_disconnect="continue") as second,
        ):
            assert await anext(first.text()) == "a"
            assert await anext(second.text()) == "b"
        await until(lambda: not one.turns)
        assert other.turns
        other.turns[0].cancel()


async def test_a_remote_agent_is_a_tool_and_takes_batches(runtime: Runtime) -> None:
    await runtime.spawn(Agent("poet", ScriptedProvider("Rain.", "Snow.", "Hail.")))
    async with served(runtime) as gateway, connect(gateway.url) as client:
        poet = client.agent("poet")
        outcomes = await poet.batch(["a", "b"], max_concurrency=1)
        assert [one.value.text for one in outcomes if isinstance(one, Done)] == ["Rain.", "Snow."]
        call = Say(tool_calls=(ToolCall("c", "poet", '{"request": "One more."}'),))
        editor = await runtime.spawn(Agent("editor", ScriptedProvider(call, "It says Hail."), tools=[poet.as_tool()]))
        reply: Reply[str] = await editor.ask("Ask the poet.")
        assert reply.tool_uses[0].text == "Hail."


@frozen
class Doubled:
    number: int


@frozen
class Double(Request[Doubled]):
    number: int


@frozen
class Unwanted(Request[None]):
    pass


@frozen
class Spelled:
    number: str


class Calculator(Actor):
    def __init__(self) -> None:
        self.heard: list[int] = []

    @handles
    async def double(self, message: Double) -> Doubled:
        if message.number < 0:
            raise ValueError("secret negative")
        return Doubled(2 * message.number)


def codec() -> Codec:
    codec = Codec()
    codec.register(Double)
    codec.register(Doubled)
    return codec


async def test_actors_that_are_exposed_take_messages_of_registered_types(runtime: Runtime) -> None:
    await runtime.spawn(Calculator, name="calculator")
    await runtime.spawn(Calculator, name="hidden")
    async with (
        served(runtime, codec=codec(), expose=["calculator"]) as gateway,
        connect(gateway.url, codec=codec()) as client,
    ):
        assert await client.ask("calculator", Double(21)) == Doubled(42)
        await client.tell("calculator", Double(1))
        for actor in ("hidden", "nobody"):
            with pytest.raises(RemoteError, match="unknown_agent: there is no such agent"):
                await client.ask(actor, Double(1))
        with pytest.raises(RemoteError, match="internal") as caught:
            await client.ask("calculator", Double(-1))
        assert "secret" not in str(caught.value)


async def test_an_ask_that_cannot_be_taken_says_what_can(runtime: Runtime) -> None:
    both = codec()
    both.register(Unwanted)
    await runtime.spawn(Calculator, name="calculator")
    await runtime.spawn(Agent("writer", ScriptedProvider("Yes.")))
    async with (
        served(runtime, codec=codec(), expose=["calculator"]) as gateway,
        connect(gateway.url, codec=both) as one,
    ):
        with pytest.raises(RemoteError, match=r"\$\.message\.type: .*'Unwanted'; known: 'Double', 'Doubled'"):
            await one.ask("calculator", Unwanted())
        with pytest.raises(RemoteError, match="not_handled: this actor takes no Doubled; it takes: Double"):
            await one.ask("calculator", Doubled(1), reply_type=Doubled)
    async with served(runtime, codec=codec()) as gateway, connect(gateway.url, codec=codec()) as one:
        with pytest.raises(RemoteError, match="not_handled: an agent takes no such messages; it is asked with user_m"):
            await one.ask("writer", Double(1))
    async with served(runtime) as gateway, connect(gateway.url, codec=codec()) as one:
        with pytest.raises(RemoteError, match="unknown_type: this gateway takes no messages"):
            await one.ask("writer", Double(1))


async def test_topics_are_followed_and_left(runtime: Runtime) -> None:
    topic = runtime.topic("news", Doubled)
    async with (
        served(runtime, codec=codec(), topics=[topic]) as gateway,
        connect(gateway.url, codec=codec()) as client,
    ):
        async with client.follow("news") as news:
            await until(lambda: topic.statistics().streams == 1)
            for number in range(3):
                await topic.publish(Doubled(number))
            assert [await news.receive() for _ in range(3)] == [Doubled(0), Doubled(1), Doubled(2)]
        await until(lambda: topic.statistics().streams == 0)


async def test_a_message_of_a_topic_that_the_client_cannot_read_is_left_out_and_told(runtime: Runtime) -> None:
    other = Codec()
    other.register(Spelled, tag="Doubled")
    both = runtime.topic("news", Doubled)
    async with (
        served(runtime, codec=codec(), topics=[both]) as gateway,
        connect(gateway.url, codec=other) as client,
        client.follow("news") as news,
    ):
        with client.notices.subscribe("lag") as notices:
            await both.publish(Doubled(1))
            notice: Any = await notices.receive()
        assert notice.code == "unreadable"
        assert await news.receive() == Lagged(1)


async def test_an_open_address_demands_authentication(runtime: Runtime) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(InvalidGateway, match="no authentication"):
            await serve(runtime, host=host)


async def test_only_who_has_the_token_comes_in(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider("Yes.")))
    async with served(runtime, authenticate="correct horse") as gateway:
        for token in (None, "wrong horse", "correct horsf"):
            with pytest.raises(NotAuthorized):
                async with connect(gateway.url, token=token):
                    pass
        async with connect(gateway.url, token="correct horse") as client:
            assert (await client.agent("writer").ask("?")).text == "Yes."
        await until(lambda: gateway.connections == 0)


async def test_each_identity_sees_its_own_agents_and_conversations(runtime: Runtime) -> None:
    def who(token: str) -> Identity | None:
        return {"a": Identity("ann", agents=["one", "both"]), "b": Identity("bob", agents=["both"])}.get(token)

    await runtime.spawn(Agent("one", ScriptedProvider("One.")))
    both = await runtime.spawn(Agent("both", ScriptedProvider("To Ann.", "To Bob.")))
    async with (
        served(runtime, authenticate=who) as gateway,
        connect(gateway.url, token="a") as ann,
        connect(gateway.url, token="b") as bob,
    ):
        assert [[one.name for one in client.agents] for client in (ann, bob)] == [["both", "one"], ["both"]]
        await ann.agent("both").ask("I am Ann.", conversation="mine")
        await bob.agent("both").ask("I am Bob.", conversation="mine")
        with pytest.raises(RemoteError, match="unknown_agent"):
            await bob.agent("one").ask("?")
    assert [len(both.history(f"{name}/mine")) for name in ("ann", "bob")] == [2, 2]


async def test_too_many_requests_at_once_are_refused_one_by_one(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(Stall(1), Stall(1))))
    async with (
        served(runtime, limits=GatewayLimits(max_requests=2)) as gateway,
        connect(gateway.url) as client,
        client.run("writer", "?") as one,
        client.run("writer", "?") as other,
    ):
        await anext(one.text())
        await anext(other.text())
        with pytest.raises(RemoteError, match="too_many_requests"):
            await client.agent("writer").ask("?")


async def test_shutting_down_lets_what_is_under_way_end_and_says_so(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(Say("Words in time.", token_s=0.02))))
    async with served(runtime, drain_s=5.0) as gateway, connect(gateway.url, retry_s=0.01) as client:
        with client.notices.subscribe("lag") as notices:
            async with client.run("writer", "?") as turn:
                await anext(turn.text())
                gateway.stop()
                assert (await turn.result()).text == "Words in time."
            codes = []
            while "lost" not in codes:
                notice: Any = await notices.receive()
                codes.append(notice.code)
        assert codes == ["closing", "lost"]
        with pytest.raises(ConnectionLost):
            await client.agent("writer").ask("?")


async def test_a_connection_that_is_not_answered_fails_within_its_time() -> None:
    async def say_nothing(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.receive_some()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, say_nothing, 0)
        port = listeners[0].socket.getsockname()[1]
        with trio.fail_after(2), pytest.raises(ConnectFailed, match=r"no answer within 0\.1 s"):
            async with connect(f"ws://127.0.0.1:{port}", connect_s=0.1):
                pass
        nursery.cancel_scope.cancel()


async def test_a_token_of_text_arrives_before_the_next_is_made(runtime: Runtime) -> None:
    await runtime.spawn(Agent("writer", ScriptedProvider(Stall(1, of="First second"))))
    async with (
        served(runtime) as gateway,
        connect(gateway.url) as client,
        client.run("writer", "?") as turn,
    ):
        async for event in turn.events():
            if isinstance(event, TextChunk):
                assert event.text == "First"
                break
