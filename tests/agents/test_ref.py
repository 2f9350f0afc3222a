from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from actrio.actors import Actor, Runtime, handles
from actrio.agents import Agent, AgentRef, Prompt, Reply, Turn, TurnCancelled, TurnInterrupted
from actrio.mailbox import ActorStopped, MailboxFull, Request
from actrio.providers import Assistant, ProviderError, RequestRefused, ScriptExhausted, User
from actrio.testing import Fail, Say, ScriptedProvider, Stall

SLOW = Say("one two three", token_s=1)


# ask


async def test_timings_are_of_the_turn_alone(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Say("one two", delay_s=2, token_s=1), "")))

    spoken, silent = await ref.ask("Well?"), await ref.ask("Well?")

    assert (spoken.time_to_first_token, spoken.duration) == (2, 3)
    assert (silent.time_to_first_token, silent.duration) == (None, 0)


async def test_an_agent_takes_prompts_as_messages_too(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider("One.", "Two.")))

    assert (await ref.ask(Prompt("First?", conversation="u1"))).text == "One."
    await ref.tell(Prompt("Second?", conversation="u1"))
    await wait_all_tasks_blocked()

    assert ref.history("u1")[2:] == (User("Second?"), Assistant("Two."))


async def test_a_conversation_beside_a_message_is_refused(runtime: Runtime) -> None:
    ask: Any = (await runtime.spawn(Agent("a", ScriptedProvider()))).ask

    with pytest.raises(TypeError, match="a message brings its own"):
        await ask(Prompt("Hm?"), conversation="u1")


async def test_a_key_that_is_no_text_is_refused_before_anything_is_sent(runtime: Runtime) -> None:
    ref: Any = await runtime.spawn(Agent("a", ScriptedProvider("Yes.")))

    with pytest.raises(TypeError, match=r"conversation must be a str, .* not 7"):
        await ref.ask("Hm?", conversation=7)
    with pytest.raises(TypeError, match=r"an agent is asked a str, a list of .* not None"):
        async with ref.run(None):
            pass

    assert ref.metrics().mailbox.sent == 0


async def test_a_failing_model_fails_the_asker_and_not_the_agent(runtime: Runtime) -> None:
    refused = RequestRefused("m", 400, "no")
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Fail(refused), Fail(refused, after=1), "Yes.")))

    for _ in range(2):
        with pytest.raises(ProviderError) as caught:
            await ref.ask("Well?")
        assert caught.value is refused

    assert (await ref.ask("Well?")).text == "Yes."
    assert ref.metrics().restarts == 0


async def test_an_asks_deadline_ends_a_stalled_model_exactly_then(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(Stall(after=2))
    ref = await runtime.spawn(Agent("a", model))
    start = trio.current_time()

    with pytest.raises(trio.TooSlowError), trio.fail_after(5):
        await ref.ask("Well?")

    assert trio.current_time() - start == 5
    assert model.statistics().streams_open == 0


async def test_a_detached_ask_outlives_its_asker(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(SLOW)))

    with trio.move_on_after(0.5):
        await ref.ask("Well?", conversation="u1", detached=True)
    assert ref.history("u1") == ()
    await trio.sleep(5)

    assert ref.history("u1") == (User("Well?"), Assistant("one two three"))


@frozen
class Work(Request[str]):
    topic: str


class Editor(Actor):
    def __init__(self, writer: AgentRef) -> None:
        self.writer = writer

    @handles
    async def work(self, message: Work) -> str:
        async with self.writer.run(f"Write about {message.topic}.") as turn:
            return "".join([piece async for piece in turn.text()])


async def test_cancellation_reaches_the_model_through_an_actor_that_runs_a_turn(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    model = ScriptedProvider("Rain.", Stall(after=1))
    editor = await runtime.spawn(Editor, await runtime.spawn(Agent("writer", model)))
    assert await editor.ask(Work("rain")) == "Rain."

    with trio.move_on_after(3) as scope:
        await editor.ask(Work("fog"))

    assert scope.cancelled_caught
    assert (model.statistics().streams_left_early, model.statistics().streams_open) == (1, 0)


# run


async def test_a_turn_is_read_while_it_happens(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(SLOW)))
    start = trio.current_time()
    read: list[tuple[float, str]] = []

    async with ref.run("Well?") as turn:
        async for piece in turn.text():
            read.append((trio.current_time() - start, piece))  # noqa: PERF401 - the time is taken as it comes
        reply = await turn.result()

    assert read == [(0, "one"), (1, " two"), (2, " three")]
    assert (reply.text, reply.duration) == ("one two three", 2)


