"""The Responses interface: requests to bytes."""

import json
from typing import Any

import pytest

from actrio.providers import (
    Assistant,
    Image,
    JsonFormat,
    ModelRequest,
    Reasoning,
    ReasoningFinished,
    System,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    User,
    UseTool,
)
from actrio.providers.wire._responses import encode_request
from tests.providers.wire.responses import EVENTS, REASONING


def encoded(request: ModelRequest, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(encode_request(request, **more))
    return body


def test_a_request_is_encoded_as_the_interface_wants_it() -> None:
    thoughts = EVENTS[3]
    assert isinstance(thoughts, ReasoningFinished)
    foreign = Reasoning("x", origin="anthropic-messages", token="t")
    request = ModelRequest(
        [
            System("Be brief."),
            User(["Search ", Image("https://x/y.png")]),
            Assistant("Wait.", tool_calls=(ToolCall("c1", "f", "{}"),), reasoning=(foreign, thoughts.reasoning)),
            ToolResult("c1", "found"),
            System("Be briefer."),
            Assistant("", interrupted="cancelled", reasoning=(thoughts.reasoning,)),
            User("Go on."),
        ],
        model="m",
        max_tokens=9,
        temperature=0.0,
        top_p=0.5,
    )

    assert encoded(request, extra=True) == {
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Search "},
                    {"type": "input_image", "image_url": "https://x/y.png", "detail": "auto"},
                ],
            },
            REASONING,
            {"role": "assistant", "content": "Wait."},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "found"},
            {"role": "system", "content": "Be briefer."},
            {"role": "user", "content": "Go on."},
        ],
        "stream": True,
        "store": False,
        "model": "m",
        "max_output_tokens": 9,
        "temperature": 0.0,
        "top_p": 0.5,
        "extra": True,
    }


def test_what_a_request_does_not_say_is_not_sent() -> None:
    assert encoded(ModelRequest([System("a")])) == {
        "input": [{"role": "system", "content": "a"}],
        "stream": True,
        "store": False,
    }


@pytest.mark.parametrize(
    ("choice", "sent"),
    [("auto", None), ("none", "none"), ("required", "required"), (UseTool("f"), {"type": "function", "name": "f"})],
)
def test_tools_and_the_choice_of_them_are_sent(choice: ToolChoice, sent: Any) -> None:
    tools = [ToolDefinition("f", "F.", {"type": "object"}, strict=False), ToolDefinition("g", "G.", {"a": 1})]
    body = encoded(ModelRequest([User("a")], tools=tools, tool_choice=choice, parallel_tool_calls=False))

    assert body["tools"] == [
        {"type": "function", "name": "f", "description": "F.", "parameters": {"type": "object"}, "strict": False},
        {"type": "function", "name": "g", "description": "G.", "parameters": {"a": 1}},
    ]
    assert body["parallel_tool_calls"] is False
    assert body.get("tool_choice") == sent


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        (JsonFormat(), {"type": "json_object"}),
        (JsonFormat({"a": 1}, name="n"), {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True}),
    ],
)
def test_the_form_of_the_answer_is_sent(wanted: JsonFormat, sent: Any) -> None:
    assert encoded(ModelRequest([User("a")], response_format=wanted))["text"] == {"format": sent}


def test_who_asks_for_thoughts_gets_them_in_a_form_to_be_sent_back() -> None:
    request = ModelRequest([User("a")], extra_body={"reasoning": {"summary": "auto"}})

    assert encoded(request)["include"] == ["reasoning.encrypted_content"]


def test_what_the_interface_has_no_field_for_is_an_error_and_not_lost() -> None:
    with pytest.raises(ValueError, match="seed="):
        encode_request(ModelRequest([User("a")], seed=0))
    with pytest.raises(ValueError, match="stop="):
        encode_request(ModelRequest([User("a")], stop="END"))


@pytest.mark.parametrize("token", ["gAAA", "[]", '{"summary":', '{"encrypted_content":1}'])
def test_a_token_that_is_not_of_this_format_is_an_error(token: str) -> None:
    answer = Assistant("a", reasoning=(Reasoning("", origin="openai-responses", token=token),))

    with pytest.raises(ValueError, match="token"):
        encode_request(ModelRequest([answer]))
