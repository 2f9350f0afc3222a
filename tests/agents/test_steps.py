"""Turns with tools: steps, results in order, steering, approval, and a history that stays valid."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from actrio.actors import Runtime
from actrio.agents import (
    Agent,
    AgentRef,
    ApprovalRequested,
    NoSuchApproval,
    Steered,
    SteeringFull,
    ToolCallFinished,
    ToolCallProgress,
    ToolContext,
    ToolError,
    TooManySteps,
    TurnOver,
    tool,
)
from actrio.providers import Assistant, Message, System, ToolCall, ToolResult, User, UseTool
from actrio.testing import Fail, Say, ScriptedProvider, Stall


def calling(*calls: tuple[str, str], text: str = "") -> Say:
    """An answer that calls tools, with ids c0, c1 and so on."""
    return Say(text, tool_calls=tuple(ToolCall(f"c{n}", name, raw) for n, (name, raw) in enumerate(calls)))


def check_acceptable(messages: Sequence[Message]) -> None:
    """What providers ask for: every call has its result right after the answer, in order; a user first."""
    expected: list[str] = []
    talk = [message for message in messages if not isinstance(message, System)]
    assert not talk or isinstance(talk[0], User)
    for message in talk:
        if isinstance(message, ToolResult):
            assert expected
            assert message.call_id == expected.pop(0)
            continue
        assert not expected
        if isinstance(message, Assistant):
            expected = [call.id for call in message.tool_calls]
    assert not expected


@tool
async def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    await trio.lowlevel.checkpoint()
    return a + b


@tool
async def wait(seconds: float, ctx: ToolContext) -> str:
    """Wait."""
    ctx.progress(f"waiting {seconds:g}")
    await trio.sleep(seconds)
    return f"waited {seconds:g}"


async def test_the_model_is_called_again_with_the_results_until_it_calls_no_more(runtime: Runtime) -> None:
    model = ScriptedProvider(calling(("add", '{"a": 2}'), text="Let me see."), calling(("add", '{"a": 3}')), "It is 4.")
    ref = await runtime.spawn(Agent("a", model, "Be brief.", tools=[add]))

    reply = await ref.ask("2 and 1?", conversation="u1")

    assert (reply.text, reply.steps) == ("It is 4.", 3)
    assert [use.value for use in reply.tool_uses] == [3, 4]
    assert model.requests[0].tools == (add.definition(),)
    assert model.requests[2].messages == (
        System("Be brief."),
        User("2 and 1?"),
        Assistant("Let me see.", tool_calls=(ToolCall("c0", "add", '{"a": 2}'),)),
        ToolResult("c0", "3"),
        Assistant("", tool_calls=(ToolCall("c0", "add", '{"a": 3}'),)),
        ToolResult("c0", "4"),
    )
    assert ref.history("u1")[-1] == Assistant("It is 4.")
    assert reply.usage.output_tokens == (3 + 2) + 2 + 3  # words of texts and of arguments


async def test_calls_of_one_step_run_at_once_and_their_results_go_back_in_order(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    model = ScriptedProvider(calling(*(("wait", f'{{"seconds": {s}}}') for s in (3, 1, 2))), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[wait]))
    began = trio.current_time()

    async with ref.run("Wait.") as turn:
        await turn.result()
    ended = [event.use.call.id async for event in turn.events() if isinstance(event, ToolCallFinished)]
    shown = [event.value async for event in turn.events() if isinstance(event, ToolCallProgress)]

    assert trio.current_time() - began == 3
    assert ended == ["c1", "c2", "c0"]
    assert sorted(shown) == ["waiting 1", "waiting 2", "waiting 3"]
    results = [message for message in model.requests[1].messages if isinstance(message, ToolResult)]
    assert [one.text for one in results] == ["waited 3", "waited 1", "waited 2"]


async def test_a_call_that_fails_leaves_its_siblings_alone_and_the_model_is_told(runtime: Runtime) -> None:
    @tool
    async def fail() -> None:
        raise ValueError("no such thing")

    @tool
    async def refuse() -> None:
        raise ToolError("Ask for another city.")

    calls = [("fail", ""), ("refuse", "{}"), ("add", '{"a": "x"}'), ("add", "{"), ("find", "{}"), ("add", '{"a": 1}')]
    model = ScriptedProvider(calling(*calls), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[fail, refuse, add]))

    reply = await ref.ask("Go.")

    assert [(use.outcome, use.text) for use in reply.tool_uses] == [
        ("failed", "fail failed: ValueError: no such thing"),
        ("failed", "Ask for another city."),
        (
            "bad arguments",
            (
                "The arguments are not what add takes: $.a: Expected `int`, got `str`. "
                "Call it again with arguments of its schema."
            ),
        ),
        (
            "bad arguments",
            (
                "The arguments are not what add takes: they are no JSON: Input data was truncated. "
                "Call it again with arguments of its schema."
            ),
        ),
        ("unknown tool", "There is no tool 'find'. There are: fail, refuse, add."),
        ("done", "2"),
    ]
    assert ref.metrics().restarts == 0


async def test_calls_with_the_same_id_are_told_apart(runtime: Runtime) -> None:
    call = ToolCall("same", "add", '{"a": 1}')
    model = ScriptedProvider(Say(tool_calls=(call, call, call)), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[add]))

    reply = await ref.ask("Go.")

    assert [use.call.id for use in reply.tool_uses] == ["same", "same-2", "same-3"]


async def test_a_model_that_goes_on_for_ever_is_stopped_with_what_there_is(runtime: Runtime) -> None:
    model = ScriptedProvider(calling(("add", '{"a": 1}'), text="Again."), cycle=True)
    ref = await runtime.spawn(Agent("a", model, tools=[add], max_steps=3))

    with pytest.raises(TooManySteps, match=r"max_steps=3 .* 3 tool calls made, the last of 'add'") as caught:
        await ref.ask("Go.", conversation="u1")

    assert (caught.value.text, len(caught.value.uses)) == ("Again.", 3)
    assert len(model.requests) == 3
    check_acceptable(ref.history("u1"))


async def test_a_tool_that_must_be_called_must_be_in_the_first_step_alone(runtime: Runtime) -> None:
    model = ScriptedProvider(calling(("add", '{"a": 1}')), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[add], tool_choice=UseTool("add")))

    await ref.ask("Go.")

    assert [request.tool_choice for request in model.requests] == [UseTool("add"), "auto"]


async def test_what_is_said_to_a_running_turn_goes_with_the_next_call(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    model = ScriptedProvider(calling(("wait", '{"seconds": 5}')), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[wait]))

    async with ref.run("Go.") as turn:
        await trio.sleep(1)
        turn.steer("Be quick.")
        await turn.result()

    assert model.requests[1].messages[-1] == User("Be quick.")
    assert [event.text async for event in turn.events() if isinstance(event, Steered)] == ["Be quick."]


async def test_what_is_said_during_the_last_answer_makes_one_more(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(Say("one two three", token_s=1), "And more.")
    ref = await runtime.spawn(Agent("a", model))

    async with ref.run("Go.") as turn:
        await trio.sleep(1.5)
        turn.steer("More.")
        assert (await turn.result()).text == "And more."

    assert model.requests[1].messages == (User("Go."), Assistant("one two three"), User("More."))


async def test_steering_is_bounded_and_refused_after_the_end(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Stall())))

    async with ref.run("Go.") as turn:
        await wait_all_tasks_blocked()
        for _ in range(100):
            turn.steer("More.")
        with pytest.raises(SteeringFull, match="has 100 texts"):
            turn.steer("More.")
    with pytest.raises(TurnOver, match="has ended"):
        turn.steer("More.")


async def test_calls_wait_for_approval_and_are_answered_in_any_order(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    done: list[int] = []

    @tool(approval=True, timeout=1)
    async def pay(amount: int) -> str:
        done.append(amount)
        return f"paid {amount}"

    model = ScriptedProvider(calling(*(("pay", f'{{"amount": {n}}}') for n in range(3))), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[pay]))

    async with ref.run("Go.") as turn:
        await trio.sleep(3600)  # a person takes the time that a person takes
        assert sorted(turn.waiting_for_approval) == ["c0", "c1", "c2"]
        turn.approve("c2")
        await wait_all_tasks_blocked()
        turn.deny("c1", "Too much.")
        turn.approve("c0")
        reply = await turn.result()

    assert done == [2, 0]
    assert [(use.outcome, use.text) for use in reply.tool_uses] == [
        ("done", "paid 0"),
        ("denied", "The user did not approve of this call. Too much."),
        ("done", "paid 2"),
    ]
    asked = [event.call.id async for event in turn.events() if isinstance(event, ApprovalRequested)]
    assert sorted(asked) == ["c0", "c1", "c2"]
    with pytest.raises(NoSuchApproval, match="no call 'c0' that waits for approval; waiting: none"):
        turn.approve("c0")


@pytest.mark.parametrize("passes", range(40))
async def test_a_turn_with_tools_cancelled_at_any_await_leaves_a_valid_conversation(
    runtime: Runtime, passes: int
) -> None:
    running = 0

    @tool
    async def work(steps: int) -> str:
        nonlocal running
        running += 1
        try:
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
        finally:
            running -= 1
        return "worked"

    calls = calling(("work", '{"steps": 1}'), ("work", '{"steps": 6}'), ("work", '{"steps": 3}'), text="Wait a bit.")
    model = ScriptedProvider(calls, "All done.", "Yes.")
    ref = await runtime.spawn(Agent("a", model, tools=[work]))

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(ask_in, scope, ref, "Go.")
        for _ in range(passes):
            await trio.lowlevel.checkpoint()
        scope.cancel()

    assert running == 0
    assert model.statistics().streams_open == 0
    check_acceptable(ref.history("u1"))
    await ref.ask("And now?", conversation="u1")
    check_acceptable(model.requests[-1].messages)


async def ask_in(scope: trio.CancelScope, ref: AgentRef, text: str) -> None:
    with scope:
        await ref.ask(text, conversation="u1")


async def test_a_model_that_fails_after_its_tools_leaves_their_results(runtime: Runtime) -> None:
    model = ScriptedProvider(calling(("add", '{"a": 1}')), Fail(TimeoutError, after=1), "Yes.")
    ref = await runtime.spawn(Agent("a", model, tools=[add]), restart="transient")

    with pytest.raises(TimeoutError):
        async with ref.run("Go.", conversation="u1") as turn:
            await turn.result()

    assert ref.history("u1")[1:] == (
        Assistant("", tool_calls=(ToolCall("c0", "add", '{"a": 1}'),)),
        ToolResult("c0", "2"),
        Assistant("word", interrupted="TimeoutError: "),
    )


async def test_tools_get_what_the_agent_was_given_and_the_model_is_not_told(runtime: Runtime) -> None:
    @tool
    async def look_up(name: str, table: dict[str, Any]) -> str:
        return str(table[name])

    model = ScriptedProvider(calling(("look_up", '{"name": "x"}')), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[look_up], deps={"table": {"x": 7}}))

    reply = await ref.ask("Go.")

    assert reply.tool_uses[0].text == "7"
    assert set(model.requests[0].tools[0].parameters["properties"]) == {"name"}


async def test_turns_that_nobody_follows_can_be_steered_and_approved(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    @tool(approval=True)
    async def pay() -> str:
        return "paid"

    model = ScriptedProvider(calling(("pay", "")), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[pay]))
    texts: list[str] = []

    async def ask() -> None:
        texts.append((await ref.ask("Go.", conversation="u1")).text)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(1)
        (turn,) = ref.turns
        assert ref.steer("Be quick.", conversation="u1") == 1
        assert ref.steer("Be quick.", conversation="u2") == 0
        turn.approve(*turn.waiting_for_approval)

    assert texts == ["Done."]
    assert model.requests[1].messages[-1] == User("Be quick.")
    assert ref.turns == ()


async def test_a_record_is_asked_as_json(runtime: Runtime) -> None:
    @frozen
    class Order:
        item: str
        count: int

    model = ScriptedProvider("Yes.", "Yes.")
    ref = await runtime.spawn(Agent("a", model))

    await ref.ask(Order("tea", 2))
    await ref.ask({"item": "tea"})

    texts = [request.messages[0].text for request in model.requests]
    assert [json.loads(text) for text in texts] == [{"item": "tea", "count": 2}, {"item": "tea"}]


async def test_tool_calls_can_be_read_as_they_end(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(calling(("wait", '{"seconds": 3}'), ("wait", '{"seconds": 1}')), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[wait]))
    ended: list[tuple[float, str]] = []

    async with ref.run("Go.") as turn:
        began = trio.current_time()
        async for use in turn.tools():
            at = trio.current_time() - began
            ended.append((at, use.text))

    assert ended == [(1, "waited 1"), (3, "waited 3")]
