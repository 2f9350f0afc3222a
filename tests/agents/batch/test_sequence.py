"""Messages to an agent, one after the other, in one conversation."""

from collections.abc import AsyncGenerator

import pytest
import trio
from trio.testing import MockClock

from actrio.actors import Runtime
from actrio.agents import Agent
from actrio.providers import ServerFailed
from actrio.testing import Fail, Say, ScriptedProvider


async def test_each_message_knows_those_before_it(runtime: Runtime) -> None:
    model = ScriptedProvider("One.", "Two.", "Three.")
    ref = await runtime.spawn(Agent("a", model))

    sequence = await ref.sequence(["1?", "2?", "3?"])

    assert sequence.completed
    assert [reply.text for reply in sequence.result()] == ["One.", "Two.", "Three."]
    assert [len(request.messages) for request in model.requests] == [1, 3, 5]


async def test_it_stops_at_the_first_error_and_gives_what_there_is(runtime: Runtime) -> None:
    broken = ServerFailed("scripted", 500, "down")
    model = ScriptedProvider("One.", Fail(broken), "Three.")
    ref = await runtime.spawn(Agent("a", model))

    sequence = await ref.sequence(["1?", "2?", "3?"])

    assert [reply.text for reply in sequence.replies] == ["One."]
    assert (sequence.completed, sequence.failed_at, len(model.requests)) == (False, 1, 2)
    with pytest.raises(ServerFailed):
        sequence.result()


async def test_its_own_conversation_is_forgotten_and_a_given_one_is_kept(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider("One.", "Two.", "Three.")))
    own = await ref.sequence(["1?"])
    assert ref.history(own.replies[0].conversation or "") == ()
    await ref.sequence(["2?", "3?"], conversation="u1")
    assert len(ref.history("u1")) == 4


async def test_messages_may_come_as_they_are_found(runtime: Runtime, autojump_clock: MockClock) -> None:
    async def messages() -> AsyncGenerator[str]:  # noqa: ASYNC900 - what users may give
        for text in ("1?", "2?"):
            await trio.sleep(1)
            yield text

    ref = await runtime.spawn(Agent("a", ScriptedProvider("One.", "Two.")))
    assert len((await ref.sequence(messages())).replies) == 2


async def test_cancelling_it_cancels_the_turn_at_work(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider("One.", Say("so very slow", token_s=10))
    ref = await runtime.spawn(Agent("a", model))
    with trio.move_on_after(5) as scope:
        await ref.sequence(["1?", "2?", "3?"])
    assert scope.cancelled_caught
    assert (len(model.requests), model.statistics().streams_open) == (2, 0)
