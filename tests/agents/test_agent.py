import pytest

from actrio.actors import InvalidSpec, Runtime, open_runtime
from actrio.agents import Agent, AgentRef
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
    [("concurrency", 0), ("history_limit", -1), ("max_conversations", 0), ("max_events", 0), ("concurrency", 1.5)],
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
