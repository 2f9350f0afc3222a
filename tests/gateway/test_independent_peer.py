"""A WebSocket library that nobody here wrote speaks the protocol: Python's `websockets`, in a process of its own."""

import json
import subprocess
import sys
from functools import partial

import pytest
import trio

from actrio.actors import Runtime
from actrio.agents import Agent, tool
from actrio.providers import ToolCall
from actrio.testing import Say, ScriptedProvider
from tests.gateway.kit import served

pytest.importorskip("websockets")

PROGRAM = """
import json, sys
from websockets.sync.client import connect

def receive(socket):
    return json.loads(socket.recv(timeout=10))

seen = []
with connect(sys.argv[1] + "/ws", additional_headers={"Authorization": "Bearer correct horse"}) as socket:
    status = receive(socket)
    assert status["type"] == "status" and status["authenticated"], status
    session = status["session"]
    socket.send(json.dumps({"type": "user_message", "request_id": "r1", "agent": "clerk", "text": "Send it.",
                            "on_disconnect": "continue"}))
    while True:
        frame = receive(socket)
        seen.append(frame)
        if frame["type"] == "approval_requested":
            break

with connect(sys.argv[1]) as socket:  # it comes back, with the token in its hello
    assert receive(socket) == {"type": "status", "version": 1, "authenticated": False}
    socket.send(json.dumps({"type": "hello", "version": 1, "token": "correct horse", "session": session}))
    assert receive(socket)["session"] == session
    socket.send(json.dumps({"type": "resume", "request_id": "r1", "after": seen[-1]["seq"]}))
    socket.send(json.dumps({"type": "approve", "request_id": "r1", "call_id": seen[-1]["call_id"]}))
    while frame["type"] != "end":
        frame = receive(socket)
        seen.append(frame)
    socket.send("{")
    assert receive(socket)["code"] == "protocol"

print(json.dumps(seen))
"""


async def test_another_library_runs_a_turn_leaves_comes_back_and_approves(runtime: Runtime) -> None:
    @tool(approval=True)
    async def send(to: str) -> str:
        """Send it."""
        return f"sent to {to}"

    model = ScriptedProvider(Say("Sure. ", tool_calls=(ToolCall("c0", "send", '{"to": "Ann"}'),)), "It is done.")
    await runtime.spawn(Agent("clerk", model, tools=[send]))
    async with served(runtime, authenticate="correct horse") as gateway:
        command = [sys.executable, "-c", PROGRAM, gateway.url]
        run = partial(subprocess.run, command, capture_output=True, text=True, check=False, timeout=30)
        done = await trio.to_thread.run_sync(run)
    assert done.returncode == 0, done.stderr
    frames = json.loads(done.stdout)
    at = -1
    for frame in frames:
        assert frame["seq"] - frame.get("count", 1) == at
        at = frame["seq"]
    kinds = [frame["type"] for frame in frames]
    assert kinds.count("end") == 1
    assert {"tool_call_started", "tool_call_finished", "approval_requested", "text_chunk"} <= set(kinds)
    assert frames[-1]["text"] == "It is done."
