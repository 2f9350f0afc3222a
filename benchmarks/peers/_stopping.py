"""What a cancelled turn leaves running, on actrio's side: its connection, and its tool. `turns.py` has it of peers."""

from math import inf
from time import monotonic
from typing import Final

import trio

from actrio.actors import open_runtime
from actrio.agents import Agent, AgentRef, tool
from actrio.benchmarks.peers._watch import closings, relay
from actrio.benchmarks.providers import KEY, MODEL, Exchange
from actrio.providers import OpenAIProvider

# An answer that would take a minute, and one that calls a tool.
ENDLESS: Final = Exchange(tokens=3_000, pace_ms=20)
CALLING: Final = Exchange(tokens=16)

_TOOL_S: Final = 1.0


def _median(waits: list[float]) -> float:
    return max(sorted(waits)[len(waits) // 2], 1e-6)


async def cancel_to_close(size: int) -> float:
    """From the cancel of a turn until its connection is closed, as the server sees it: µs, the median of so many."""
    provider = OpenAIProvider(MODEL, base_url=relay().base_url(ENDLESS), api_key=KEY)
    waits: list[float] = []
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Agent("agent", provider))
        for _ in range(1 + size):  # the first does not count
            async with closings() as watched:
                cancelled = await _cancel_in_the_middle(ref)
                waits.append(await watched.next() - cancelled)
    return _median(waits[1:]) * 1e6


async def _cancel_in_the_middle(ref: AgentRef) -> float:
    """Cancel a turn after its first token; when that was, by `time.monotonic`."""
    cancelled = inf
    with trio.CancelScope() as scope:
        async with ref.run("Go on.") as turn:
            async for _ in turn.text():
                cancelled = monotonic()
                scope.cancel()
                await trio.lowlevel.checkpoint()
    return cancelled


async def tool_goes_on(size: int) -> float:
    """How long a tool that takes 1 s goes on after its turn was cancelled: µs, the median of so many."""
    provider = OpenAIProvider(MODEL, base_url=CALLING.base_url, api_key=KEY)
    waits: list[float] = []
    begun, ended = trio.Event(), trio.Event()
    stopped = 0.0

    @tool
    async def add(one: int, other: int) -> int:
        """Add two numbers.

        Args:
            one: The one.
            other: The other.
        """
        nonlocal stopped
        begun.set()
        try:
            await trio.sleep(_TOOL_S)
        finally:
            stopped = monotonic()
            ended.set()
        return one + other

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Agent("agent", provider, tools=[add]))
        for _ in range(size):
            begun, ended = trio.Event(), trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ref.ask, "Go on.")
                await begun.wait()
                cancelled = monotonic()
                nursery.cancel_scope.cancel()
            with trio.fail_after(10 * _TOOL_S):
                await ended.wait()
            waits.append(stopped - cancelled)
    return _median(waits) * 1e6
