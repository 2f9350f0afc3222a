import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    Assistant,
    Image,
    JsonFormat,
    Message,
    ModelRequest,
    Reasoning,
    System,
    Text,
    ToolCall,
    ToolDefinition,
    ToolResult,
    User,
    UseTool,
)
from actrio.providers.wire._anthropic_answer import KeptThoughts, read_token, write_token
from actrio.providers.wire._anthropic_messages import encode_request

WEATHER = ToolDefinition("weather", "How warm it is.", {"type": "object", "properties": {"city": {"type": "string"}}})
OSLO = ToolCall("c1", "weather", '{"city": "Oslo"}')
ROME = ToolCall("c2", "weather", '{"city": "Rome"}')


def encoded(request: ModelRequest, **more: Any) -> Any:
    return json.loads(encode_request(request, **more))


def turns(*messages: Message) -> Any:
    return encoded(ModelRequest(messages))["messages"]


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def use(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)}


def result(call_id: str, content: str | None, **more: Any) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": call_id, **more}
    return block if content is None else {**block, "content": content}


def thoughts(words: str, **kept: Any) -> Reasoning:
    return Reasoning(words, origin="anthropic-messages", token=write_token(KeptThoughts(**kept)))


def thinking(words: str, signature: str) -> dict[str, str]:
    return {"type": "thinking", "thinking": words, "signature": signature}


def test_a_request_is_encoded_as_the_interface_wants_it() -> None:
    request = ModelRequest(
        [System("Be brief."), User("Search."), Assistant("Wait.", tool_calls=(OSLO,)), ToolResult("c1", "4")],
        model="m",
        max_tokens=9,
        temperature=0.0,
        top_p=0.5,
        stop="END",
        tools=[WEATHER],
    )

    assert encoded(request, extra=True) == {
        "model": "m",
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": [text("Search.")]},
            {"role": "assistant", "content": [text("Wait."), use(OSLO)]},
            {"role": "user", "content": [result("c1", "4")]},
        ],
        "max_tokens": 9,
        "temperature": 0.0,
        "top_p": 0.5,
        "stop_sequences": ["END"],
        "tools": [{"name": "weather", "description": "How warm it is.", "input_schema": WEATHER.parameters}],
        "stream": True,
        "extra": True,
    }


def test_what_a_request_does_not_say_is_not_sent_but_for_the_bound_that_there_must_be() -> None:
    assert encoded(ModelRequest([User("a")])) == {
        "messages": [{"role": "user", "content": [text("a")]}],
        "max_tokens": 16_384,
        "stream": True,
    }
    assert encoded(ModelRequest([User("a")]), max_tokens=5)["max_tokens"] == 5
    assert encoded(ModelRequest([User("a")], max_tokens=7), max_tokens=5)["max_tokens"] == 7


def test_instructions_are_taken_out_of_the_conversation_wherever_they_stand() -> None:
    body = encoded(ModelRequest([System("One."), User("a"), System(" "), System("Two."), User("b")]))

    assert body["system"] == "One.\n\nTwo."
    assert body["messages"] == [{"role": "user", "content": [text("a"), text("b")]}]


def test_results_of_parallel_calls_go_back_in_one_message_before_what_the_user_says() -> None:
    asked = Assistant(tool_calls=(OSLO, ROME))

    got = turns(User("?"), asked, ToolResult("c1", "4"), User("Hurry."), ToolResult("c2", "no net", failed=True))

    assert [turn["role"] for turn in got] == ["user", "assistant", "user"]
    assert got[2]["content"] == [result("c1", "4"), result("c2", "no net", is_error=True), text("Hurry.")]


def test_a_result_without_words_has_no_content_unless_it_is_an_error_which_must_have_some() -> None:
    got = turns(ToolResult("c1", " \n"), ToolResult("c2", "", failed=True))

    assert got[0]["content"] == [result("c1", None), result("c2", "failed", is_error=True)]


def test_blank_texts_and_messages_that_have_nothing_else_are_left_out() -> None:
    got = turns(User("a"), Assistant("", interrupted="failed"), Assistant(" \n"), User(["", "b", Text("\t")]))

    assert got == [{"role": "user", "content": [text("a"), text("b")]}]


def test_an_answer_that_is_to_be_gone_on_with_does_not_end_in_space_and_another_may() -> None:
    assert turns(User("a"), Assistant("It is \n"))[-1]["content"] == [text("It is")]
    assert turns(User("a"), Assistant("It is "), User("b"))[1]["content"] == [text("It is ")]


def test_images_are_sent_as_data_where_there_is_data_and_as_addresses_where_there_is_not() -> None:
    picture = "https://example.com/a.png"
    user = User(
        ["Look.", Image(b"\x89PNG\r\n\x1a\n"), Image("data:image/gif;base64,R0lG"), Image(picture, detail="low")]
    )

    assert turns(user)[0]["content"] == [
        text("Look."),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lG"}},
        {"type": "image", "source": {"type": "url", "url": picture}},
    ]


def test_arguments_that_are_not_json_keep_the_conversation_valid_and_show_the_model_what_it_wrote() -> None:
    broken = ToolCall("c1", "weather", '{"city": "Os')

    assert turns(Assistant(tool_calls=(broken,)))[0]["content"][0]["input"] == {"INVALID_JSON": '{"city": "Os'}


# What the model thought


