"""The Responses interface: streamed bytes to events."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    BadRequest,
    ConnectionLost,
    ContentRefused,
    Finished,
    ModelEvent,
    ProtocolViolation,
    ProviderError,
    RateLimited,
    ReasoningDelta,
    RequestRefused,
    ServerFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    Usage,
    UsageReported,
)
from actrio.providers.wire._responses import ResponsesDecoder
from tests.providers.wire.responses import EVENTS, REASONING, arguments, event, fields, text


def begun(index: int, call_id: str, name: str) -> bytes:
    item = {"id": f"fc_{call_id}", "type": "function_call", "call_id": call_id, "name": name, "arguments": ""}
    return event("response.output_item.added", output_index=index, item=item | {"status": "in_progress"})


def done(index: int, call_id: str, name: str, whole: str) -> bytes:
    item = {"id": f"fc_{call_id}", "type": "function_call", "call_id": call_id, "name": name, "arguments": whole}
    return event("response.output_item.done", output_index=index, item=item | {"status": "completed"})


def end(kind: str = "response.completed", **fields: Any) -> bytes:
    return event(kind, response={"id": "resp_1", "object": "response", "error": None, "usage": None, **fields})


USAGE = {
    "input_tokens": 5,
    "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 12,
}
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
odd_events = st.builds(lambda kind, more: event(kind, **more), st.sampled_from(KINDS), fields)


@given(st.lists(st.binary() | st.sampled_from([b"data: ", b"\n\n", b'{"type":', begun(0, "c", "f")]) | odd_events))
def test_whatever_comes_no_other_error_goes_out(chunks: list[bytes]) -> None:
    with suppress(ProviderError):
        decode(*chunks)


def test_no_error_shows_the_secret_and_text_of_the_model_is_left_alone() -> None:
    for said in (event("error", message="bad key sk-1"), b"data: <p>sk-1</p>\n\n"):
        decoder, events = ResponsesDecoder("desk"), list[ModelEvent]()
        decoder.secret = "sk-1"
        with pytest.raises(ProviderError, match=r"\*\*\*") as caught:
            decoder.feed(text("sk-1") + said, events.append)
        assert events == [TextDelta("sk-1")]
        assert "sk-1" not in f"{caught.value} {vars(caught.value)}"
