"""Text that has no UTF-8, and values that JSON cannot carry, end the request that they are in, and nothing else."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.lowlevel
from attrs import frozen

from actrio.actors import Actor, Runtime, handles
from actrio.agents import Agent, ToolContext, tool
from actrio.gateway import RemoteError, TooLarge, connect
from actrio.mailbox import Codec, Lagged, Request
from actrio.providers import ToolCall
from actrio.testing import Say, ScriptedProvider
from tests.gateway.kit import served

HALF = "\ud800"  # half of a pair of UTF-16, which has no UTF-8


@frozen
class Give(Request[Any]):
    number: int


def nested(depth: int) -> Any:
    """A list in a list, so many times."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class Odd(Actor):
    @handles
    async def give(self, message: Give) -> Any:
        return [HALF, math.nan, {1: object()}, {"a": HALF}, nested(100), nested(100_000)][message.number]


def codec() -> Codec:
    codec = Codec()
    codec.register(Give)
    return codec


@tool
async def odd() -> str:
    """Give what is odd."""
    return HALF


@pytest.mark.parametrize("where", ["said", "asked", "conversation", "agent", "tool"])
async def test_half_a_character_ends_at_most_its_own_request(runtime: Runtime, where: str) -> None:
    call = Say(tool_calls=(ToolCall("c", "odd", '{"a": "' + HALF + '"}'),))
    lines = {"said": Say(f"It is {HALF} odd."), "tool": call}
    await runtime.spawn(Agent("odd", ScriptedProvider(lines.get(where, "Yes."), "Yes."), tools=[odd]))
    await runtime.spawn(Agent("writer", ScriptedProvider("Yes.", "Yes.")))
    async with served(runtime) as gateway, connect(gateway.url) as client, connect(gateway.url) as other:
        with trio.fail_after(3):
            text, key = (HALF if where == "asked" else "?"), (HALF if where == "conversation" else None)
            with suppress(RemoteError, ValueError):
                await client.agent(HALF if where == "agent" else "odd").ask(text, conversation=key)
            assert (await client.agent("writer").ask("?")).text == "Yes."
            assert (await other.agent("writer").ask("?")).text == "Yes."


@pytest.mark.parametrize("number", range(6))
async def test_a_reply_that_json_cannot_carry_ends_at_most_its_own_request(runtime: Runtime, number: int) -> None:
    await runtime.spawn(Odd, name="odd")
    await runtime.spawn(Agent("writer", ScriptedProvider("Yes.")))
    async with (
        served(runtime, codec=codec(), expose=["odd", "writer"]) as gateway,
        connect(gateway.url, codec=codec()) as client,
    ):
        with trio.fail_after(3):
            with pytest.raises(RemoteError, match=r"failed|nested deeper than the 64 levels"):
                await client.ask("odd", Give(number), Any)
            assert (await client.agent("writer").ask("?")).text == "Yes."


@pytest.mark.parametrize("value", [2**70, HALF, object(), math.inf, nested(100), nested(100_000)])
async def test_progress_that_json_cannot_carry_ends_at_most_its_own_request(runtime: Runtime, value: object) -> None:
    @tool
    async def work(ctx: ToolContext) -> str:
        """Work."""
        ctx.progress(value)
        return "done"

    model = ScriptedProvider(Say(tool_calls=(ToolCall("c", "work", "{}"),)), "Yes.")
    await runtime.spawn(Agent("worker", model, tools=[work]))
    async with served(runtime) as gateway, connect(gateway.url) as client:
        with trio.fail_after(3):
            assert (await client.agent("worker").ask("?")).text == "Yes."


@frozen
class Deep:
    value: Any


async def test_a_message_of_a_topic_nested_too_deep_is_left_out_and_told(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    both = codec()
    both.register(Deep)
    topic = runtime.topic("news", Deep)
    async with (
        served(runtime, codec=both, topics=[topic]) as gateway,
        connect(gateway.url, codec=both) as client,
        client.follow("news") as news,
    ):
        with trio.fail_after(3):
            while not topic.statistics().streams:  # noqa: ASYNC110 - nothing says so
                await trio.lowlevel.checkpoint()
            await topic.publish(Deep(nested(100)))
            await topic.publish(Deep(1))
            assert [await news.receive(), await news.receive()] == [Lagged(1), Deep(1)]
    assert "it was not sent" in caplog.text


async def test_a_structured_answer_nested_too_deep_for_a_frame_comes_as_its_text(runtime: Runtime) -> None:
    said = json.dumps({"value": nested(70)})
    await runtime.spawn(Agent("deep", ScriptedProvider(said, said), output=Deep))
    async with served(runtime) as gateway, connect(gateway.url) as client:
        with trio.fail_after(3):
            reply = await client.agent("deep").ask("?")
            assert reply.text == said
            assert json.loads(reply.text) == {"value": nested(70)}
            typed = await client.agent("deep", output_type=Deep).ask("?")
            assert typed.data == Deep(nested(70))


async def test_an_answer_larger_than_a_frame_may_be_is_an_error_and_not_asked_for_again_and_again(
    runtime: Runtime,
) -> None:
    model = ScriptedProvider(Say(tokens=("x" * (1 << 20),) * 17), "Yes.")
    await runtime.spawn(Agent("writer", model))
    async with served(runtime) as gateway, connect(gateway.url) as client:
        with trio.fail_after(8):
            with pytest.raises((RemoteError, TooLarge)):
                await client.agent("writer").ask("?")
            assert (await client.agent("writer").ask("?")).text == "Yes."
