"""Chat Completions: streamed bytes to events."""

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
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from actrio.providers.wire._chat_completions import ChatCompletionsDecoder, encode_request


def chunk(delta: dict[str, Any] | None = None, reason: str | None = None, **more: object) -> bytes:
    choices = [] if delta is None and reason is None else [{"index": 0, "delta": delta or {}, "finish_reason": reason}]
    return b"data: " + json.dumps({"id": "x", "choices": choices, **more}).encode() + b"\n\n"


def call(index: int, arguments: str, call_id: str | None = None, name: str | None = None) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}]}


def decode(*chunks: bytes) -> list[ModelEvent]:
    decoder = ChatCompletionsDecoder("desk")
    events: list[ModelEvent] = []
    for chunk in chunks:
        decoder.feed(chunk, events.append)
    decoder.end(events.append)
    return events


def feed(decoder: ChatCompletionsDecoder, chunk: bytes) -> list[ModelEvent]:
    events: list[ModelEvent] = []
    decoder.feed(chunk, events.append)
    return events


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
ANSWER = b"".join(
    [
        chunk({"role": "assistant", "content": None}),
        chunk({"content": "Grüße"}),
        b": ping\n\n",
        chunk({"content": ""}),
        chunk(call(0, "", "c1", "search")),
        chunk(call(0, '{"q":')),
        chunk(call(0, '"x"}')),
        chunk(call(1, "{}", "c2", "stop")),
        chunk({}, "tool_calls"),
        chunk(usage=USAGE),
        DONE,
    ]
)
EVENTS = [
    TextDelta("Grüße"),
    ToolCallStarted("c1", "search"),
    ToolCallDelta("c1", '{"q":'),
    ToolCallDelta("c1", '"x"}'),
    ToolCallStarted("c2", "stop"),
    ToolCallDelta("c2", "{}"),
    ToolCallFinished("c1", "search", '{"q":"x"}'),
    ToolCallFinished("c2", "stop", "{}"),
    UsageReported(Usage(5, 7)),
    Finished("tool_calls", "x"),
]


def test_an_answer_cut_at_every_byte_gives_the_same_events() -> None:
    assert decode(ANSWER) == EVENTS
    assert decode(*(bytes([byte]) for byte in ANSWER)) == EVENTS
    for cut in range(len(ANSWER)):
        assert decode(ANSWER[:cut], ANSWER[cut:]) == EVENTS


@given(st.lists(st.text(min_size=1)), st.sampled_from(["stop", "length", "tool_calls", "content_filter"]), st.data())
def test_the_text_comes_out_as_it_went_in(pieces: list[str], reason: str, data: st.DataObject) -> None:
    stream = b"".join([*(chunk({"content": piece}) for piece in pieces), chunk({}, reason), DONE])
    cut = data.draw(st.integers(0, len(stream)))

    *deltas, end = decode(stream[:cut], stream[cut:])

    assert [delta.text for delta in deltas if isinstance(delta, TextDelta)] == pieces
    assert isinstance(end, Finished)
    assert end.reason == reason


def test_the_finish_waits_for_the_usage_that_comes_after_its_reason() -> None:
    decoder = ChatCompletionsDecoder("desk")

    assert feed(decoder, chunk({}, "stop")) == []
    assert feed(decoder, chunk(usage=USAGE)) == []
    assert feed(decoder, DONE) == [UsageReported(Usage(5, 7)), Finished("stop", "x")]
    assert feed(decoder, chunk({"content": "late"})) == []


def finished_calls(*chunks: bytes) -> list[ToolCallFinished]:
    return [event for event in decode(*chunks) if isinstance(event, ToolCallFinished)]


def calls(*parts: dict[str, Any]) -> bytes:
    return chunk({"tool_calls": list(parts)})


A = {"name": "a", "arguments": "{}"}
B = {"name": "b", "arguments": "[]"}


