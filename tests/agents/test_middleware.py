"""What stands around turns, model calls and tool calls."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

from actrio.actors import Runtime
from actrio.agents import (
    Agent,
    Middleware,
    MiddlewareFailed,
    ModelCall,
    ToolCalling,
    ToolError,
    TurnCall,
    TurnRefused,
    guard_input,
    guard_output,
    tool,
)
from actrio.providers import ToolCall, User
from actrio.testing import Fail, Say, ScriptedProvider, Stall


@tool
async def add(a: int, b: int) -> int:
    return a + b


CALLING = Say("", tool_calls=(ToolCall("c", "add", '{"a": 1, "b": 2}'),))


async def test_it_stands_around_the_first_is_the_outermost(runtime: Runtime) -> None:
    seen: list[str] = []

    def noting(name: str) -> Middleware:
        @asynccontextmanager
        async def turn(call: TurnCall) -> AsyncGenerator[None]:
            seen.append(f"{name} turn {call.messages[-1].text}")
            yield
            assert call.reply is not None
            seen.append(f"{name} reply {call.reply.text}")

        @asynccontextmanager
        async def model(call: ModelCall) -> AsyncGenerator[None]:
            seen.append(f"{name} step {call.step}")
            yield
            seen.append(f"{name} said {call.text!r} and {len(call.calls)} calls")

        @asynccontextmanager
        async def around_tool(call: ToolCalling) -> AsyncGenerator[None]:
            seen.append(f"{name} call {call.call.name}")
            yield
            assert call.use is not None
            seen.append(f"{name} use {call.use.text}")

        return Middleware(turn=turn, model=model, tool=around_tool)

    ref = await runtime.spawn(
        Agent("a", ScriptedProvider(CALLING, "3."), tools=[add], middleware=[noting("outer"), noting("inner")])
    )

    await ref.ask("1 and 2?")

    assert seen == [
        "outer turn 1 and 2?",
        "inner turn 1 and 2?",
        "outer step 1",
        "inner step 1",
        "inner said '' and 1 calls",
        "outer said '' and 1 calls",
        "outer call add",
        "inner call add",
        "inner use 3",
        "outer use 3",
        "outer step 2",
        "inner step 2",
        "inner said '3.' and 0 calls",
        "outer said '3.' and 0 calls",
        "inner reply 3.",
        "outer reply 3.",
    ]


async def test_it_may_change_what_is_asked_sent_called_and_answered(runtime: Runtime) -> None:
    @asynccontextmanager
    async def turn(call: TurnCall) -> AsyncGenerator[None]:
        call.messages = (User(call.messages[-1].text.upper()),)
        yield
        assert call.reply is not None
        call.reply = evolve(call.reply, data="changed")

    @asynccontextmanager
    async def model(call: ModelCall) -> AsyncGenerator[None]:
        call.request = evolve(call.request, temperature=0.5)
        yield

    @asynccontextmanager
    async def around_tool(call: ToolCalling) -> AsyncGenerator[None]:
        call.call = evolve(call.call, arguments='{"a": 10, "b": 20}')
        yield
        assert call.use is not None
        call.use = evolve(call.use, text=f"about {call.use.text}")

    model_ = ScriptedProvider(CALLING, "3.")
    middleware = Middleware(turn=turn, model=model, tool=around_tool)
    ref = await runtime.spawn(Agent("a", model_, tools=[add], middleware=[middleware]))

    reply = await ref.ask("1 and 2?")

    assert reply.data == "changed"
    assert reply.tool_uses[0].text == "about 30"
    assert model_.requests[0].messages == (User("1 AND 2?"),)
    assert model_.requests[1].temperature == 0.5


async def test_a_tool_call_may_be_refused(runtime: Runtime) -> None:
    @asynccontextmanager
    async def no(call: ToolCalling) -> AsyncGenerator[None]:
        if call.call.name == "add":
            raise ToolError("Not today.")
        yield

    ref = await runtime.spawn(
        Agent("a", ScriptedProvider(CALLING, "Sorry."), tools=[add], middleware=[Middleware(tool=no)])
    )

    reply = await ref.ask("1 and 2?")

    assert [(use.outcome, use.text) for use in reply.tool_uses] == [("failed", "Not today.")]


async def test_a_guardrail_refuses_what_is_asked_before_the_model_is_called(runtime: Runtime) -> None:
    model = ScriptedProvider("Yes.")
    guard = guard_input(lambda text: "it is rude" if "!" in text else None)
    ref = await runtime.spawn(Agent("a", model, middleware=[guard]))

    with pytest.raises(TurnRefused, match="was refused, for its input: it is rude") as caught:
        await ref.ask("Now!", conversation="u1")

    assert (caught.value.stage, caught.value.reason) == ("input", "it is rude")
    assert model.requests == ()
    assert (await ref.ask("Please?", conversation="u1")).text == "Yes."


async def test_a_guardrail_refuses_what_is_answered(runtime: Runtime) -> None:
    async def check(text: str) -> str | None:
        await trio.lowlevel.checkpoint()
        return "it is rude" if "!" in text else None

    ref = await runtime.spawn(Agent("a", ScriptedProvider("No!", "No."), middleware=[guard_output(check)]))

    with pytest.raises(TurnRefused, match="for its output: it is rude"):
        await ref.ask("Well?")
    assert (await ref.ask("Well?")).text == "No."


async def test_a_cancelled_turn_leaves_what_stands_around_it(runtime: Runtime, autojump_clock: MockClock) -> None:
    left: list[str] = []

    @asynccontextmanager
    async def around(call: object) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            left.append(type(call).__name__)

    ref = await runtime.spawn(Agent("a", ScriptedProvider(Stall()), middleware=[Middleware(turn=around, model=around)]))

    with trio.move_on_after(1):
        await ref.ask("Well?")

    assert left == ["ModelCall", "TurnCall"]


@pytest.mark.parametrize("around", ["turn", "model"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_it_raises_ends_the_turn_and_not_the_agent(runtime: Runtime, around: str, when: str) -> None:
    broken = True

    @asynccontextmanager
    async def check(_: object) -> AsyncGenerator[None]:
        if broken and when == "before":
            raise OSError("no network")
        yield
        if broken:
            raise OSError("no network")

    ref = await runtime.spawn(
        Agent("a", ScriptedProvider("Yes.", cycle=True), middleware=[Middleware(**{around: check})])
    )

    with pytest.raises(MiddlewareFailed, match="its middleware failed: OSError: no network") as caught:
        await ref.ask("Well?")
    broken = False

    assert isinstance(caught.value.__cause__, OSError)
    assert (await ref.ask("Well?")).text == "Yes."


@pytest.mark.parametrize("around", ["turn", "model"])
async def test_what_is_inside_raises_as_it_is(runtime: Runtime, around: str) -> None:
    @asynccontextmanager
    async def nothing(_: object) -> AsyncGenerator[None]:
        yield

    ref = await runtime.spawn(
        Agent("a", ScriptedProvider(Fail(ZeroDivisionError)), middleware=[Middleware(**{around: nothing})])
    )

    with pytest.raises(ZeroDivisionError):
        await ref.ask("Well?")


@pytest.mark.parametrize("around", ["turn", "model"])
async def test_an_error_that_it_keeps_to_itself_is_its_failure(runtime: Runtime, around: str) -> None:
    @asynccontextmanager
    async def hush(_: object) -> AsyncGenerator[None]:
        with suppress(Exception):
            yield

    ref = await runtime.spawn(Agent("a", ScriptedProvider(), middleware=[Middleware(**{around: hush})]))

    with pytest.raises(MiddlewareFailed, match=r"without a reply|held back what ended"):
        await ref.ask("Well?")

    assert ref.metrics().turns == {"failed": 1}


async def test_a_tool_call_that_it_leaves_without_a_result_has_failed(runtime: Runtime) -> None:
    @asynccontextmanager
    async def lose(call: ToolCalling) -> AsyncGenerator[None]:
        yield
        call.use = None

    ref = await runtime.spawn(
        Agent("a", ScriptedProvider(CALLING, "Sorry."), tools=[add], middleware=[Middleware(tool=lose)])
    )

    reply = await ref.ask("1 and 2?")

    assert [(use.outcome, use.text) for use in reply.tool_uses] == [
        ("failed", "add failed: its middleware left it without a result")
    ]
