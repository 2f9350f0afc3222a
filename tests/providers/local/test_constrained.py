import json
from typing import Any

import msgspec

from actrio.providers import (
    Assistant,
    Image,
    JsonFormat,
    ModelRequest,
    System,
    ToolCall,
    ToolDefinition,
    ToolResult,
    User,
    UseTool,
)
from actrio.providers.local._constrained import choice_schema, constrain, describe_tools, render_history

WEATHER = ToolDefinition(
    "weather",
    "The temperature\nin a city.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Its name."},
            "unit": {"enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city"],
    },
)
CLOCK = ToolDefinition("clock")
ASKED = User("How warm is it in Oslo?")


def request(**settings: Any) -> ModelRequest:
    return ModelRequest([ASKED], **{"tools": [WEATHER, CLOCK], **settings})


def allowed(schema: dict[str, Any]) -> list[list[str]]:
    """The properties of each object that the schema allows."""
    if "anyOf" in schema:
        return [names for member in schema["anyOf"] for names in allowed(member)]
    if schema["type"] == "array":
        return [["array of", *names] for names in allowed(schema["items"])]
    name = schema["properties"].get("name", {}).get("const")
    return [[name] if name else list(schema["properties"])]


def test_what_the_model_may_answer_follows_the_choice() -> None:
    assert allowed(choice_schema(request())) == [["weather"], ["clock"], ["answer"]]
    assert allowed(choice_schema(request(tool_choice="required"))) == [["weather"], ["clock"]]
    assert allowed(choice_schema(request(tool_choice=UseTool("clock")))) == [["clock"]]
    assert allowed(choice_schema(request(parallel_tool_calls=True))) == [
        ["array of", "weather"],
        ["array of", "clock"],
        ["answer"],
    ]


def test_the_arguments_are_held_to_the_tools_schema_and_come_after_the_name() -> None:
    schema = choice_schema(request(tool_choice=UseTool("weather")))

    assert list(schema["properties"]) == schema["required"] == ["name", "arguments"]
    assert schema["properties"]["arguments"] == {"$ref": "#/$defs/weather"}
    assert schema["$defs"]["weather"] == WEATHER.parameters


def test_what_a_schema_refers_to_within_itself_is_found_where_it_was_moved() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "all": {"$ref": "#"}}}
    tree = ToolDefinition("tree", "", {"$ref": "#/$defs/Node", "$defs": {"Node": node}})

    schema = choice_schema(request(tools=[tree], tool_choice="required"))["$defs"]["tree"]

    assert schema["$ref"] == "#/$defs/tree/$defs/Node"
    assert schema["$defs"]["Node"]["properties"]["next"] == {"$ref": "#/$defs/tree/$defs/Node"}
    assert schema["$defs"]["Node"]["properties"]["all"] == {"$ref": "#/$defs/tree"}


def test_an_answer_that_is_no_call_has_the_form_that_was_asked_for() -> None:
    wanted = {"type": "object", "properties": {"city": {"type": "string"}}}

    assert choice_schema(request())["$defs"]["answer."] == {"type": "string"}
    assert choice_schema(request(response_format=JsonFormat()))["$defs"]["answer."] == {"type": "object"}
    assert choice_schema(request(response_format=JsonFormat(wanted)))["$defs"]["answer."] == wanted


def test_tools_are_told_in_the_form_in_which_they_are_called() -> None:
    call = '{"name": "weather", "arguments": {"city": string, "unit": "celsius" | "fahrenheit" (optional)}}'

    assert describe_tools(request()).splitlines() == [
        'To talk, explain or answer, write {"answer": "your words"}.',
        f"To use the tool weather, write {call}: The temperature in a city. city: Its name.",
        'To use the tool clock, write {"name": "clock", "arguments": {}}',
    ]
    assert describe_tools(request(tool_choice=UseTool("clock"))) == (
        'To use the tool clock, write {"name": "clock", "arguments": {}}'
    )


def test_the_tools_are_told_after_the_instructions_that_there_are() -> None:
    told = describe_tools(request())

    assert constrain(request()).messages == (System(told), ASKED)
    with_system = ModelRequest([System("Be brief."), ASKED], tools=[WEATHER, CLOCK])
    assert constrain(with_system).messages == (System(f"Be brief.\n\n{told}"), ASKED)


def test_a_request_without_a_choice_keeps_its_form_and_has_no_tools() -> None:
    wanted = JsonFormat()
    without: list[dict[str, Any]] = [{"tool_choice": "none"}, {"tools": []}]
    for settings in without:
        sent = constrain(request(response_format=wanted, max_tokens=7, **settings))

        assert (sent.messages, sent.tools, sent.response_format) == ((ASKED,), (), wanted)
        assert sent.max_tokens == 7


def test_calls_and_results_are_told_as_text_and_one_message_has_the_results_of_one_answer() -> None:
    oslo = ToolCall("1", "weather", '{"city":"Oslo"}')
    clock = ToolCall("2", "clock", "")
    history = (
        ASKED,
        Assistant("Wait.", tool_calls=(oslo,)),
        ToolResult("1", "4 degrees"),
        Assistant(tool_calls=(oslo, clock)),
        ToolResult("1", "4 degrees"),
        ToolResult("2", "no clock", failed=True),
        User("Well?"),
        ToolResult("lost", "late"),
    )
    one = '{"name": "weather", "arguments": {"city":"Oslo"}}'

    assert list(render_history(history)) == [
        ASKED,
        Assistant(f"Wait.\n{one}"),
        User("Result of weather: 4 degrees"),
        Assistant(f'[{one}, {{"name": "clock", "arguments": {{}}}}]'),
        User("Result of weather: 4 degrees\nError of clock: no clock"),
        User("Well?"),
        User("Result of lost: late"),
    ]


def test_other_messages_stay_as_they_are() -> None:
    history = (System("Be brief."), User(["What is this?", Image("https://a/b.png")]), Assistant("A cat."), ASKED)

    assert tuple(render_history(history)) == history


def test_the_schema_is_json() -> None:
    schema = choice_schema(request(parallel_tool_calls=True))

    assert json.loads(msgspec.json.encode(schema)) == schema
