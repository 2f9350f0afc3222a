"""Ollama: requests to bytes."""

import json
from typing import Any

import pytest

from actrio.providers import (
    Assistant,
    Image,
    JsonFormat,
    Message,
    ModelRequest,
    Reasoning,
    System,
    ToolCall,
    ToolDefinition,
    ToolResult,
    User,
    UseTool,
)
from actrio.providers.wire._ollama_chat import encode_request

WEATHER = ToolDefinition("weather", "How warm it is.", {"type": "object", "properties": {"city": {"type": "string"}}})
OSLO = ToolCall("c1", "weather", '{"city": "Oslo"}')
NEWS = ToolCall("c2", "news", "")


def encoded(request: ModelRequest, **more: Any) -> Any:
    return json.loads(encode_request(request, **more))


def messages(*sent: Message) -> Any:
    return encoded(ModelRequest(sent))["messages"]


def test_a_request_is_encoded_as_the_interface_wants_it() -> None:
    request = ModelRequest(
        [System("Be brief."), User("Search."), Assistant("Wait.", tool_calls=(OSLO, NEWS)), ToolResult("c1", "4")],
        model="m",
        max_tokens=9,
        temperature=0.0,
        top_p=0.5,
        seed=1,
        stop="END",
        tools=[WEATHER],
    )

    assert encoded(request, keep_alive="1h") == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Search."},
            {
                "role": "assistant",
                "content": "Wait.",
                "tool_calls": [
                    {"id": "c1", "function": {"name": "weather", "arguments": {"city": "Oslo"}}},
                    {"id": "c2", "function": {"name": "news", "arguments": {}}},
                ],
            },
            {"role": "tool", "content": "4", "tool_call_id": "c1", "tool_name": "weather"},
        ],
        "stream": True,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "How warm it is.",
                    "parameters": WEATHER.parameters,
                },
            }
        ],
        "options": {"num_predict": 9, "temperature": 0.0, "top_p": 0.5, "seed": 1, "stop": ["END"]},
        "keep_alive": "1h",
    }


def test_what_a_request_does_not_say_is_not_sent() -> None:
    assert encoded(ModelRequest([User("a")])) == {"messages": [{"role": "user", "content": "a"}], "stream": True}


def test_a_result_has_the_name_of_the_tool_that_was_called_last_by_its_id() -> None:
    again = Assistant(tool_calls=(ToolCall("c1", "news", "{}"),))
    answer = Assistant(tool_calls=(OSLO,))

    got = messages(answer, ToolResult("c1", "4"), again, ToolResult("c1", "none"), ToolResult("c9", "lost"))

    assert [message.get("tool_name") for message in got if message["role"] == "tool"] == ["weather", "news", None]


def test_texts_of_a_message_are_joined_by_lines_and_its_images_go_beside_them() -> None:
    got = messages(User(["Look.", Image(b"GIF8"), "What is it?", Image("data:image/png;base64,iVBO")]))

    assert got == [{"role": "user", "content": "Look.\nWhat is it?", "images": ["R0lGOA==", "iVBO"]}]


def test_answers_with_nothing_in_them_are_left_out() -> None:
    assert messages(User("a"), Assistant("", interrupted="failed"), Assistant("b", interrupted="cancelled")) == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]


def test_thoughts_of_this_format_go_back_and_others_do_not() -> None:
    own, other = Reasoning("Hm.", origin="ollama-chat"), Reasoning("Ah.", origin="anthropic-messages", token="sig")
    [got] = messages(Assistant(tool_calls=(OSLO,), reasoning=(own, other)))

    assert got["thinking"] == "Hm."
    assert "thinking" not in messages(Assistant("a", reasoning=(other,)))[0]


def test_arguments_that_are_not_json_keep_the_conversation_valid() -> None:
    [got] = messages(Assistant(tool_calls=(ToolCall("c1", "weather", "[1"),)))

    assert got["tool_calls"][0]["function"]["arguments"] == {"INVALID_JSON": "[1"}


@pytest.mark.parametrize(
    ("wanted", "sent"), [(JsonFormat(), "json"), (JsonFormat({"type": "object"}), {"type": "object"})]
)
def test_the_form_of_the_answer_is_a_schema_or_json(wanted: JsonFormat, sent: Any) -> None:
    assert encoded(ModelRequest([User("a")], response_format=wanted))["format"] == sent


def test_options_of_the_server_are_joined_with_those_of_the_request_and_go_over_them() -> None:
    request = ModelRequest(
        [User("a")],
        temperature=0.5,
        seed=1,
        extra_body={"options": {"num_ctx": 9, "seed": 2}, "think": False},
    )

    body = encoded(request)

    assert body["options"] == {"temperature": 0.5, "seed": 2, "num_ctx": 9}
    assert body["think"] is False


def test_no_call_is_had_by_telling_of_no_tools() -> None:
    request = ModelRequest([User("a")], tools=[WEATHER], tool_choice="none", parallel_tool_calls=False)

    assert "tools" not in encoded(request)


def test_without_tools_nothing_said_of_them_is_in_the_way() -> None:
    assert set(encoded(ModelRequest([User("a")], tool_choice="required", parallel_tool_calls=False))) == {
        "messages",
        "stream",
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tool_choice": "required"}, r"no field for tool_choice='required'.* Leave it out"),
        ({"tool_choice": UseTool("weather")}, r"no field for tool_choice=UseTool\(name='weather'\)"),
        ({"parallel_tool_calls": False}, "no field for parallel_tool_calls=False. Leave it out"),
        ({"messages": [User(Image("https://example.com/a.png"))]}, r"does not fetch 'https://.*Image.read\(path\)"),
    ],
)
def test_what_would_be_lost_is_refused_with_the_way_out(fields: Any, words: str) -> None:
    request = ModelRequest(**{"messages": [User("a")], "tools": [WEATHER], **fields})

    with pytest.raises(ValueError, match=words):
        encode_request(request)
