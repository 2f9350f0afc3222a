"""Text that has no UTF-8, and values that JSON cannot carry, end the request that they are in, and nothing else."""

import math
from contextlib import suppress
from typing import Any

import pytest
import trio
from attrs import frozen

from actrio.actors import Actor, Runtime, handles
from actrio.agents import Agent, ToolContext, tool
from actrio.gateway import RemoteError, TooLarge, connect
from actrio.mailbox import Codec, Request
from actrio.providers import ToolCall
from actrio.testing import Say, ScriptedProvider
from tests.gateway.kit import served

HALF = "\ud800"  # half of a pair of UTF-16, which has no UTF-8


@frozen
class Give(Request[Any]):
    number: int


class Odd(Actor):
    @handles
    async def give(self, message: Give) -> Any:
        return [HALF, math.nan, {1: object()}, {"a": HALF}][message.number]


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


@pytest.mark.parametrize("number", range(4))
async def test_a_reply_that_json_cannot_carry_ends_at_most_its_own_request(runtime: Runtime, number: int) -> None:
    await runtime.spawn(Odd, name="odd")
    await runtime.spawn(Agent("writer", ScriptedProvider("Yes.")))
    async with (
        served(runtime, codec=codec(), expose=["odd", "writer"]) as gateway,
        connect(gateway.url, codec=codec()) as client,
    ):
        with trio.fail_after(3):
            with pytest.raises(RemoteError, match="failed"):
                await client.ask("odd", Give(number), Any)
            assert (await client.agent("writer").ask("?")).text == "Yes."


@pytest.mark.parametrize("value", [2**70, HALF, object(), math.inf])
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
