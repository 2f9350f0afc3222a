import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    Assistant,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    Finished,
    Image,
    JsonFormat,
    ModelEvent,
    ModelRequest,
    ProtocolViolation,
    ProviderError,
    RateLimited,
    Reasoning,
    ReasoningDelta,
    ReasoningFinished,
    RequestRefused,
    ServerFailed,
    System,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    Usage,
    UsageReported,
    User,
    UseTool,
)
from actrio.providers.wire._responses import ResponsesDecoder, encode_request


def event(kind: str, **fields: Any) -> bytes:
    said = {"type": kind, "sequence_number": 1, **fields}
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), json.dumps(said).encode())


def text(delta: str, index: int = 0) -> bytes:
    where = {"item_id": "msg_1", "output_index": index, "content_index": 0}
    return event("response.output_text.delta", delta=delta, logprobs=[], **where)


def begun(index: int, call_id: str, name: str) -> bytes:
    item = {"id": f"fc_{call_id}", "type": "function_call", "call_id": call_id, "name": name, "arguments": ""}
    return event("response.output_item.added", output_index=index, item=item | {"status": "in_progress"})


def arguments(index: int, delta: str) -> bytes:
    return event("response.function_call_arguments.delta", output_index=index, item_id="fc", delta=delta)


def done(index: int, call_id: str, name: str, whole: str) -> bytes:
    item = {"id": f"fc_{call_id}", "type": "function_call", "call_id": call_id, "name": name, "arguments": whole}
    return event("response.output_item.done", output_index=index, item=item | {"status": "completed"})


def end(kind: str = "response.completed", **fields: Any) -> bytes:
    return event(kind, response={"id": "resp_1", "object": "response", "error": None, "usage": None, **fields})


REASONING: dict[str, Any] = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}],
    "encrypted_content": "gAAA",
}
USAGE = {
    "input_tokens": 5,
    "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 12,
}
TOKEN = '{"id":"rs_1","encrypted_content":"gAAA","summary":[{"type":"summary_text","text":"One."},'
ANSWER = b"".join(
    [
        event("response.created", response={"id": "resp_1", "tools": [], "status": "in_progress", "usage": None}),
        event("response.in_progress", response={"id": "resp_1"}),
        event("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1", "summary": []}),
        event("response.reasoning_summary_part.added", output_index=0, summary_index=0, part={"text": ""}),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="One."),
        event("response.reasoning_summary_part.added", output_index=0, summary_index=1, part={"text": ""}),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=1, delta="Two."),
        event("response.output_item.done", output_index=0, item=REASONING),
        event("response.output_item.added", output_index=1, item={"type": "message", "id": "msg_1", "content": []}),
        event("response.content_part.added", output_index=1, part={"type": "output_text", "text": ""}),
        text("Grüße", 1),
        b": ping\n\n",
        event("response.output_text.done", output_index=1, text="Grüße"),
        event("response.something.new", delta={"a": 1}, item={"type": "odd", "arguments": {}, "summary": 3}),
        begun(2, "c1", "search"),
        begun(3, "c2", "stop"),
        arguments(2, '{"q":'),
        arguments(3, "{}"),
        arguments(2, '"x"}'),
        event("response.function_call_arguments.done", output_index=2, arguments='{"q":"x"}'),
        done(2, "c1", "search", '{"q":"x"}'),
        done(3, "c2", "stop", "{}"),
        end(usage=USAGE),
    ]
)
EVENTS = [
    ReasoningDelta("One."),
    ReasoningDelta("\n\n"),
    ReasoningDelta("Two."),
    ReasoningFinished(
        Reasoning(
            "One.\n\nTwo.",
            origin="openai-responses",
            token=TOKEN + '{"type":"summary_text","text":"Two."}],"content":null}',
        )
    ),
    TextDelta("Grüße"),
    ToolCallStarted("c1", "search"),
    ToolCallStarted("c2", "stop"),
    ToolCallDelta("c1", '{"q":'),
    ToolCallDelta("c2", "{}"),
    ToolCallDelta("c1", '"x"}'),
    ToolCallFinished("c1", "search", '{"q":"x"}'),
    ToolCallFinished("c2", "stop", "{}"),
    UsageReported(Usage(5, 7, 3, 2)),
    Finished("tool_calls", "resp_1"),
]


