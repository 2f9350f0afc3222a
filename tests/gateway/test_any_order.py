"""Whatever frames a client sends, in whatever order: the gateway lives, and tells each request in order, to one end."""

import json
from collections import Counter
from typing import Any

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actrio.actors import open_runtime
from actrio.agents import Agent, tool
from actrio.gateway import Gateway, GatewayLimits
from actrio.gateway._socket import SocketClosed
from actrio.providers import ToolCall
from actrio.testing import Line, Say, ScriptedProvider, Stall, run_virtual
from tests.gateway.kit import served
from tests.gateway.wire import Wire, wired

IDS = st.sampled_from(["a", "a", "b"])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "request_id": IDS,
    "agent": st.sampled_from(["writer", "writer", "writer", "nobody"]),
    "text": st.sampled_from(["?", ""]),
    "conversation": st.sampled_from([None, "k"]),
    "on_disconnect": st.sampled_from(["cancel", "continue"]),
    "fields": st.booleans(),
    "after": st.integers(-1, 9),
    "call_id": st.sampled_from(["c0", "c1"]),
    "reason": st.just("no"),
    "number": st.integers(1, 3),
    "topic": st.sampled_from(["", "news"]),
    "message": st.just({"type": "never"}),
    "version": st.just(1),
    "session": st.sampled_from(["", "own", "never"]),
    "token": st.just(""),
}
KINDS = [
    "user_message", "user_message", "user_message", "cancel", "steer", "approve", "deny", "resume", "resume", "hello",
    "subscribe", "unsubscribe", "ask", "tell", "dance",
]  # fmt: skip
FRAMES = st.builds(lambda kind, fields: {"type": kind} | fields, st.sampled_from(KINDS), st.fixed_dictionaries(FIELDS))
MOVES = st.sampled_from(["leave", "leave for good", "wait"])
ACTIONS = st.lists(st.one_of(FRAMES, FRAMES, FRAMES, MOVES), min_size=8, max_size=30)


@tool(approval=True)
async def send() -> str:
    """Send it."""
    return "sent"


LINES: list[Line | str] = [
    "Yes it is.", Stall(1), Say("Well.", tool_calls=(ToolCall("c0", "send", "{}"),)), Say("Slow it is.", token_s=0.5),
]  # fmt: skip


class Listener:
    """What one connection is told; raises once a request is not told in order."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.last: dict[str, int] = {}
        self.asked: Counter[str] = Counter()  # how often what there is of a request was asked for
        self.ends: Counter[str] = Counter()

    async def listen(self) -> None:
        try:
            while True:
                self.check(await self.wire.hear())
        except SocketClosed:
            pass

    def check(self, frame: Any) -> None:
        request_id, seq = frame.get("request_id", ""), frame.get("seq")
        if frame["type"] == "gap":
            self.last[request_id] = frame["first"] - 1
        elif seq is not None:
            count = frame.get("count", 1)
            assert self.last.get(request_id, seq - count) == seq - count, frame
            if frame["type"] in {"end", "error"}:
                self.last.pop(request_id, None)
                self.ends[request_id] += 1
                assert self.ends[request_id] <= self.asked[request_id], frame
            else:
                self.last[request_id] = seq


async def act(listener: Listener, session: str, actions: list[Any]) -> None:
    """Do what there is to do, up to the end of the connection."""
    wire = listener.wire
    while actions:
        action = actions.pop(0)
        if action == "leave":
            return
        if action == "leave for good":
            await wire.socket.close(1000)
            return
        if action == "wait":
            await trio.sleep(0.7)
        else:
            named = action | ({"session": session} if action["session"] == "own" else {})
            if action["type"] in {"user_message", "ask", "tell", "resume"}:
                listener.asked[action["request_id"]] += 1
            try:
                await wire.socket.send(json.dumps(named))
            except SocketClosed:
                return
        await trio.testing.wait_all_tasks_blocked()


async def play(gateway: Gateway, actions: list[Any]) -> None:
    session = ""
    while actions:
        async with wired(gateway) as wire, trio.open_nursery() as nursery:
            session = session or (await wire.hear())["session"]
            listener = Listener(wire)
            nursery.start_soon(listener.listen)
            await act(listener, session, actions)
            nursery.cancel_scope.cancel()


async def run(actions: list[Any]) -> None:
    async with open_runtime(seed=0) as runtime:
        model = ScriptedProvider(*LINES, cycle=True)
        writer = await runtime.spawn(Agent("writer", model, tools=[send], concurrency=100))
        limits = GatewayLimits(linger_s=1.0, max_requests=4, max_malformed=8, kept_requests=2, kept_s=3.0)
        async with served(runtime, limits=limits) as gateway:
            await play(gateway, list(actions))
            async with wired(gateway) as wire:
                await wire.hear()
                await wire.ask("last", "nobody")
                assert (await wire.hear())["code"] == "unknown_agent"
        for turn in writer.turns:
            turn.cancel()


@settings(max_examples=30, deadline=None)
@given(ACTIONS)
def test_any_frames_in_any_order_leave_a_gateway_that_works_and_requests_told_in_order(actions: list[Any]) -> None:
    run_virtual(run, actions)
