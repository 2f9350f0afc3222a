"""Agents as tools of others, hand-off, work until it is done, turns that go on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from actrio.actors import Runtime, RuntimeClosed, State, open_runtime
from actrio.agents import (
    Agent,
    AgentRef,
    HandedOver,
    InvalidTool,
    Middleware,
    TextChunk,
    Tool,
    ToolCalling,
    ToolContext,
    TurnInterrupted,
    tool,
)
from actrio.mailbox import ActorStopped
from actrio.providers import Assistant, ToolCall, ToolResult, User
from actrio.testing import Fail, Say, ScriptedProvider, Stall


def calling(name: str, raw: str = "{}", text: str = "") -> Say:
    return Say(text, tool_calls=(ToolCall("c", name, raw),))


async def test_an_agent_as_a_tool_answers_the_model_of_another(runtime: Runtime) -> None:
    expert = await runtime.spawn(Agent("expert", ScriptedProvider("It is wet."), description="Knows the sea."))
    model = ScriptedProvider(calling("expert", '{"request": "The sea?"}'), "Wet.")
    ref = await runtime.spawn(Agent("a", model, tools=[expert.as_tool()]))

    reply = await ref.ask("How is the sea?")

    assert [use.text for use in reply.tool_uses] == ["It is wet."]
    assert model.requests[0].tools[0].description == "Knows the sea."


async def test_cancelling_who_asked_stops_the_agent_that_is_a_tool(runtime: Runtime, autojump_clock: MockClock) -> None:
    slow = ScriptedProvider(Stall(after=1))
    expert = await runtime.spawn(Agent("expert", slow))
    model = ScriptedProvider(calling("expert", '{"request": "?"}'))
    ref = await runtime.spawn(Agent("a", model, tools=[expert.as_tool()]))

    with trio.move_on_after(1):
        await ref.ask("Go.")

    assert slow.statistics().streams_open == 0
    assert expert.metrics().turns == {"cancelled": 1}


async def test_a_conversation_is_handed_over_and_stays_with_the_other(runtime: Runtime) -> None:
    theirs = ScriptedProvider("I pay it back.", "On Monday.")
    billing = await runtime.spawn(Agent("billing", theirs, "You do bills."))
    model = ScriptedProvider(calling("hand_off_to_billing", text="One moment."))
    desk = await runtime.spawn(Agent("desk", model, tools=[billing.as_hand_off()]))

    async with desk.run("My bill is wrong.", conversation="u1") as turn:
        reply = await turn.result()
    later = await desk.ask("When?", conversation="u1")

    assert (reply.text, later.text) == ("I pay it back.", "On Monday.")
    assert len(model.requests) == 1
    assert [message.text for message in theirs.requests[1].messages] == [
        "You do bills.",
        "My bill is wrong.",
        "One moment.",
        "the conversation is with billing now.",
        "I pay it back.",
        "When?",
    ]
    events = [event async for event in turn.events()]
    assert [event.sequence for event in events] == list(range(len(events)))
    at = next(n for n, event in enumerate(events) if isinstance(event, HandedOver))
    assert "".join(event.text for event in events[at:] if isinstance(event, TextChunk)) == "I pay it back."
    assert desk.history("u1") == (
        User("My bill is wrong."),
        Assistant("One moment.", tool_calls=(ToolCall("c", "hand_off_to_billing", "{}"),)),
        ToolResult("c", "the conversation is with billing now."),
        Assistant("I pay it back."),
        User("When?"),
        Assistant("On Monday."),
    )


async def test_what_is_said_to_a_turn_that_was_handed_over_reaches_the_other(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    @tool(approval=True)
    async def pay() -> str:
        return "paid"

    theirs = ScriptedProvider(Say("", tool_calls=(ToolCall("p", "pay", ""),), delay_s=1), "Done.")
    billing = await runtime.spawn(Agent("billing", theirs, tools=[pay]))
    desk = await runtime.spawn(
        Agent("desk", ScriptedProvider(calling("hand_off_to_billing")), tools=[billing.as_hand_off()])
    )

    async with desk.run("My bill is wrong.") as turn:
        await trio.sleep(5)
        assert turn.waiting_for_approval == ("p",)
        turn.steer("Be quick.")
        turn.approve("p")
        reply = await turn.result()

    assert reply.text == "Done."
    assert [use.call.name for use in reply.tool_uses] == ["hand_off_to_billing", "pay"]
    assert theirs.requests[1].messages[-1] == User("Be quick.")


@pytest.mark.parametrize("through", [0, 1])
async def test_a_model_that_hands_back_to_who_waits_for_it_is_told_to_answer(runtime: Runtime, through: int) -> None:
    names = ["desk", "billing", "bank"][: through + 2]  # each hands over to the next, and the last to the first
    back: list[Tool[..., Any]] = []

    @tool
    async def hand_back(ctx: ToolContext) -> None:
        await back[0].function(ctx)

    refs: list[AgentRef] = []
    for name in reversed(names):
        over = refs[-1].as_hand_off() if refs else hand_back
        model = ScriptedProvider(calling(over.name), f"I am {name}.", cycle=True)
        refs.append(await runtime.spawn(Agent(name, model, tools=[over])))
    back.append(refs[-1].as_hand_off())

    reply = await refs[-1].ask("My bill is wrong.", conversation="u1")

    assert reply.text == f"I am {names[-1]}."
    assert reply.tool_uses[-1].text == "desk cannot go on: it waits for what you answer here. Answer yourself."
    assert {ref.state for ref in refs} == {State.RUNNING}


async def test_of_two_hand_offs_at_once_the_first_call_holds_whichever_ends_first(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    @asynccontextmanager
    async def delayed(call: ToolCalling) -> AsyncGenerator[None]:
        await trio.sleep(call.call.name == "hand_off_to_first")
        yield

    refs = [await runtime.spawn(Agent(name, ScriptedProvider(f"I am {name}."))) for name in ("first", "second")]
    tools = [ref.as_hand_off() for ref in refs]
    model = ScriptedProvider(Say(tool_calls=tuple(ToolCall(one.name, one.name, "{}") for one in tools)))
    desk = await runtime.spawn(Agent("desk", model, tools=tools, middleware=[Middleware(tool=delayed)]))

    assert (await desk.ask("Who is there?")).text == "I am first."


async def test_a_conversation_comes_back_from_an_agent_that_has_stopped_for_good(runtime: Runtime) -> None:
    billing = await runtime.spawn(Agent("billing", ScriptedProvider("I pay it back.")))
    model = ScriptedProvider(calling("hand_off_to_billing"), "I am here.")
    desk = await runtime.spawn(Agent("desk", model, tools=[billing.as_hand_off()]))
    await desk.ask("My bill is wrong.", conversation="u1")
    await billing.stop()

    assert (await desk.ask("When?", conversation="u1")).text == "I am here."
    assert [message.text for message in model.requests[1].messages][-2:] == ["I pay it back.", "When?"]


async def test_an_agent_that_cannot_take_a_conversation_is_no_crash_of_the_one_that_hands_it_over(
    runtime: Runtime,
) -> None:
    billing = await runtime.spawn(Agent("billing", ScriptedProvider()))
    model = ScriptedProvider(calling("hand_off_to_billing"), "I am here.")
    desk = await runtime.spawn(Agent("desk", model, tools=[billing.as_hand_off()]))
    await billing.stop()

    with pytest.raises(ActorStopped):
        await desk.ask("My bill is wrong.", conversation="u1")

    assert (await desk.ask("Well?", conversation="u1")).text == "I am here."


async def test_cancelling_a_turn_that_was_handed_over_stops_the_other(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    theirs = ScriptedProvider(Stall(after=2))
    billing = await runtime.spawn(Agent("billing", theirs))
    desk = await runtime.spawn(
        Agent("desk", ScriptedProvider(calling("hand_off_to_billing")), tools=[billing.as_hand_off()])
    )

    with trio.move_on_after(1):
        await desk.ask("Go.", conversation="u1")

    assert theirs.statistics().streams_open == 0
    assert desk.history("u1")[-1] == Assistant("word word", interrupted="its deadline passed")


@frozen
class Found:
    place: str


async def test_work_goes_on_until_the_model_says_that_it_is_done_with_a_typed_result(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    done = calling("complete", '{"result": {"place": "sea"}}')
    model = ScriptedProvider(Say("I am done, complete!", delay_s=2), calling("complete", '{"result": 7}'), done)
    ref = await runtime.spawn(Agent("a", model))

    work = await ref.work("Find the whale.", result=Found)

    assert (work.completed, work.result, work.steps, work.elapsed) == (True, Found("sea"), 3, 2)
    assert isinstance(model.requests[1].messages[-1], User)
    assert "call the tool 'complete'" in model.requests[1].messages[-1].text
    assert work.reply.tool_uses[0].outcome == "bad arguments"


async def test_work_that_is_not_done_in_time_is_not_completed(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider("Hm.", cycle=True)))

    work = await ref.work("Find the whale.", max_steps=3)

    assert (work.completed, work.result, work.steps) == (False, None, 3)
    assert work.reply.text == "Hm."


async def test_an_agent_with_a_tool_of_the_name_of_that_one_cannot_be_given_work_and_is_not_hurt(
    runtime: Runtime,
) -> None:
    @tool
    async def complete() -> None: ...

    ref = await runtime.spawn(Agent("a", ScriptedProvider("Yes."), tools=[complete]))

    with pytest.raises(InvalidTool, match="'complete' cannot be a tool: another tool"):
        await ref.work("Find the whale.")

    assert (await ref.ask("Are you there?")).text == "Yes."


async def test_a_turn_may_go_on_when_its_block_is_left(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(Say("one two three", token_s=1))
    ref = await runtime.spawn(Agent("a", model))

    with trio.move_on_after(1.5):
        async with ref.run("Go.", conversation="u1", on_leave="continue") as turn:
            await trio.sleep_forever()

    assert not turn.over
    assert (await turn.result()).text == "one two three"
    assert ref.history("u1")[-1] == Assistant("one two three")


async def test_a_turn_that_goes_on_tells_its_readers_what_ended_it(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(Fail(ZeroDivisionError, after=1), Stall())
    ref = await runtime.spawn(Agent("a", model, concurrency=1), restart="transient")

    async with ref.run("Go.", on_leave="continue") as failing:
        await wait_all_tasks_blocked()
    async with ref.run("Go.", on_leave="continue") as queued:
        pass
    with pytest.raises(ZeroDivisionError):
        await failing.result()
    await ref.stop()
    with pytest.raises((ActorStopped, TurnInterrupted)):
        await queued.result()
    async with ref.run("Go.", on_leave="continue") as late:
        with pytest.raises(ActorStopped):
            await late.result()


async def test_a_turn_that_goes_on_ends_with_the_runtime(autojump_clock: MockClock) -> None:
    model = ScriptedProvider(Stall(after=1))
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Agent("a", model))
        async with ref.run("Go.", on_leave="continue") as turn:
            await trio.sleep(1)

    assert turn.over
    assert model.statistics().streams_open == 0
    with pytest.raises((ActorStopped, TurnInterrupted)):
        await turn.result()


async def test_a_turn_that_goes_on_can_be_cancelled_while_it_waits_for_room(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Stall(), cycle=True), concurrency=1), capacity=1)

    for _ in range(3):  # at work, queued, waiting for room
        async with ref.run("Go.", on_leave="continue") as turn:
            await wait_all_tasks_blocked()
    turn.cancel()

    with trio.fail_after(1), pytest.raises(TurnInterrupted, match=r"turn\.cancel\(\) was called"):
        await turn.result()


async def test_a_turn_that_is_to_go_on_in_a_runtime_that_has_ended_tells_its_readers() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Agent("a", ScriptedProvider("Yes.")))

    async with ref.run("Go.", on_leave="continue") as turn:
        with pytest.raises(RuntimeClosed):
            await turn.result()
