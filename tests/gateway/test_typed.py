"""Answers from elsewhere, as types of the client's."""

from dataclasses import dataclass
from typing import Any

import pytest
from attrs import frozen

from actrio.actors import Runtime
from actrio.agents import Agent, InvalidOutputType
from actrio.agents.batch import Done
from actrio.gateway import OutputMismatch, connect
from actrio.providers import ToolCall
from actrio.testing import Say, ScriptedProvider
from tests.gateway.kit import served

NOTE = '{"title": "Rain", "sizes": [1, 2]}'


@frozen
class Note:
    title: str
    sizes: tuple[int, ...]


@dataclass
class Problem:
    reason: str


@frozen
class Other:
    title: str
    colour: str


async def test_an_answer_is_of_the_type_that_it_is_asked_as(runtime: Runtime) -> None:
    await runtime.spawn(Agent("noter", ScriptedProvider(NOTE, cycle=True), output=Note))
    expected = Note("Rain", (1, 2))
    async with served(runtime) as gateway, connect(gateway.url) as client:
        async with client.run("noter", "?", output_type=Note) as turn:
            assert (await turn.result()).data == expected
        noter = client.agent("noter", output_type=Note)
        assert (await noter.ask("?")).data == expected
        outcomes = await noter.batch(["?", "?"])
        assert [one.value.data for one in outcomes if isinstance(one, Done)] == [expected] * 2
        assert (await client.agent("noter", output_type=str).ask("?")).data == NOTE
        assert (await client.agent("noter").ask("?")).data == {"title": "Rain", "sizes": [1, 2]}


@pytest.mark.parametrize(
    ("output", "answer", "expected"),
    [
        (Note | Problem, '{"value": {"kind": "Problem", "value": {"reason": "no rain"}}}', Problem("no rain")),
        (list[int], '{"value": [1, 2]}', [1, 2]),
        (Note | None, '{"value": null}', None),
        (int, '{"value": 3}', 3),
    ],
)
async def test_answers_of_any_output_type_are_read(
    runtime: Runtime, output: Any, answer: str, expected: object
) -> None:
    agent = await runtime.spawn(Agent("noter", ScriptedProvider(answer, cycle=True), output=output))
    async with served(runtime) as gateway, connect(gateway.url) as client:
        assert (await client.agent("noter", output_type=output).ask("?")).data == expected
    assert (await agent.ask("?")).data == expected


async def test_an_answer_of_another_type_is_an_error_that_says_where(runtime: Runtime) -> None:
    await runtime.spawn(Agent("noter", ScriptedProvider(NOTE, cycle=True), output=Note))
    await runtime.spawn(Agent("writer", ScriptedProvider("Just words.")))
    async with served(runtime) as gateway, connect(gateway.url) as client:
        with pytest.raises(OutputMismatch, match=r"agent 'noter' is not of output_type=Other: .*colour") as caught:
            await client.agent("noter", output_type=Other).ask("?")
        assert caught.value.text == NOTE
        with pytest.raises(OutputMismatch, match="it is no JSON"):
            await client.agent("writer", output_type=Note).ask("?")
        async with client.run("noter", "?", output_type=Other) as turn:
            with pytest.raises(OutputMismatch):
                await turn.result()


async def test_a_type_that_json_cannot_carry_is_refused_at_once(runtime: Runtime) -> None:
    async with served(runtime) as gateway, connect(gateway.url) as client:
        with pytest.raises(InvalidOutputType):
            client.agent("noter", output_type=complex)
        with pytest.raises(InvalidOutputType):
            client.run("noter", "?", output_type=complex)


async def test_an_agent_is_described_as_its_definition_has_it(runtime: Runtime) -> None:
    await runtime.spawn(Agent("poet", ScriptedProvider("Hail."), description="Writes of weather."))
    await runtime.spawn(Agent("other", ScriptedProvider("Hm.")))
    async with served(runtime) as gateway, connect(gateway.url) as client:
        assert {one.name: one.description for one in client.agents} == {"poet": "Writes of weather.", "other": ""}
        poet = client.agent("poet")
        assert poet.as_tool().description == "Writes of weather."
        assert poet.as_tool(description="Ask it.").description == "Ask it."
        assert client.agent("other").as_tool().description == "Ask other, which answers in text."
        call = Say(tool_calls=(ToolCall("c", "poet", '{"request": "One."}'),))
        editor = await runtime.spawn(Agent("editor", ScriptedProvider(call, "Good."), tools=[poet.as_tool()]))
        assert (await editor.ask("?")).tool_uses[0].text == "Hail."
