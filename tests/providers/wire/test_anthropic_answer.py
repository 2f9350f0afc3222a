import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    Assistant,
    AuthenticationFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    Finished,
    ModelEvent,
    ModelRequest,
    NotFound,
    Overloaded,
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
    User,
)
from actrio.providers.wire._anthropic_answer import AnthropicDecoder
from actrio.providers.wire._anthropic_messages import encode_request


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def start(**usage: int) -> bytes:
    return event("message_start", message={"id": "m1", "role": "assistant", "content": [], "usage": usage})


def block(index: int, kind: str, **fields: Any) -> bytes:
    return event("content_block_start", index=index, content_block={"type": kind, **fields})


def delta(index: int, kind: str, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def stop(index: int) -> bytes:
    return event("content_block_stop", index=index)


def end(reason: str | None, details: Any = None, **usage: int) -> bytes:
    ending = {"stop_reason": reason, "stop_sequence": None, "stop_details": details}
    return event("message_delta", delta=ending, usage=usage) + event("message_stop")


def say(index: int, *pieces: str) -> bytes:
    deltas = b"".join(delta(index, "text_delta", text=piece) for piece in pieces)
    return block(index, "text", text="") + deltas + stop(index)


def call(index: int, call_id: str, *pieces: str, **fields: Any) -> bytes:
    deltas = b"".join(delta(index, "input_json_delta", partial_json=piece) for piece in pieces)
    return block(index, "tool_use", **{"id": call_id, "name": "weather", "input": {}, **fields}) + deltas + stop(index)


def think(index: int, *pieces: str, signature: str) -> bytes:
    deltas = b"".join(delta(index, "thinking_delta", thinking=piece) for piece in pieces)
    signed = delta(index, "signature_delta", signature=signature)
    return block(index, "thinking", thinking="", signature="") + deltas + signed + stop(index)


def decode(*chunks: bytes) -> list[ModelEvent]:
    decoder = AnthropicDecoder("desk")
    events: list[ModelEvent] = []
    for chunk in chunks:
        decoder.feed(chunk, events.append)
    decoder.end(events.append)
    return events


def feed(decoder: AnthropicDecoder, chunk: bytes) -> list[ModelEvent]:
    events: list[ModelEvent] = []
    decoder.feed(chunk, events.append)
    return events


def calls_in(events: list[ModelEvent]) -> list[ToolCallFinished]:
    return [event for event in events if isinstance(event, ToolCallFinished)]


def usage_in(events: list[ModelEvent]) -> Usage:
    [usage] = [event.usage for event in events if isinstance(event, UsageReported)]
    return usage


ANSWER = b"".join(
    [
        start(input_tokens=9, cache_creation_input_tokens=5, cache_read_input_tokens=100, output_tokens=1),
        event("ping"),
        think(0, "Ol", "é?", signature="sig"),
        say(1, "Grü", "", "ße"),
        b": keep-alive\n\n",
        call(2, "c1", "", '{"city":', '"Oslo"}'),
        call(3, "c2"),
        end("tool_use", output_tokens=30),
    ]
)
EVENTS = [
    ReasoningDelta("Ol"),
    ReasoningDelta("é?"),
    ReasoningFinished(Reasoning("Olé?", origin="anthropic-messages", token="sig")),
    TextDelta("Grü"),
    TextDelta("ße"),
    ToolCallStarted("c1", "weather"),
    ToolCallDelta("c1", '{"city":'),
    ToolCallDelta("c1", '"Oslo"}'),
    ToolCallFinished("c1", "weather", '{"city":"Oslo"}'),
    ToolCallStarted("c2", "weather"),
    ToolCallDelta("c2", "{}"),
    ToolCallFinished("c2", "weather", "{}"),
    UsageReported(Usage(114, 30, 100)),
    Finished("tool_calls", "m1"),
]


def test_an_answer_cut_at_every_byte_gives_the_same_events() -> None:
    assert decode(ANSWER) == EVENTS
    assert decode(*(bytes([byte]) for byte in ANSWER)) == EVENTS
    for cut in range(len(ANSWER)):
        assert decode(ANSWER[:cut], ANSWER[cut:]) == EVENTS


@given(st.lists(st.text(min_size=1)), st.data())
def test_the_text_comes_out_as_it_went_in(pieces: list[str], data: st.DataObject) -> None:
    stream = start() + say(0, *pieces) + end("end_turn")
    cut = data.draw(st.integers(0, len(stream)))

    *deltas, usage, finished = decode(stream[:cut], stream[cut:])

    assert deltas == [TextDelta(piece) for piece in pieces]
    assert (usage, finished) == (UsageReported(Usage()), Finished("stop", "m1"))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "other"),
        ("bored", "other"),
        (None, "other"),
    ],
)
def test_the_reason_of_the_end_is_told_in_our_words(said: str | None, reason: str) -> None:
    assert decode(start(), say(0, "a"), end(said))[-1] == Finished(reason, "m1")  # type: ignore[arg-type] # one of them