def test_thoughts_go_back_with_their_signature_before_what_they_led_to() -> None:
    answer = Assistant(
        "Let me see.",
        tool_calls=(OSLO,),
        reasoning=(thoughts("Oslo?", signature="sig"), thoughts("", data="sealed"), thoughts("", signature="other")),
    )

    assert turns(answer)[0]["content"] == [
        thinking("Oslo?", "sig"),
        {"type": "redacted_thinking", "data": "sealed"},
        thinking("", "other"),
        text("Let me see."),
        use(OSLO),
    ]


def test_thoughts_between_texts_and_calls_go_back_to_where_they_were() -> None:
    answer = Assistant(
        "Hm. So.",
        tool_calls=(OSLO, ROME),
        reasoning=(thoughts("one", signature="a", text=3), thoughts("two", signature="b", text=7, calls=1)),
    )

    assert turns(answer)[0]["content"] == [
        text("Hm."),
        thinking("one", "a"),
        text(" So."),
        use(OSLO),
        thinking("two", "b"),
        use(ROME),
    ]


def test_thoughts_of_other_formats_and_thoughts_that_led_to_nothing_are_left_out() -> None:
    other = Reasoning("elsewhere", origin="openai-responses", token="{}")
    unsigned = Reasoning("unsigned", origin="anthropic-messages")

    assert turns(User("a"), Assistant("b", reasoning=(other, unsigned)), User("c"))[1]["content"] == [text("b")]
    assert turns(User("a"), Assistant(reasoning=(thoughts("in vain", signature="a"),))) == turns(User("a"))


@given(
    st.text(),
    st.lists(st.sampled_from([OSLO, ROME])),
    st.lists(st.tuples(st.text(), st.integers(0, 20), st.integers(0, 4))),
)
def test_wherever_thoughts_say_they_were_all_text_and_calls_are_sent_once_and_in_order(
    said: str, calls: list[ToolCall], places: list[tuple[str, int, int]]
) -> None:
    reasoning = tuple(thoughts(words, signature="s", text=at, calls=before) for words, at, before in places)

    got = turns(User("a"), Assistant(said, tool_calls=tuple(calls), reasoning=reasoning), User("b"))
    blocks = got[1]["content"] if len(got) == 3 else []

    sent = "".join(block["text"] for block in blocks if block["type"] == "text")
    assert "".join(sent.split()) == "".join(said.split())
    assert [block for block in blocks if block["type"] == "tool_use"] == list(map(use, calls))
    assert not blocks or blocks[-1]["type"] != "thinking"


BASE64 = st.text("abcXYZ019+/=", min_size=1)


@given(BASE64, st.integers(0), st.integers(0))
def test_a_token_says_what_was_kept(seal: str, at: int, calls: int) -> None:
    for kept in (KeptThoughts(signature=seal, text=at, calls=calls), KeptThoughts(data=seal, text=at, calls=calls)):
        assert read_token(write_token(kept)) == kept


def test_the_token_of_thoughts_at_the_beginning_is_their_signature() -> None:
    assert write_token(KeptThoughts("EqoBCkg=")) == "EqoBCkg="
    assert turns(Assistant("a", reasoning=(Reasoning("Hm.", origin="anthropic-messages", token="EqoBCkg="),)))[0][
        "content"
    ] == [thinking("Hm.", "EqoBCkg="), text("a")]


# Tools and form


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        ("auto", None, None),
        ("auto", True, None),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        (UseTool("weather"), None, {"type": "tool", "name": "weather"}),
        (UseTool("weather"), False, {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}),
    ],
)
def test_a_choice_of_tools_is_sent_by_its_name_there(choice: Any, parallel: bool | None, sent: Any) -> None:
    request = ModelRequest([User("a")], tools=[WEATHER], tool_choice=choice, parallel_tool_calls=parallel)

    assert encoded(request).get("tool_choice") == sent


def test_without_tools_nothing_is_said_of_them() -> None:
    body = encoded(ModelRequest([User("a")], tool_choice="required", parallel_tool_calls=False))

    assert not {"tools", "tool_choice"} & set(body)


def test_a_tool_is_strict_only_if_it_says_so_and_has_no_empty_description() -> None:
    tools = [ToolDefinition("a", strict=True), ToolDefinition("b", strict=False)]
    schema = {"type": "object", "properties": {}}

    assert encoded(ModelRequest([User("a")], tools=tools))["tools"] == [
        {"name": "a", "input_schema": schema, "strict": True},
        {"name": "b", "input_schema": schema},
    ]


def test_the_form_of_the_answer_stays_beside_what_else_is_said_of_the_output() -> None:
    request = ModelRequest(
        [User("a")],
        response_format=JsonFormat({"type": "object"}),
        extra_body={"output_config": {"effort": "low"}, "top_k": 5},
    )

    body = encoded(request)

    assert body["output_config"] == {
        "format": {"type": "json_schema", "schema": {"type": "object"}},
        "effort": "low",
    }
    assert body["top_k"] == 5


def test_what_extra_fields_say_goes_over_what_the_request_says() -> None:
    assert encoded(ModelRequest([User("a")], max_tokens=5, extra_body={"max_tokens": 6}), top_k=1) == {
        **encoded(ModelRequest([User("a")], max_tokens=6)),
        "top_k": 1,
    }


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ModelRequest([User("a")], seed=0), "no field for seed=. Leave it out"),
        (ModelRequest([User("a")], response_format=JsonFormat()), r"give response_format=JsonFormat\(schema\)"),
    ],
)
def test_what_would_be_lost_is_refused_with_the_way_out(request_: ModelRequest, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        encode_request(request_)
