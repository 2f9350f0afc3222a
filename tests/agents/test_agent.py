from typing import Any

import pytest

from actrio.actors import InvalidSpec, Runtime, open_runtime
from actrio.agents import Agent, AgentRef, InvalidOutputType, InvalidTool, Middleware, tool
from actrio.mailbox import InvalidBound
from actrio.providers import Assistant, LocalProvider, System, User
from actrio.providers._errors import UnknownModel
from actrio.testing import Say, ScriptedProvider


async def test_an_agent_answers(runtime: Runtime) -> None:
    writer = await runtime.spawn(Agent("writer", ScriptedProvider("Rain falls."), "You write."))

    reply = await writer.ask("A line?")

    assert (reply.text, reply.finish_reason, reply.conversation) == ("Rain falls.", "stop", None)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (4, 2)


async def test_spawning_a_definition_gives_its_own_kind_of_ref(runtime: Runtime) -> None:
    writer = await runtime.spawn(Agent("writer", ScriptedProvider()))

    assert isinstance(writer, AgentRef)
    assert runtime.find("writer") is writer


async def test_instructions_come_first_and_settings_are_passed_on(runtime: Runtime) -> None:
    model = ScriptedProvider("Yes.")
    agent = Agent("a", model, "Be brief.", max_tokens=9, temperature=0.5, top_p=0.9, seed=7, stop="END")

    await (await runtime.spawn(agent)).ask("Well?")

    (request,) = model.requests
    assert request.messages == (System("Be brief."), User("Well?"))
    assert (request.max_tokens, request.temperature, request.top_p, request.seed) == (9, 0.5, 0.9, 7)
    assert request.stop == ("END",)


async def test_without_instructions_there_is_no_system_message(runtime: Runtime) -> None:
    model = ScriptedProvider("Yes.")

    await (await runtime.spawn(Agent("a", model))).ask("Well?")

    assert model.requests[0].messages == (User("Well?"),)


def test_a_model_may_be_named() -> None:
    assert Agent("a", "local:").model == LocalProvider()
    assert Agent("a", model="local:/m.gguf") == Agent("a", LocalProvider("/m.gguf"))


def test_a_name_that_does_not_say_which_model_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownModel, match=r"'gpt-5' has no prefix\. Did you mean 'openai:gpt-5'\?.*anthropic, local"):
        Agent("a", "gpt-5")


def test_what_is_no_model_is_refused_with_what_to_pass_instead() -> None:
    with pytest.raises(InvalidSpec, match=r"model=7 is no provider\. Give one, or a name: LocalProvider\(\)"):
        Agent("a", 7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["", "a/b"])
def test_a_name_that_no_actor_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidSpec, match="not empty and without '/'"):
        Agent(name, ScriptedProvider())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("concurrency", 0),
        ("history_limit", -1),
        ("max_conversations", 0),
        ("max_events", 0),
        ("concurrency", 1.5),
        ("history_tokens", -1),
    ],
)
def test_bounds_are_whole_numbers(setting: str, value: object) -> None:
    with pytest.raises(InvalidBound, match=f"{setting}={value}"):
        Agent("a", ScriptedProvider(), **{setting: value})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_settings_of_the_request_are_checked_when_the_agent_is_defined() -> None:
    with pytest.raises(ValueError, match="max_tokens must be at least 1"):
        Agent("a", ScriptedProvider(), max_tokens=0)


async def test_the_model_is_opened_once_a_runtime_by_whom_needs_it_first() -> None:
    model = ScriptedProvider("Yes.", cycle=True)
    async with open_runtime() as runtime:
        refs = [await runtime.spawn(Agent(name, model)) for name in "abc"]
        assert model.statistics().connections_open == 0
        for ref in refs:
            await ref.ask("Well?")
        assert model.statistics().connections_open == 1

    assert model.statistics().connections_open == 0


async def test_a_definition_spawned_twice_has_two_memories(runtime: Runtime) -> None:
    agent = Agent("a", ScriptedProvider("One.", "Two."))
    first, second = await runtime.spawn(agent), await runtime.spawn(agent, name="b")

    await first.ask("First?", conversation="u1")
    await second.ask("Second?", conversation="u1")

    assert first.history("u1") == (User("First?"), Assistant("One."))
    assert second.history("u1") == (User("Second?"), Assistant("Two."))


async def test_two_runtimes_do_not_mix_conversations() -> None:
    model = ScriptedProvider(Say("One."), Say("Two."))
    agent = Agent("a", model)
    async with open_runtime() as one, open_runtime() as two:
        await (await one.spawn(agent)).ask("First?", conversation="u1")
        await (await two.spawn(agent)).ask("Second?", conversation="u1")

    assert model.requests[1].messages == (User("Second?"),)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"model": ScriptedProvider}, "model=ScriptedProvider is a class; give what ScriptedProvider"),
        ({"budget": 3}, r"budget=3 is no Budget, such as Budget\(tokens"),
        ({"middleware": Middleware()}, r"middleware is a list of them: middleware=\[...\]"),
        ({"tool_choice": "always"}, "tool_choice='always' must be one of auto, none, required"),
        ({"max_tokens": "9"}, "max_tokens must be at least 1, or None for no bound of ours, not '9'"),
        ({"temperature": "hot"}, "temperature must be 0 or more, or None"),
        ({"top_p": "all"}, "top_p must be above 0"),
    ],
)
def test_settings_of_a_wrong_type_are_refused_in_words(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises((InvalidSpec, TypeError, ValueError), match=problem):
        Agent("a", **{"model": ScriptedProvider(), **settings})


@pytest.mark.parametrize(
    ("tools", "problem"),
    [
        ([Agent("b", ScriptedProvider())], "'b' cannot be a tool: it is an agent that was not spawned"),
        (tool(len), "'len' cannot be a tool: tools is a list"),
    ],
)
def test_what_is_given_as_tools_and_is_none_is_refused_with_the_way_out(tools: Any, problem: str) -> None:
    with pytest.raises(InvalidTool, match=problem):
        Agent("a", ScriptedProvider(), tools=tools)


async def test_the_ref_of_an_agent_is_no_tool_but_can_make_one(runtime: Runtime) -> None:
    b: Any = await runtime.spawn(Agent("b", ScriptedProvider()))

    with pytest.raises(InvalidTool, match=r"it is the ref of an agent. Give what its as_tool\(\) makes"):
        Agent("a", ScriptedProvider(), tools=[b])


async def test_an_output_type_that_cannot_be_is_told_on_one_line_without_anothers_advice() -> None:
    with pytest.raises(InvalidOutputType) as caught:
        Agent("a", ScriptedProvider(), output=object)

    assert "is not supported" in str(caught.value)
    assert "schema_hook" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_what_a_turn_is_asked_with_is_checked_in_words(runtime: Runtime) -> None:
    a: Any = await runtime.spawn(Agent("a", ScriptedProvider("Yes.")))

    with pytest.raises(TypeError, match="budget=3 is no Budget"):
        await a.ask("?", budget=3)
    with pytest.raises(ValueError, match="on_leave='go' must be one of cancel, continue"):
        async with a.run("?", on_leave="go"):
            pass


@pytest.mark.parametrize("how", ["batch", "sequence"])
async def test_one_text_is_not_taken_for_many_of_one_letter(runtime: Runtime, how: str) -> None:
    model = ScriptedProvider(cycle=True)
    a = await runtime.spawn(Agent("a", model))

    with pytest.raises(TypeError, match=r"give a list of texts, not one text: \['hello'\]"):
        await getattr(a, how)("hello")

    assert not model.requests