def test_a_call_is_why_the_answer_ended_even_where_the_server_does_not_say_so() -> None:
    assert decode(start(), call(0, "c1"), end("end_turn"))[-1] == Finished("tool_calls", "m1")
    assert decode(start(), call(0, "c1", '{"ci'), end("max_tokens"))[-1] == Finished("length", "m1")


def test_nothing_comes_after_the_end() -> None:
    assert decode(ANSWER, say(4, "late"), ANSWER) == EVENTS


# Usage


def test_tokens_that_a_later_event_does_not_count_stay_as_they_were() -> None:
    events = decode(start(input_tokens=9, cache_read_input_tokens=100), say(0, "a"), end("end_turn", output_tokens=3))

    assert usage_in(events) == Usage(109, 3, 100)


def test_tokens_are_counted_up_and_not_added() -> None:
    read = {"input_tokens": 9, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 100}
    events = decode(start(**read, output_tokens=8), end("end_turn", **read, output_tokens=30))

    assert usage_in(events) == Usage(114, 30, 100)


def test_tokens_of_reasoning_are_told_where_the_server_does() -> None:
    usage = {"output_tokens": 30, "output_tokens_details": {"thinking_tokens": 20}}
    ending = event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage) + event("message_stop")

    assert usage_in(decode(start(input_tokens=9), ending)) == Usage(9, 30, 0, 20)


def test_a_server_that_counts_nothing_reports_no_usage() -> None:
    begin = event("message_start", message={"id": "m1"})
    ending = event("message_delta", delta={"stop_reason": "end_turn"}) + event("message_stop")

    assert decode(begin, say(0, "a"), ending) == [TextDelta("a"), Finished("stop", "m1")]


# Blocks


def test_blocks_whose_pieces_alternate_are_told_apart_by_their_index() -> None:
    events = decode(
        start(),
        block(0, "tool_use", id="c1", name="a", input={}),
        block(1, "tool_use", id="c2", name="b", input={}),
        delta(1, "input_json_delta", partial_json="[2"),
        delta(0, "input_json_delta", partial_json="[1"),
        delta(1, "input_json_delta", partial_json="]"),
        stop(1),
        delta(0, "input_json_delta", partial_json="]"),
        end("tool_use"),
    )

    assert calls_in(events) == [ToolCallFinished("c2", "b", "[2]"), ToolCallFinished("c1", "a", "[1]")]


def test_a_call_and_a_text_that_come_whole_with_their_beginning_are_given_whole() -> None:
    events = decode(
        start(), block(0, "text", text="Now"), stop(0), call(1, "c1", input={"city": "Oslo", "n": 1.0}), end("tool_use")
    )

    assert events[0] == TextDelta("Now")
    assert events[2:4] == [
        ToolCallDelta("c1", '{"city": "Oslo", "n": 1.0}'),
        ToolCallFinished("c1", "weather", '{"city": "Oslo", "n": 1.0}'),
    ]