def decode(*chunks: bytes) -> list[ModelEvent]:
    decoder = ResponsesDecoder("desk")
    events: list[ModelEvent] = []
    for chunk in chunks:
        decoder.feed(chunk, events.append)
    decoder.end(events.append)
    return events


def test_an_answer_cut_at_every_byte_gives_the_same_events() -> None:
    assert decode(ANSWER) == EVENTS
    assert decode(*(bytes([byte]) for byte in ANSWER)) == EVENTS
    for cut in range(len(ANSWER)):
        assert decode(ANSWER[:cut], ANSWER[cut:]) == EVENTS


@given(st.lists(st.text(min_size=1)), st.data())
def test_the_text_comes_out_as_it_went_in(pieces: list[str], data: st.DataObject) -> None:
    stream = b"".join([*map(text, pieces), end()])
    cut = data.draw(st.integers(0, len(stream)))

    *deltas, last = decode(stream[:cut], stream[cut:])

    assert [delta.text for delta in deltas if isinstance(delta, TextDelta)] == pieces
    assert last == Finished("stop", "resp_1")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("length", {"reason": "max_output_tokens"}),
        ("content_filter", {"reason": "content_filter"}),
        ("other", {"reason": "steered"}),
        ("other", None),
    ],
)
def test_an_answer_that_is_cut_off_says_why(reason: str, said: Any) -> None:
    events = decode(text("a"), end("response.incomplete", incomplete_details=said, usage=USAGE))

    assert events == [TextDelta("a"), UsageReported(Usage(5, 7, 3, 2)), Finished(reason, "resp_1")]  # type: ignore[arg-type] # parametrized


def test_a_call_that_is_cut_off_is_finished_with_what_there_is_of_it() -> None:
    events = decode(begun(0, "c1", "a"), arguments(0, '{"q'), end("response.incomplete"))

    assert events[-2:] == [ToolCallFinished("c1", "a", '{"q'), Finished("other", "resp_1")]


def test_arguments_that_only_come_whole_come_out_too() -> None:
    events = decode(begun(0, "c1", "a"), done(0, "c1", "a", "{}"), end())

    assert events[1:3] == [ToolCallDelta("c1", "{}"), ToolCallFinished("c1", "a", "{}")]


def test_thoughts_that_nobody_wants_back_are_only_told() -> None:
    thought = event("response.reasoning_text.delta", output_index=0, content_index=0, delta="hm")
    item = {"type": "reasoning", "id": "rs_1", "summary": []}

    assert decode(thought, event("response.output_item.done", output_index=0, item=item), end()) == [
        ReasoningDelta("hm"),
        Finished("stop", "resp_1"),
    ]


