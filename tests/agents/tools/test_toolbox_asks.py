"""What the tools of a step ask of other actors, and in which time and for whose account."""

import re
from collections import Counter
from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from actrio.actors import Actor, Runtime, handles
from actrio.agents import (
    Agent,
    AgentRef,
    Budget,
    BudgetExceeded,
    ToolCallFinished,
    tool,
)
from actrio.mailbox import Request
from actrio.providers import ToolResult
from actrio.testing import ScriptedProvider, Stall
from tests.agents.tools.calls import calling


@frozen
class Look(Request[float]):
    """How long the asker will wait."""


class Clock(Actor):
    @handles
    async def look(self, message: Look) -> float:
        await trio.lowlevel.checkpoint()
        return self.ctx.deadline - trio.current_time()


async def test_the_deadline_of_a_tools_ask_is_the_nearest_of_all(runtime: Runtime, autojump_clock: MockClock) -> None:
    clock = await runtime.spawn(Clock)

    @tool(timeout=7)
    async def near() -> float:
        return await clock.ask(Look())

    @tool
    async def far() -> float:
        return await clock.ask(Look())

    model = ScriptedProvider(calling(("near", ""), ("far", "")), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[near, far]))

    with trio.fail_after(50):
        reply = await ref.ask("Go.")

    assert [use.value for use in reply.tool_uses] == [7, 50]


async def test_what_a_tool_asked_for_ends_with_its_timeout(runtime: Runtime, autojump_clock: MockClock) -> None:
    slow = ScriptedProvider(Stall(after=1))
    expert = await runtime.spawn(Agent("expert", slow))
    model = ScriptedProvider(calling(("expert", '{"request": "?"}')), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[expert.as_tool(timeout=2)]))

    reply = await ref.ask("Go.")

    assert (reply.tool_uses[0].outcome, reply.duration) == ("timed out", 2)
    assert slow.statistics().streams_open == 0
    assert expert.metrics().turns == {"cancelled": 1}


async def test_what_a_tool_asks_is_charged_to_the_budget_of_the_turn(runtime: Runtime) -> None:
    expert = await runtime.spawn(Agent("expert", ScriptedProvider("Yes.", cycle=True)))
    again = calling(("expert", '{"request": "?"}'), ("expert", '{"request": "?"}'))
    ref = await runtime.spawn(Agent("a", ScriptedProvider(again, "Done."), tools=[expert.as_tool()]))

    with pytest.raises(BudgetExceeded):
        async with ref.run("Go.", budget=Budget(requests=2)) as turn:
            await turn.result()

    ended = [event.use async for event in turn.events() if isinstance(event, ToolCallFinished)]
    assert Counter(use.outcome for use in ended) == {"done": 1, "failed": 1}
    (failed,) = (use for use in ended if use.outcome == "failed")
    assert "BudgetExceeded: the budget of a turn of agent 'a' has not enough requests left" in failed.text


async def test_an_ask_cycle_through_tools_is_a_failed_result_that_names_it(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    refs: dict[str, AgentRef] = {}

    @tool
    async def ask_b() -> str:
        return (await refs["b"].ask("?")).text

    @tool
    async def ask_a() -> str:
        return (await refs["a"].ask("?")).text

    a = Agent("a", ScriptedProvider(calling(("ask_b", "")), "Done."), tools=[ask_b], concurrency=1)
    b = Agent("b", ScriptedProvider(calling(("ask_a", "")), "I cannot."), tools=[ask_a], concurrency=1)
    refs = {"a": await runtime.spawn(a), "b": await runtime.spawn(b)}

    with trio.fail_after(60):
        reply = await refs["a"].ask("Go.")

    assert reply.text == "Done."
    assert reply.tool_uses[0].text == "I cannot."
    model: Any = b.model
    (result,) = (one for one in model.requests[1].messages if isinstance(one, ToolResult))
    assert re.match(r"ask_a failed: AskCycleError: .*\ba\b.*\bb\b", result.text)


async def test_a_conversation_that_asks_itself_through_a_tool_is_told_so(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    refs: list[AgentRef] = []

    @tool
    async def ask_self() -> str:
        return (await refs[0].ask("?", conversation="u1")).text

    model = ScriptedProvider(calling(("ask_self", ""), ("ask_self", "")), "Done.")
    refs.append(await runtime.spawn(Agent("a", model, tools=[ask_self])))

    with trio.fail_after(60):
        reply = await refs[0].ask("Go.", conversation="u1")

    assert reply.text == "Done."
    assert all("AskCycleError" in use.text for use in reply.tool_uses)