@pytest.mark.parametrize(
    "chunks",
    [
        [call(0, "{}", "c1", "a"), call(0, "[]", "c2", "b")],
        [call(0, "", "c1", "a"), call(1, "", "c2", "b"), call(1, "["), call(0, "{"), call(1, "]"), call(0, "}")],
        [call(0, "", "c1", "a"), call(0, "{}", ""), call(1, "", "c2", "b"), call(1, "[]", "")],
        [call(0, "{", "c1", "a"), call(0, "}", "c1", "a"), call(1, "[", "c2", "b"), call(1, "]", "c2", "b")],
        [{"tool_calls": [{"id": "c1", "function": A}, {"id": "c2", "function": B}]}],
        [
            {"tool_calls": [{"id": "c1", "function": A | {"arguments": {}}}]},
            {"tool_calls": [{"id": "c2", "function": B}]},
        ],
    ],
    ids=["one index", "interleaved", "empty ids", "repeated ids", "whole, no index", "an object"],
)
def test_parallel_calls_come_out_however_a_server_cuts_them(chunks: list[dict[str, Any]]) -> None:
    assert finished_calls(*map(chunk, chunks), chunk({}, "tool_calls"), DONE) == [
        ToolCallFinished("c1", "a", "{}"),
        ToolCallFinished("c2", "b", "[]"),
    ]


def test_calls_without_an_id_get_one_of_their_own() -> None:
    ends = finished_calls(calls({"function": A}, {"function": B}), calls({"index": 0}), chunk({}, "stop"), DONE)

    assert [(end.call_id, end.name) for end in ends] == [("call_0_x", "a"), ("call_1_x", "b")]


@given(st.lists(st.tuples(st.integers(0, 3), st.text(max_size=3)), max_size=20))
def test_the_fragments_of_each_call_come_out_joined(fragments: list[tuple[int, str]]) -> None:
    begins = [chunk(call(index, "", f"c{index}", "f")) for index in range(4)]
    pieces = [chunk(call(index, text)) for index, text in fragments]

    assert finished_calls(*begins, *pieces, chunk({}, "tool_calls"), DONE) == [
        ToolCallFinished(f"c{index}", "f", "".join(text for of, text in fragments if of == index)) for index in range(4)
    ]


def test_a_server_that_says_stop_where_it_calls_a_tool_means_the_call() -> None:
    assert decode(chunk(call(0, "{}", "c1", "a")), chunk({}, "stop"), DONE)[-1] == Finished("tool_calls", "x")


def test_an_end_without_a_reason_is_an_end_for_another_reason() -> None:
    assert decode(chunk({"content": "a"}), DONE) == [TextDelta("a"), Finished("other", "x")]


def test_chunks_without_a_choice_or_a_delta_are_nothing() -> None:
    filtered = b'data: {"choices":[],"created":0,"id":"","prompt_filter_results":[{"prompt_index":0}]}\n\n'
    async_filter = b'data: {"choices":[{"content_filter_offsets":{},"finish_reason":null,"index":0}],"id":""}\n\n'
    nulls = b'data: {"choices":null,"usage":null,"error":null}\n\n'
    ping = b": OPENROUTER PROCESSING\n\n"

    assert decode(filtered, ping, chunk({"content": "a"}), async_filter, nulls, ping, chunk({}, "stop"), DONE) == [
        TextDelta("a"),
        Finished("stop", "x"),
    ]


def test_usage_may_come_with_every_chunk_and_the_last_one_counts() -> None:
    more = {"prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 2}}
    events = decode(
        chunk({"content": "a"}, usage={"prompt_tokens": 5, "completion_tokens": None}),
        chunk({}, "stop", usage=USAGE | more),
        DONE,
    )

    assert events == [TextDelta("a"), UsageReported(Usage(5, 7, 3, 2)), Finished("stop", "x")]
    assert decode(chunk({}, "stop"), chunk(usage=USAGE | {"prompt_cache_hit_tokens": 4}), DONE)[0] == UsageReported(
        Usage(5, 7, 4)
    )


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_what_led_to_a_call_goes_back_to_servers_that_want_it_and_nowhere_else(field: str) -> None:
    thinking = [chunk({field: "let "}), chunk({field: "me see"})]
    events = decode(*thinking, chunk(call(0, "{}", "c1", "a")), chunk({}, "tool_calls"), DONE)
    (thoughts,) = (event.reasoning for event in events if isinstance(event, ReasoningFinished))
    answer = Assistant("", tool_calls=(ToolCall("c1", "a", "{}"),), reasoning=(thoughts, Reasoning("x", origin="y")))

    (there,) = json.loads(encode_request(ModelRequest([answer])))["messages"]
    (openai,) = json.loads(encode_request(ModelRequest([answer]), of_openai=True))["messages"]

    assert events[:2] == [ReasoningDelta("let "), ReasoningDelta("me see")]
    assert there == openai | {field: "let me see"}
    assert not any(isinstance(event, ReasoningFinished) for event in decode(*thinking, chunk({}, "stop"), DONE))


def test_mistrals_parts_are_text_and_thoughts() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}, 1]}, {"type": "text", "text": "yes"}, 2]

    assert decode(chunk({"content": parts}), chunk({}, "stop"), DONE) == [
        ReasoningDelta("hm"),
        TextDelta("yes"),
        Finished("stop", "x"),
    ]


