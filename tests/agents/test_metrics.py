"""What an agent did."""

import pytest
import trio
from trio.testing import MockClock

from actrio.actors import Runtime
from actrio.agents import Agent, AgentMetrics, tool
from actrio.providers import GovernedProvider, Limits, RequestRefused, ToolCall, Usage
from actrio.testing import Fail, Say, ScriptedProvider, Stall


async def test_turns_steps_tokens_and_times_are_counted(runtime: Runtime, autojump_clock: MockClock) -> None:
    lines = (
        Say("one two three", delay_s=2, token_s=1, usage=Usage(10, 3)),
        Fail(RequestRefused("m", 400, "no")),
        Stall(after=1),
    )
    ref = await runtime.spawn(Agent("a", ScriptedProvider(*lines)))

    await ref.ask("Go.")
    with pytest.raises(RequestRefused):
        await ref.ask("Go.")
    with trio.move_on_after(1):
        await ref.ask("Go.")

    metrics = ref.metrics()
    assert metrics.turns == {"completed": 1, "failed": 1, "cancelled": 1}
    assert (metrics.steps, metrics.usage) == (3, Usage(10, 3))
    assert metrics.time_to_first_token.count == 2
    assert metrics.time_to_first_token.max == 2
    assert metrics.tokens_per_second == pytest.approx(3 / (2 + 1))  # two seconds of the whole answer, one of the stall
    assert metrics.mailbox.handled == 1


async def test_tool_calls_are_counted_by_tool_and_outcome(runtime: Runtime) -> None:
    tries = 0

    @tool(idempotent=True)
    async def shaky() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ValueError("not yet")
        return "there"

    calls = tuple(ToolCall(str(n), name, "") for n, name in enumerate(("shaky", "made_up", "made_up_too")))
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Say("", tool_calls=calls), "Done."), tools=[shaky]))

    await ref.ask("Go.")

    metrics = ref.metrics()
    assert metrics.tool_calls == {("shaky", "done"): 1, ("(unknown)", "unknown tool"): 2}
    assert metrics.tool_retries == 2


async def test_waits_for_rate_limits_are_seen(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = GovernedProvider(ScriptedProvider("Yes.", cycle=True), limits=Limits(requests_per_minute=1))
    ref = await runtime.spawn(Agent("a", model))

    await ref.ask("Go.")
    await ref.ask("Go.")

    seen = ref.metrics().model
    assert seen is not None
    assert seen.limits is not None
    assert (seen.requests, seen.limits.waits, seen.limits.waited_s) == (2, 1, 60)


async def test_the_metrics_of_a_runtime_have_those_of_its_agents(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider("Yes.")))
    await ref.ask("Go.")

    metrics = runtime.metrics().actors["a"]

    assert isinstance(metrics, AgentMetrics)
    assert metrics.turns == {"completed": 1}
