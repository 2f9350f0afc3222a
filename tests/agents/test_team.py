"""Agents as tools of others, hand-off, work until it is done, turns that go on."""

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from actrio.actors import Runtime, open_runtime
from actrio.agents import Agent, HandedOver, TextChunk, TurnInterrupted, tool
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