async def test_leaving_early_closes_the_models_stream_before_the_block_is_left(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    model = ScriptedProvider(SLOW)
    ref = await runtime.spawn(Agent("a", model))

    async with ref.run("Well?") as turn:
        async for _ in turn.text():
            assert model.statistics().streams_open == 1
            break

    assert (model.statistics().streams_open, model.statistics().streams_left_early) == (0, 1)
    with pytest.raises(TurnInterrupted, match="its block was left"):
        await turn.result()


async def fail_in_a_turn(ref: AgentRef, error: Exception) -> None:
    async with ref.run("Well?"):
        await trio.sleep(0.5)
        raise error


async def test_an_error_in_the_block_comes_out_as_it_is(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(SLOW)
    ref = await runtime.spawn(Agent("a", model))
    mine = KeyError("mine")

    with pytest.raises(KeyError) as caught:
        await fail_in_a_turn(ref, mine)

    assert caught.value is mine
    assert (mine.__context__, mine.__cause__) == (None, None)
    assert model.statistics().streams_open == 0


async def test_a_group_raised_in_the_block_is_not_taken_apart(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider("Yes.")))
    group = ExceptionGroup("mine", [ValueError()])

    with pytest.RaisesGroup(ValueError) as caught:
        await fail_in_a_turn(ref, group)

    assert caught.value is group


async def test_a_deadline_around_a_turn_ends_it_exactly_then(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(Stall(after=1))
    ref = await runtime.spawn(Agent("a", model))
    start = trio.current_time()

    turns: list[Turn] = []
    with trio.move_on_after(5):
        async with ref.run("Well?") as turn:
            turns.append(turn)
            await turn.result()

    assert trio.current_time() - start == 5
    assert model.statistics().streams_open == 0
    *_, last = [event async for event in turns[0].events()]
    assert last == TurnCancelled(3, "its deadline passed", "word")


async def test_a_turn_that_never_started_still_ends(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(SLOW, "Two.")
    ref = await runtime.spawn(Agent("a", model))

    async with ref.run("First?", conversation="u1"), ref.run("Second?", conversation="u1") as queued:
        await trio.sleep(0.5)

    assert [type(event).__name__ async for event in queued.events()] == ["TurnCancelled"]
    assert len(model.requests) == 1


async def test_stopping_the_agent_ends_its_turns_for_their_readers(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Stall(after=1), "Two.")), grace=1)

    async with ref.run("First?", conversation="u1") as running, ref.run("Second?", conversation="u1") as queued:
        await wait_all_tasks_blocked()
        await ref.stop()
        for turn in (running, queued):
            with pytest.raises(ActorStopped):
                await turn.result()

    assert ref.history("u1") == (User("First?"), Assistant("word", interrupted="its agent was stopped or restarted"))


async def test_a_full_mailbox_refuses_a_turn_on_entering(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Stall()), concurrency=1), capacity=1, overflow="reject")

    async with ref.run("In hand.") as _, trio.open_nursery() as nursery:
        await wait_all_tasks_blocked()
        nursery.start_soon(ref.ask, "Queued.")
        await wait_all_tasks_blocked()
        with pytest.raises(MailboxFull):
            async with ref.run("Refused."):
                pytest.fail("the block was entered")
        nursery.cancel_scope.cancel()


async def test_a_dropped_turn_fails_for_its_readers(runtime: Runtime) -> None:
    agent = Agent("a", ScriptedProvider(Stall(), cycle=True), concurrency=1)
    ref = await runtime.spawn(agent, capacity=1, overflow="drop_oldest")

    async with ref.run("In hand."):
        await wait_all_tasks_blocked()
        async with ref.run("Dropped.") as dropped, ref.run("Newer."):
            with pytest.raises(MailboxFull):
                await dropped.result()


# conversations


async def test_a_turn_without_a_key_stands_for_itself(runtime: Runtime) -> None:
    model = ScriptedProvider("One.", "Two.")
    ref = await runtime.spawn(Agent("a", model))

    await ref.ask("First?")
    await ref.ask("Second?")

    assert [request.messages for request in model.requests] == [(User("First?"),), (User("Second?"),)]


async def test_a_turn_with_a_key_goes_on_where_the_last_ended(runtime: Runtime) -> None:
    model = ScriptedProvider("One.", "Two.", "Three.")
    ref = await runtime.spawn(Agent("a", model))

    await ref.ask("First?", conversation="u1")
    await ref.ask("Another?", conversation="u2")
    async with ref.run("Second?", conversation="u1") as turn:
        await turn.result()

    assert model.requests[2].messages == (User("First?"), Assistant("One."), User("Second?"))


async def ask_thrice(refs: list[AgentRef], keys: list[str | None]) -> list[tuple[float, str]]:
    """When each of three asks was answered, in seconds from now, and with what; in the order of the answers."""
    start = trio.current_time()
    answers: list[tuple[float, str]] = []

    async def ask(ref: AgentRef, number: int, key: str | None) -> None:
        reply: Reply = await ref.ask(f"{number}?", conversation=key)
        answers.append((trio.current_time() - start, reply.text))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for number, (ref, key) in enumerate(zip(refs, keys, strict=True)):
                nursery.start_soon(ask, ref, number, key)
                await wait_all_tasks_blocked()
    return answers


def two_seconds() -> ScriptedProvider:
    return ScriptedProvider(lambda request: Say(f"To {request.messages[-1].text}", delay_s=2), cycle=True)


async def test_three_asks_on_three_agents_take_as_long_as_one(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = two_seconds()
    refs = [await runtime.spawn(Agent(name, model)) for name in "abc"]

    answers = await ask_thrice(refs, ["u1"] * 3)

    assert sorted(answers) == [(2, "To 0?"), (2, "To 1?"), (2, "To 2?")]


async def test_three_asks_on_one_conversation_take_turns_in_order(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", two_seconds()))

    answers = await ask_thrice([ref] * 3, ["u1"] * 3)

    assert answers == [(2, "To 0?"), (4, "To 1?"), (6, "To 2?")]
    assert [message.text for message in ref.history("u1")] == ["0?", "To 0?", "1?", "To 1?", "2?", "To 2?"]


@pytest.mark.parametrize("keys", [["u1", "u2", "u3"], [None, None, None]])
async def test_different_conversations_run_at_once(
    runtime: Runtime, autojump_clock: MockClock, keys: list[str | None]
) -> None:
    ref = await runtime.spawn(Agent("a", two_seconds()))

    assert [time for time, _ in await ask_thrice([ref] * 3, keys)] == [2, 2, 2]


async def test_concurrency_bounds_the_turns_at_once(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", two_seconds(), concurrency=2))

    assert [time for time, _ in await ask_thrice([ref] * 3, ["u1", "u2", "u3"])] == [2, 2, 4]


async def test_a_model_whose_script_ran_out_says_so_to_the_asker(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider()))

    with pytest.raises(ScriptExhausted):
        await ref.ask("Well?")