def test_thoughts_go_back_as_they_came_and_where_they_were() -> None:
    stream = [
        start(),
        block(0, "redacted_thinking", data="sealed"),
        stop(0),
        say(1, "Well, "),
        think(2, signature="silent"),
        call(3, "c1", '{"a":1}'),
        think(4, "Hm.", signature="sig"),
        say(5, "then."),
        call(6, "c2"),
        end("tool_use"),
    ]
    events = decode(*stream)
    answer = Assistant(
        "".join(event.text for event in events if isinstance(event, TextDelta)),
        tool_calls=tuple(ToolCall(call.call_id, call.name, call.arguments) for call in calls_in(events)),
        reasoning=tuple(event.reasoning for event in events if isinstance(event, ReasoningFinished)),
    )

    assert json.loads(encode_request(ModelRequest([User("?"), answer])))["messages"][1]["content"] == [
        {"type": "redacted_thinking", "data": "sealed"},
        {"type": "text", "text": "Well, "},
        {"type": "thinking", "thinking": "", "signature": "silent"},
        {"type": "tool_use", "id": "c1", "name": "weather", "input": {"a": 1}},
        {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
        {"type": "text", "text": "then."},
        {"type": "tool_use", "id": "c2", "name": "weather", "input": {}},
    ]


def test_thoughts_without_a_signature_are_shown_and_not_sent_back() -> None:
    events = decode(start(), think(0, "Hm.", signature=""), say(1, "a"), end("end_turn"))

    assert ReasoningDelta("Hm.") in events
    assert not any(isinstance(event, ReasoningFinished) for event in events)


def test_events_blocks_and_deltas_that_nobody_knows_are_nothing() -> None:
    strange = [
        event("weather_report", index="north", delta="windy", usage=[1]),
        block(0, "server_tool_use", id=7, name=None, input={}),
        delta(0, "input_json_delta", partial_json='{"query":'),
        stop(0),
        block(1, "web_search_tool_result", content=[{"text": "found"}], text=["a"]),
        delta(1, "citations_delta", citation={}),
        stop(1),
        delta(9, "text_colour", text=3),
    ]

    assert decode(start(), *strange, say(2, "a"), end("end_turn")) == [
        TextDelta("a"),
        UsageReported(Usage()),
        Finished("stop", "m1"),
    ]


# Ends that are none


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"type": "refusal", "category": "bio", "explanation": "Not this."}, "Not this."),
        ({"type": "refusal", "category": "bio", "explanation": None}, "the model refused, because of bio"),
        (None, "the model refused"),
    ],
)
def test_a_refusal_is_an_error_with_the_text_that_had_come_and_what_it_cost(details: Any, words: str) -> None:
    events: list[ModelEvent] = []

    with pytest.raises(ContentRefused, match=words) as caught:
        AnthropicDecoder("desk").feed(
            start(input_tokens=9) + say(0, "Well, ") + end("refusal", details, output_tokens=2), events.append
        )
    assert events == [TextDelta("Well, "), UsageReported(Usage(9, 2))]
    assert (caught.value.received, caught.value.words, caught.value.request_id) == ("Well, ", words, "m1")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("overloaded_error", Overloaded),
        ("api_error", ServerFailed),
        ("timeout_error", ServerFailed),
        ("rate_limit_error", RateLimited),
        ("authentication_error", AuthenticationFailed),
        ("permission_error", AuthenticationFailed),
        ("not_found_error", NotFound),
        ("invalid_request_error", BadRequest),
        ("request_too_large", BadRequest),
        ("new_error", RequestRefused),
    ],
)
def test_an_error_in_the_stream_is_the_refusal_that_it_means(kind: str, expected: type[RequestRefused]) -> None:
    events: list[ModelEvent] = []
    error = event("error", error={"type": kind, "message": "No more."}, request_id="req_7")

    with pytest.raises(expected, match=r"No more\.") as caught:
        AnthropicDecoder("desk").feed(start() + say(0, "a") + error, events.append)
    assert events == [TextDelta("a")]
    assert type(caught.value) is expected
    assert (caught.value.code, caught.value.request_id) == (kind, "req_7")


def test_an_error_that_repeats_the_key_does_not_show_it() -> None:
    for said in (event("error", error={"type": "api_error", "message": "sk-secret?"}), b"data: sk-secret\n\n"):
        decoder = AnthropicDecoder("desk")
        decoder.secret = "sk-secret"
        with pytest.raises(ProviderError, match=r"\*\*\*") as caught:
            feed(decoder, said)
        assert "sk-secret" not in f"{caught.value!r}{vars(caught.value)}"


