import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    Assistant,
    ConnectionLost,
    Finished,
    ModelEvent,
    ModelRequest,
    ProtocolViolation,
    ProviderError,
    RequestRefused,
    System,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolResult,
    Usage,
    UsageReported,
    User,
)
from actrio.providers.wire import decode_refusal
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


def test_calls_that_all_have_the_same_index_are_told_apart_by_their_ids() -> None:
    events = decode(chunk(call(0, "{}", "c1", "a")), chunk(call(0, "[]", "c2", "b")), chunk({}, "tool_calls"), DONE)

    assert [event for event in events if isinstance(event, ToolCallFinished)] == [
        ToolCallFinished("c1", "a", "{}"),
        ToolCallFinished("c2", "b", "[]"),
    ]


def test_a_reason_nobody_knows_is_another_reason() -> None:
    assert decode(chunk({}, "bored"), DONE) == [Finished("other", "x")]


def test_a_server_that_says_why_it_ends_need_not_say_done() -> None:
    assert decode(chunk({"content": "a"}), chunk({}, "stop")) == [TextDelta("a"), Finished("stop", "x")]


def test_a_stream_that_ends_without_a_reason_was_lost_with_what_had_come() -> None:
    with pytest.raises(ConnectionLost) as caught:
        decode(chunk({"content": "Hel"}), chunk({"content": "lo"}))

    assert caught.value.received == "Hello"


def test_an_error_in_the_stream_is_a_refusal_after_the_events_before_it() -> None:
    error = b'data: {"error":{"code":500,"message":"no memory left"}}\n\n'
    events: list[ModelEvent] = []

    with pytest.raises(RequestRefused, match="no memory left") as caught:
        ChatCompletionsDecoder("desk").feed(chunk({"content": "a"}) + error, events.append)
    assert events == [TextDelta("a")]
    assert caught.value.status == 500


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
    ],
    ids=["html", "list", "type", "utf-8", "deep", "nameless call", "no reason", "huge"],
)
def test_garbage_is_a_protocol_violation_that_shows_it(garbage: bytes) -> None:
    with pytest.raises(ProtocolViolation, match=r"provider 'desk': .* expected .*, got b'"):
        decode(garbage)


@given(st.lists(st.binary() | st.sampled_from([b"data: ", b"\n\n", b'{"choices":[', b"]}", b'{"error":', DONE])))
def test_whatever_comes_no_other_error_goes_out(chunks: list[bytes]) -> None:
    with suppress(ProviderError):
        decode(*chunks)


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


def test_what_a_request_does_not_say_is_not_sent() -> None:
    assert set(json.loads(encode_request(ModelRequest([User("a")])))) == {"messages", "stream", "stream_options"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":{"code":400,"message":"too long","type":"x"}}', "too long"),
        (b'{"error":"busy"}', "busy"),
        (b"<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_a_refusal_has_the_status_and_the_servers_words(body: bytes, words: str) -> None:
    refusal = decode_refusal("desk", 502, body)

    assert (refusal.status, refusal.words) == (502, words)