def test_a_refusal_of_the_models_is_told_whole_with_the_text_before_it() -> None:
    events: list[ModelEvent] = []
    pieces = [{"content": "Well"}, {"refusal": "I can't "}, {"refusal": "do that"}]
    answer = b"".join([*map(chunk, pieces), chunk({}, "stop"), DONE])

    with pytest.raises(ContentRefused, match=r"I can't do that") as caught:
        ChatCompletionsDecoder("desk").feed(answer, events.append)
    assert (caught.value.received, caught.value.request_id, events) == ("Well", "x", [TextDelta("Well")])


def test_a_reason_nobody_knows_is_another_reason() -> None:
    assert decode(chunk({}, "bored"), DONE) == [Finished("other", "x")]


def test_a_server_that_says_why_it_ends_need_not_say_done() -> None:
    assert decode(chunk({"content": "a"}), chunk({}, "stop")) == [TextDelta("a"), Finished("stop", "x")]


def test_a_stream_that_ends_without_a_reason_was_lost_with_what_had_come() -> None:
    with pytest.raises(ConnectionLost) as caught:
        decode(chunk({"content": "Hel"}), chunk({"content": "lo"}))

    assert caught.value.received == "Hello"


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"error": {"code": 500, "message": "no memory left"}}, ServerFailed, 500),
        ({"error": {"code": "429", "message": "no memory left"}}, RateLimited, 429),
        ({"error": {"type": "server_error", "message": "no memory left"}, "choices": []}, ServerFailed, 0),
        ({"error": "no memory left"}, RequestRefused, 0),
        ({"object": "error", "message": "no memory left", "code": 400}, BadRequest, 400),
        (
            {"choices": [{"finish_reason": "error", "error": {"message": "no memory left", "code": 502}}]},
            ServerFailed,
            502,
        ),
        ({"choices": [{"finish_reason": "error"}]}, ServerFailed, 0),
    ],
    ids=["code", "text code", "type", "text", "bare", "in a choice", "as a reason"],
)
def test_an_error_in_the_stream_is_a_refusal_after_the_events_before_it(
    error: dict[str, Any], kind: type[RequestRefused], status: int
) -> None:
    events: list[ModelEvent] = []

    with pytest.raises(kind, match=r"no memory left|gave up") as caught:
        ChatCompletionsDecoder("desk").feed(
            chunk({"content": "a"}) + b"data: " + json.dumps(error).encode() + b"\n\n", events.append
        )
    assert events == [TextDelta("a")]
    assert caught.value.status == status
    assert type(caught.value) is kind


def test_no_error_shows_the_secret_and_text_of_the_model_is_left_alone() -> None:
    for said in (b'{"error":{"message":"bad key sk-1","code":"x"}}', b"<p>sk-1</p>"):
        decoder = ChatCompletionsDecoder("desk")
        decoder.secret = "sk-1"
        assert feed(decoder, chunk({"content": "sk-1"})) == [TextDelta("sk-1")]
        with pytest.raises(ProviderError, match=r"\*\*\*") as caught:
            feed(decoder, b"data: " + said + b"\n\n")
        assert "sk-1" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: <html>\n\n",
        b"data: []\n\n",
        b'data: {"choices": 1}\n\n',
        b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        chunk(call(0, "{}")),
        DONE,
        b"data: " + b"x" * 5_000_000,
        b'data: {"choices":[{"delta":{"tool_calls":[{"function":3}]}}]}\n\n',
    ],
    ids=["html", "list", "type", "utf-8", "deep", "nameless call", "nothing", "huge", "a number for a call"],
)
def test_garbage_is_a_protocol_violation_that_shows_it(garbage: bytes) -> None:
    with pytest.raises(ProtocolViolation, match=r"provider 'desk': .* expected .*, got b'"):
        decode(garbage)


@given(st.lists(st.binary() | st.sampled_from([b"data: ", b"\n\n", b'{"choices":[', b"]}", b'{"error":', DONE])))
def test_whatever_comes_no_other_error_goes_out(chunks: list[bytes]) -> None:
    with suppress(ProviderError):
        decode(*chunks)