@pytest.mark.parametrize("cut", [start(), start() + say(0, "Hel", "lo"), start() + say(0, "Hel", "lo") + b"data: {"])
def test_a_stream_that_ends_before_its_reason_was_lost_with_what_had_come(cut: bytes) -> None:
    with pytest.raises(ConnectionLost) as caught:
        decode(cut)

    assert caught.value.received == ("Hello" if b"Hel" in cut else "")


def test_a_server_that_says_why_it_ends_need_not_say_that_it_ends() -> None:
    ending = end("end_turn").removesuffix(event("message_stop"))

    assert decode(start(), say(0, "a"), ending)[-1] == Finished("stop", "m1")


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: <html>\n\n",
        b"data: []\n\n",
        b'data: {"index": 1}\n\n',
        b"data: [DONE]\n\n",
        event("content_block_delta", index="one"),
        delta(0, "text_delta", text=7),
        delta(0, "text_delta"),
        start() + block(0, "tool_use", input={}),
        start() + block(0, "tool_use", id="", name="a", input={}),
        start() + block(0, "thinking", thinking=7),
        start() + block(0, "thinking", signature=7),
        event("message_stop"),
        b'data: {"type":"message_start","message":{"id":"\xff"}}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"data: " + b"x" * 5_000_000,
    ],
    ids=[
        "html",
        "list",
        "no type",
        "done",
        "index",
        "text",
        "no text",
        "nameless call",
        "call without id",
        "thought",
        "signature",
        "no answer",
        "utf-8",
        "deep",
        "huge",
    ],
)
def test_garbage_is_a_protocol_violation_that_shows_it(garbage: bytes) -> None:
    with pytest.raises(ProtocolViolation, match=r"provider 'desk': .* expected .*, got b'"):
        decode(garbage)


KINDS = st.sampled_from(
    [
        "content_block_delta",
        "content_block_start",
        "content_block_stop",
        "error",
        "input_json_delta",
        "message_delta",
        "message_start",
        "message_stop",
        "ping",
        "redacted_thinking",
        "signature_delta",
        "text",
        "text_delta",
        "thinking",
        "thinking_delta",
        "tool_use",
    ]
)
MEMBERS = ("index", "delta", "content_block", "message", "usage", "error", "request_id", "id", "name", "input")
INSIDE = ("text", "thinking", "signature", "data", "partial_json", "stop_reason", "stop_details")
COUNTS = ("input_tokens", "cache_read_input_tokens", "output_tokens", "output_tokens_details", "thinking_tokens")
NAMES = st.sampled_from([*MEMBERS, *INSIDE, *COUNTS])


def fields(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda kind, rest: {**rest, "type": kind}, KINDS, st.dictionaries(NAMES, values | KINDS, max_size=5)
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats(allow_nan=False) | st.sampled_from(["", "a", "refusal"]),
    lambda inner: st.lists(inner, max_size=2) | fields(inner),
    max_leaves=6,
)


@given(st.lists(fields(VALUES) | VALUES, max_size=8))
def test_whatever_events_come_no_other_error_goes_out_and_ours_are_sound(payloads: list[Any]) -> None:
    decoder = AnthropicDecoder("desk")
    events: list[ModelEvent] = []
    with suppress(ProviderError):
        for payload in payloads:
            decoder.feed(b"data: " + json.dumps(payload).encode() + b"\n\n", events.append)
        decoder.end(events.append)

    for event in events:
        assert msgspec.convert(msgspec.to_builtins(event), type(event)) == event
        assert not isinstance(event, TextDelta | ReasoningDelta) or event.text
    assert [event for event in events[:-1] if isinstance(event, Finished)] == []


@given(st.lists(st.binary() | st.sampled_from([ANSWER, b"data: ", b"\n\n", b'{"type":"', b'"}', start(), stop(0)])))
def test_whatever_bytes_come_no_other_error_goes_out(chunks: list[bytes]) -> None:
    with suppress(ProviderError):
        decode(*chunks)
