"""What a tool in a thread asks of other actors belongs to its call, as what an async tool asks does."""

import threading
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actrio.actors import Runtime
from actrio.agents import Agent, AgentRef, Budget, BudgetExceeded, ToolContext, tool
from actrio.agents.tools import CallOver
from actrio.providers import ToolCall
from actrio.testing import Say, ScriptedProvider, Stall
from tests.agents.tools.calls import PATIENCE, until, use

CALL = Say(tool_calls=(ToolCall("c", "ask", ""),))


async def test_it_gets_what_an_async_function_returns_or_raises() -> None:
    async def half(number: int) -> int:
        await trio.lowlevel.checkpoint()
        if number % 2:
            raise ValueError(f"{number} is odd")
        return number // 2

    @tool
    def halves(ctx: ToolContext) -> list[object]:
        found: list[object] = [ctx.from_thread(half, 4)]
        try:
            ctx.from_thread(half, 3)
        except ValueError as error:
            found.append(str(error))
        return [*found, ctx.from_thread(half, 2)]

    assert (await use(halves)).value == [2, "3 is odd", 1]


async def test_what_the_tool_itself_raises_comes_in_no_group() -> None:
    @tool
    def fail(ctx: ToolContext) -> None:
        raise ValueError("no")

    done = await use(fail)

    assert done.text == "fail failed: ValueError: no"
    assert isinstance(done.error, ValueError)


async def test_an_async_tool_is_told_to_await() -> None:
    @tool
    async def wrong(ctx: ToolContext) -> None:
        ctx.from_thread(trio.lowlevel.checkpoint)

    assert "await the function instead" in (await use(wrong)).text


async def test_cancelling_the_turn_cancels_what_a_thread_asked_for_and_frees_the_thread(runtime: Runtime) -> None:
    slow, asked, ends = ScriptedProvider(Stall(after=1)), threading.Event(), list[BaseException]()
    expert = await runtime.spawn(Agent("expert", slow))

    @tool
    def ask(ctx: ToolContext) -> str:
        asked.set()
        try:
            return ctx.from_thread(expert.ask, "?").text
        except CallOver as error:
            ends.append(error)
            raise

    ref = await runtime.spawn(Agent("a", ScriptedProvider(CALL), tools=[ask]))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ref.ask, "Go.")
        await until(lambda: slow.statistics().streams_open == 1)
        nursery.cancel_scope.cancel()

    assert slow.statistics().streams_open == 0
    assert expert.metrics().turns == {"cancelled": 1}
    await until(lambda: not ref.metrics().abandoned)  # it ends by itself, having been told
    assert "the call of tool 'ask' is over" in str(ends[0])


async def test_a_thread_that_asks_when_its_call_is_over_is_told_so(mock_clock: MockClock) -> None:
    entered, leave, told = threading.Event(), threading.Event(), threading.Event()

    @tool(timeout=5)
    def late(ctx: ToolContext) -> None:
        entered.set()
        assert leave.wait(PATIENCE)
        try:
            ctx.from_thread(trio.sleep_forever)
        except CallOver:
            told.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(use, late)
        await until(entered.is_set)
        mock_clock.jump(5)
    leave.set()
    await until(told.is_set)


async def test_what_is_still_asked_for_when_the_tool_has_returned_is_cancelled(autojump_clock: MockClock) -> None:
    told = threading.Event()

    @tool
    def leave_behind(ctx: ToolContext) -> str:
        def wait() -> None:
            try:
                ctx.from_thread(asks)
            except CallOver:
                told.set()

        threading.Thread(target=wait).start()
        assert asked.wait(PATIENCE)
        return "done"

    asked = threading.Event()

    async def asks() -> None:
        asked.set()
        await trio.sleep_forever()

    assert (await use(leave_behind)).text == "done"
    await until(told.is_set)


async def test_what_a_thread_asks_is_charged_to_the_budget_of_the_turn(runtime: Runtime) -> None:
    expert = await runtime.spawn(Agent("expert", ScriptedProvider("Yes.", cycle=True)))

    @tool
    def ask(ctx: ToolContext) -> str:
        return ctx.from_thread(expert.ask, "?").text + ctx.from_thread(expert.ask, "?").text

    ref = await runtime.spawn(Agent("a", ScriptedProvider(CALL, "Done."), tools=[ask]))

    with pytest.raises(BudgetExceeded):
        await ref.ask("Go.", budget=Budget(requests=2))
    assert expert.metrics().turns == {"completed": 1, "failed": 1}


async def test_a_thread_that_asks_the_one_it_works_for_is_told_of_the_cycle(runtime: Runtime) -> None:
    refs: list[AgentRef] = []

    @tool
    def ask(ctx: ToolContext) -> Any:
        return ctx.from_thread(refs[0].ask, "?").text

    model = ScriptedProvider(CALL, "Done.")
    refs.append(await runtime.spawn(Agent("a", model, tools=[ask], concurrency=1)))

    with trio.fail_after(30):
        reply = await refs[0].ask("Go.")

    assert reply.tool_uses[0].text.startswith("ask failed: AskCycleError: ")
