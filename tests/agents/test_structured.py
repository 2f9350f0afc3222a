"""Answers of a type, and their fields while they grow."""

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from actrio.actors import Runtime
from actrio.agents import Agent, AnswerInvalid, FieldUpdate, OutputRejected, tool
from actrio.providers import Assistant, ConnectionLost, GovernedProvider, Retry, ToolCall, User
from actrio.testing import Fail, Say, ScriptedProvider

GOOD = '{"title": "On rain", "lines": ["one two", "three"]}'


@frozen
class Poem:
    title: str
    lines: list[str]


async def test_the_answer_is_the_typed_value_and_the_model_is_told_the_schema(runtime: Runtime) -> None:
    model = ScriptedProvider(GOOD)
    ref = await runtime.spawn(Agent("a", model, output=Poem))

    reply = await ref.ask("On rain.")

    assert reply.data == Poem("On rain", ["one two", "three"])
    assert reply.text == GOOD
    sent = model.requests[0].response_format
    assert sent is not None
    assert (sent.name, sent.strict) == ("Poem", True)


async def test_plain_text_is_its_own_data(runtime: Runtime) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider("Hello.")))

    reply = await ref.ask("Hm?")

    assert reply.data == reply.text == "Hello."


async def test_a_wrong_answer_goes_back_with_what_is_wrong_and_where(runtime: Runtime) -> None:
    model = ScriptedProvider('{"title": 7, "lines": []}', GOOD)
    ref = await runtime.spawn(Agent("a", model, output=Poem))

    async with ref.run("On rain.", conversation="u1") as turn:
        reply = await turn.result()

    assert reply.data == Poem("On rain", ["one two", "three"])
    problem = "$.title: Expected `str`, got `int`"
    assert [event.problem async for event in turn.events() if isinstance(event, OutputRejected)] == [problem]
    assert model.requests[1].messages[1:] == (
        Assistant('{"title": 7, "lines": []}'),
        User(f"Your answer is not what it has to be. {problem}. Answer again, with the whole JSON and nothing else."),
    )
    assert ref.history("u1")[-1] == Assistant(GOOD)


async def test_a_model_that_does_not_learn_ends_the_turn_with_what_it_said(runtime: Runtime) -> None:
    model = ScriptedProvider("I can not.", cycle=True)
    ref = await runtime.spawn(Agent("a", model, output=Poem, output_retries=1))

    with pytest.raises(AnswerInvalid, match=r"after 1 output_retries .* \$: it is no JSON") as caught:
        await ref.ask("On rain.")

    assert (caught.value.text, caught.value.partial, caught.value.retries) == ("I can not.", None, 1)
    assert len(model.requests) == 2


async def test_fields_grow_as_the_text_comes(runtime: Runtime, autojump_clock: MockClock) -> None:
    words = ('{"title": "On', ' rain", "li', 'nes": ["one', ' two", "th', 'ree"]}')
    ref = await runtime.spawn(Agent("a", ScriptedProvider(Say(tokens=words, token_s=1)), output=Poem))
    seen: list[tuple[float, str, str, bool]] = []

    async with ref.run("On rain.") as turn:
        began = trio.current_time()
        async for update in turn.fields():
            at = trio.current_time() - began
            seen.append((at, update.path, update.delta, update.is_complete))

    assert seen == [
        (0, "title", "On", False),
        (1, "title", " rain", True),
        (2, "lines[*]", "one", False),
        (3, "lines[*]", " two", True),
        (3, "lines[*]", "th", False),
        (4, "lines[*]", "ree", True),
        (4, "lines", "", True),
        (4, "", "", True),
    ]


async def test_fields_begin_again_when_the_model_answers_again(runtime: Runtime) -> None:
    model = ScriptedProvider('{"title": 7, x', GOOD)
    ref = await runtime.spawn(Agent("a", model, output=Poem))

    async with ref.run("On rain.") as turn:
        updates: list[FieldUpdate] = [update async for update in turn.fields()]

    assert [(one.attempt, one.value) for one in updates if one.path == "title" and one.is_complete] == [
        (0, 7),
        (1, "On rain"),
    ]


async def test_fields_after_a_failure_end_with_its_error(runtime: Runtime) -> None:
    model = ScriptedProvider(Fail(AnswerInvalid("a", None, "x", text="", partial=None, retries=0), after=1, of=GOOD))
    ref = await runtime.spawn(Agent("a", model, output=Poem), restart="transient")

    async with ref.run("On rain.") as turn:
        with pytest.raises(AnswerInvalid):
            async for _ in turn.fields():
                pass


async def test_a_typed_answer_may_come_after_tools(runtime: Runtime) -> None:
    @tool
    async def look_up(word: str) -> str:
        return word.upper()

    model = ScriptedProvider(Say("", tool_calls=(ToolCall("c", "look_up", '{"word": "rain"}'),)), GOOD)
    ref = await runtime.spawn(Agent("a", model, output=Poem, tools=[look_up]))

    assert (await ref.ask("On rain.")).data.title == "On rain"


async def test_an_answer_that_starts_over_is_the_last_one_alone(runtime: Runtime, autojump_clock: MockClock) -> None:
    broken = Fail(ConnectionLost("m", "gone", ""), after=1, of=Say(tokens=('{"title": "Off', '"}')))
    model = GovernedProvider(ScriptedProvider(broken, GOOD), retry=Retry(after_events=True))
    ref = await runtime.spawn(Agent("a", model, output=Poem))

    async with ref.run("On rain.") as turn:
        updates: list[FieldUpdate] = [update async for update in turn.fields()]
        reply = await turn.result()

    assert reply.text == GOOD
    assert [(one.attempt, one.delta) for one in updates if one.path == "title"] == [
        (0, "Off"),
        (1, "On"),
        (1, " rain"),
    ]


@frozen
class Share:
    percent: int

    def __attrs_post_init__(self) -> None:
        assert self.percent <= 100, "that is more than all"


async def test_what_the_type_itself_refuses_goes_back_to_the_model_too(runtime: Runtime) -> None:
    model = ScriptedProvider('{"percent": 101}', '{"percent": 100}')
    ref = await runtime.spawn(Agent("a", model, output=Share))

    assert (await ref.ask("How much?")).data == Share(100)

    assert "$: AssertionError: that is more than all" in model.requests[1].messages[-1].text
