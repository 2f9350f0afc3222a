"""Chat Completions: requests to bytes."""

import json
from typing import Any

import pytest

from actrio.providers import (
    Assistant,
    Image,
    JsonFormat,
    ModelRequest,
    System,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    User,
    UseTool,
)
from actrio.providers.wire._chat_completions import encode_request


def test_a_request_is_encoded_as_the_interface_wants_it() -> None:
    request = ModelRequest(
        [
            System("Be brief."),
            User("Search."),
            Assistant("Wait.", tool_calls=(ToolCall("c1", "search", "{}"),)),
            ToolResult("c1", "found"),
            Assistant("It is", interrupted="cancelled"),
        ],
        model="m",
        max_tokens=9,
        temperature=0.0,
        seed=1,
        stop="END",
    )

    assert json.loads(encode_request(request, extra=True)) == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Search."},
            {
                "role": "assistant",
                "content": "Wait.",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "search", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "found"},
            {"role": "assistant", "content": "It is"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "model": "m",
        "max_tokens": 9,
        "temperature": 0.0,
        "seed": 1,
        "stop": ["END"],
        "extra": True,
    }


SCHEMA: dict[str, Any] = {"type": "object", "properties": {"q": {"type": "string"}}}
SEARCH = ToolDefinition("search", "Search.", SCHEMA, strict=True)


def encoded(more: ModelRequest, **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(encode_request(more, **fields))
    return body


def test_images_are_addresses_among_texts() -> None:
    picture = Image(b"GIF89a", detail="low")
    (message,) = encoded(ModelRequest([User(["What is ", picture, Image("https://x/y.png")])]))["messages"]

    assert message == {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is "},
            {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlh", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        ],
    }


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", None),
        ("none", "none"),
        ("required", "required"),
        (UseTool("search"), {"type": "function", "function": {"name": "search"}}),
    ],
)
def test_tools_and_the_choice_of_them_are_sent(choice: ToolChoice, sent: Any) -> None:
    request = ModelRequest([User("a")], tools=[SEARCH], tool_choice=choice, parallel_tool_calls=False)
    body = encoded(request)

    function = {"name": "search", "description": "Search.", "parameters": SCHEMA, "strict": True}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["parallel_tool_calls"] is False
    assert body.get("tool_choice") == sent


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        (JsonFormat(), {"type": "json_object"}),
        (
            JsonFormat(SCHEMA, name="n", strict=False),
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": False}},
        ),
    ],
)
def test_the_form_of_the_answer_is_sent(wanted: JsonFormat, sent: Any) -> None:
    assert encoded(ModelRequest([User("a")], response_format=wanted))["response_format"] == sent


def test_openais_own_server_has_another_name_for_the_bound_and_extra_fields_go_over_all() -> None:
    request = ModelRequest([User("a")], max_tokens=9, extra_body={"seed": 3, "model": "mine"})
    theirs, ours = encoded(request, model="n"), encoded(request, of_openai=True)

    assert (theirs["max_tokens"], theirs["seed"], theirs["model"]) == (9, 3, "mine")
    assert ours["max_completion_tokens"] == 9
    assert "max_tokens" not in ours


def test_what_a_request_does_not_say_is_not_sent() -> None:
    assert set(json.loads(encode_request(ModelRequest([User("a")])))) == {"messages", "stream", "stream_options"}
