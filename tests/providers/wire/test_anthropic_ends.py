"""The Messages interface: refusals, errors, streams that are cut, and garbage."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    AuthenticationFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    Finished,
    ModelEvent,
    NotFound,
    Overloaded,
    ProtocolViolation,
    ProviderError,
    RateLimited,
    ReasoningDelta,
    RequestRefused,
    ServerFailed,
    TextDelta,
    Usage,
    UsageReported,
)
from actrio.providers.wire._anthropic_answer import AnthropicDecoder
from tests.providers.wire.anthropic import ANSWER, block, decode, delta, end, event, fields, say, start, stop


def feed(decoder: AnthropicDecoder, chunk: bytes) -> list[ModelEvent]:
    events: list[ModelEvent] = []
    decoder.feed(chunk, events.append)
    return events


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

    for one in events:
        assert msgspec.convert(msgspec.to_builtins(one), type(one)) == one
        assert not isinstance(one, TextDelta | ReasoningDelta) or one.text
    assert [one for one in events[:-1] if isinstance(one, Finished)] == []


@given(st.lists(st.binary() | st.sampled_from([ANSWER, b"data: ", b"\n\n", b'{"type":"', b'"}', start(), stop(0)])))
def test_whatever_bytes_come_no_other_error_goes_out(chunks: list[bytes]) -> None:
    with suppress(ProviderError):
        decode(*chunks)
