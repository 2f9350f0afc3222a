"""Calling tools without an agent: a turn that notes what it is told."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from actrio.agents.tools import Tool, Toolbox, ToolCounts, ToolUse, Verdict, Workers, open_workers
from actrio.agents.tools._run import Share
from actrio.agents.tools._toolbox import share_nothing
from actrio.providers import ToolCall
from actrio.testing import Say

PATIENCE = 30  # seconds after which a test with threads or processes has failed; none waits for it


async def until(true: Callable[[], bool]) -> None:
    """Wait for what a thread or a process does, on any clock."""
    give_up = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < give_up
        await trio.to_thread.run_sync(time.sleep, 0.002)


class Notes:
    """A turn of calls, with what it was told in order."""

    agent = "a"
    conversation = "u1"

    def __init__(self) -> None:
        self.started: list[ToolCall] = []
        self.progress: list[object] = []
        self.uses: dict[str, ToolUse] = {}

    def call_started(self, call: ToolCall) -> None:
        self.started.append(call)

    def call_progressed(self, call: ToolCall, value: object) -> None:
        self.progress.append(value)

    def call_ended(self, use: ToolUse) -> None:
        assert use.call.id not in self.uses
        self.uses[use.call.id] = use

    async def around(self, call: ToolCall, use: Callable[[ToolCall], Awaitable[ToolUse]]) -> ToolUse:
        return await use(call)

    async def approval(self, call: ToolCall) -> Verdict:
        return Verdict(True)


class Bench:
    """Tools, and what became of their calls."""

    def __init__(self, *tools: Tool[..., Any], share: Share = share_nothing) -> None:
        self.counts = ToolCounts()
        self.turn = Notes()
        self.box = Toolbox("a", tools, {}, self.counts, share)

    async def call(self, name: str, arguments: str = "{}") -> ToolUse:
        call = ToolCall(f"c{len(self.turn.started)}", name, arguments)
        await self.box.call_all([call], self.turn)
        return self.turn.uses[call.id]


async def use(tool: Tool[..., Any], arguments: str = "{}") -> ToolUse:
    """What comes of one call of a tool."""
    return await Bench(tool).call(tool.name, arguments)


@asynccontextmanager
async def with_processes(*tools: Tool[..., Any]) -> AsyncGenerator[Bench]:
    """Tools that run in processes, which are gone after the block."""
    async with open_workers() as workers:

        async def share(key: object, _: object) -> Workers:
            assert key is open_workers
            return workers

        yield Bench(*tools, share=share)


def calling(*calls: tuple[str, str]) -> Say:
    return Say(tool_calls=tuple(ToolCall(f"c{n}", name, raw) for n, (name, raw) in enumerate(calls)))