@pytest.mark.parametrize(
    "refused",
    [
        [event("response.refusal.delta", delta="I can't "), event("response.refusal.delta", delta="do that")],
        [event("response.refusal.done", refusal="I can't do that")],
        [
            event("response.refusal.delta", delta="I can't do that"),
            event("response.refusal.done", refusal="I can't do that"),
        ],
    ],
    ids=["pieces", "whole", "both"],
)
def test_a_refusal_of_the_models_is_told_whole_with_the_text_before_it(refused: list[bytes]) -> None:
    with pytest.raises(ContentRefused) as caught:
        decode(text("Well"), *refused, end())

    assert (caught.value.words, caught.value.received) == ("I can't do that", "Well")
    assert (caught.value.code, caught.value.request_id) == ("refusal", "resp_1")


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (end("response.failed", error={"code": "server_error", "message": "no memory left"}), ServerFailed),
        (end("response.failed", error={"code": "rate_limit_exceeded", "message": "no memory left"}), RateLimited),
        (end("response.failed", error={"code": "invalid_prompt", "message": "no memory left"}), BadRequest),
        (end("response.failed"), ServerFailed),
        (event("error", code="server_error", message="no memory left", param=None), ServerFailed),
        (event("error", error={"type": "server_error", "message": "no memory left"}), ServerFailed),
        (event("error", code=None, message="no memory left"), RequestRefused),
        (event("error"), RequestRefused),
    ],
)
def test_a_failure_in_the_stream_is_a_refusal_after_the_events_before_it(failure: bytes, kind: type) -> None:
    events: list[ModelEvent] = []

    with pytest.raises(RequestRefused, match=r"no memory left|gave no reason") as caught:
        ResponsesDecoder("desk").feed(text("a") + failure, events.append)
    assert events == [TextDelta("a")]
    assert type(caught.value) is kind


def test_a_stream_that_ends_before_its_answer_was_lost_with_what_had_come() -> None:
    with pytest.raises(ConnectionLost) as caught:
        decode(text("Hel"), text("lo"), b"data: [DONE]\n\n")

    assert caught.value.received == "Hello"


def test_an_end_that_other_formats_have_is_nothing() -> None:
    assert decode(text("a"), end(), b"data: [DONE]\n\n") == [TextDelta("a"), Finished("stop", "resp_1")]


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: <html>\n\n",
        b"data: []\n\n",
        b"data: {}\n\n",
        b'data: {"type": 1}\n\n',
        b'data: {"type":"response.output_text.delta","delta":{}}\n\n',
        b'data: {"type":"response.output_text.delta","delta":"\xff"}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        arguments(0, "{}"),
        event("response.output_item.added", item={"type": "function_call", "call_id": "c1"}),
        b"data: " + b"x" * 5_000_000,
    ],
    ids=["html", "list", "no type", "type", "delta", "utf-8", "deep", "no call", "nameless call", "huge"],
)
def test_garbage_is_a_protocol_violation_that_shows_it(garbage: bytes) -> None:
    with pytest.raises(ProtocolViolation, match=r"provider 'desk': .* expected .*, got b'"):
        decode(garbage)


KINDS = [
    "error",
    "response.output_text.delta",
    "response.completed",
    "response.created",
    "response.failed",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.incomplete",
    "response.output_item.added",
    "response.output_item.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_text.delta",
    "response.refusal.delta",
    "response.refusal.done",
]
values = st.recursive(
    st.none() | st.integers(-3, 3) | st.sampled_from(["", "a", "function_call", "reasoning", "server_error"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "call_id", "name", "arguments", "summary", "error", "usage", "code"]), inner
        )
    ),
    max_leaves=6,
)
fields = st.dictionaries(
    st.sampled_from(["delta", "item", "response", "output_index", "arguments", "refusal", "error", "message"]), values
)
odd_events = st.builds(lambda kind, more: event(kind, **more), st.sampled_from(KINDS), fields)


@given(st.lists(st.binary() | st.sampled_from([b"data: ", b"\n\n", b'{"type":', begun(0, "c", "f")]) | odd_events))
def test_whatever_comes_no_other_error_goes_out(chunks: list[bytes]) -> None:
    with suppress(ProviderError):
        decode(*chunks)


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


def test_no_error_shows_the_secret_and_text_of_the_model_is_left_alone() -> None:
    for said in (event("error", message="bad key sk-1"), b"data: <p>sk-1</p>\n\n"):
        decoder, events = ResponsesDecoder("desk"), list[ModelEvent]()
        decoder.secret = "sk-1"
        with pytest.raises(ProviderError, match=r"\*\*\*") as caught:
            decoder.feed(text("sk-1") + said, events.append)
        assert events == [TextDelta("sk-1")]
        assert "sk-1" not in f"{caught.value} {vars(caught.value)}"
