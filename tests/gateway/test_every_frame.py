"""A conversation with tools and approvals comes out the same, whichever of its frames the connection is cut at."""

from typing import Any

import trio
from attrs import frozen

from actrio.actors import Actor, Runtime, handles
from actrio.agents import Agent, ApprovalRequested, TextChunk, ToolCallFinished, ToolCallStarted, tool
from actrio.gateway import Client, ConnectFailed, ConnectionLost, connect
from actrio.mailbox import Codec, Request
from actrio.providers import ModelRequest, ToolCall
from actrio.testing import Say, ScriptedProvider
from tests.gateway.kit import served
from tests.gateway.network import Way, network

HANDSHAKE = 2  # frames up to the status; cut before it, there is no connection
AT_ONCE = 10


@frozen
class Add(Request[int]):
    to: str
    number: int


class Desk(Actor):
    def __init__(self) -> None:
        self.sums: dict[str, int] = {}

    @handles
    async def add(self, message: Add) -> int:
        self.sums[message.to] = self.sums.get(message.to, 0) + message.number
        return self.sums[message.to]


def codec() -> Codec:
    codec = Codec()
    codec.register(Add)
    return codec


@tool(approval=True)
async def send(to: str) -> str:
    """Send it."""
    return f"sent to {to}"


@tool
async def look() -> str:
    """Look."""
    return "seen"


def line(request: ModelRequest) -> Say:
    """What the model says depends on all that was said before, so that it shows if anything was said twice."""
    so_far = len(request.messages)
    if request.messages[-1].text == "Send both.":
        calls = (ToolCall("c0", "send", '{"to": "Ann"}'), ToolCall("c1", "send", '{"to": "Bob"}'))
        return Say(f"After {so_far} messages I send.", tool_calls=(*calls, ToolCall("c2", "look", "{}")))
    return Say(f"After {so_far} messages it is done, and that is all there is to say.", token_s=0.0005)


async def converse(client: Client, key: str) -> list[Any]:
    """Requests that build on one another; all that came of them."""
    came: list[Any] = []
    for text in ("Send both.", "And now?"):
        said = ""
        async with client.run("clerk", text, conversation=key) as turn:
            async for event in turn.events():
                if isinstance(event, TextChunk):
                    said += event.text
                elif isinstance(event, ApprovalRequested) and event.call.id == "c0":
                    turn.approve("c0")
                elif isinstance(event, ApprovalRequested):
                    turn.deny("c1", "not Bob")
                elif isinstance(event, ToolCallStarted):
                    came.append(("began", event.call.id))
                elif isinstance(event, ToolCallFinished):
                    came.append((event.use.call.id, event.use.outcome, event.use.text))
            reply = await turn.result()
        came.append((said, reply.text, reply.usage, reply.finish_reason, reply.steps))
        came.append(await client.ask("desk", Add(key, 1), int))
    return sorted(map(str, came))


async def test_a_conversation_cut_at_any_frame_either_way_comes_out_the_same(runtime: Runtime) -> None:
    await runtime.spawn(Agent("clerk", ScriptedProvider(line, cycle=True), tools=[send, look], concurrency=100))
    await runtime.spawn(Desk, name="desk")
    cut: set[tuple[Way, int, bool]] = set()
    wrong: dict[tuple[Way, int, bool], object] = {}
    limit = trio.CapacityLimiter(AT_ONCE)
    async with served(runtime, codec=codec(), expose=["clerk", "desk"]) as gateway:

        async def disturbed(plan: tuple[Way, int, bool], undisturbed: list[Any]) -> None:
            async with limit, network(gateway.port) as between:
                between.plan = plan
                try:
                    async with connect(between.url, codec=codec()) as client:
                        came = await converse(client, str(plan))
                    if came != undisturbed:
                        wrong[plan] = came
                except ConnectFailed:
                    assert plan[1] <= HANDSHAKE
                except ConnectionLost as error:
                    wrong[plan] = error
                if between.accepted == 2:
                    cut.add(plan)

        async with network(gateway.port) as between, connect(between.url, codec=codec()) as client:
            undisturbed = await converse(client, "undisturbed")
            frames = dict(between.passed)
        async with trio.open_nursery() as nursery:
            for way, number in frames.items():
                for frame in range(1, number + 1):
                    # To the client, a frame that is lost is as a cut after the one before.
                    for lost in (False, True) if way == "up" else (False,):
                        nursery.start_soon(disturbed, (way, frame, lost), undisturbed)
    assert wrong == {}
    assert min(frames.values()) > 5
    assert len(cut) > 20
