"""The Messages interface: streamed bytes to events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    Assistant,
    Finished,
    ModelEvent,
    ModelRequest,
    Reasoning,
    ReasoningDelta,
    ReasoningFinished,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
    User,
)
from actrio.providers.wire._anthropic_messages import encode_request
from tests.providers.wire.anthropic import ANSWER, block, call, decode, delta, end, event, say, start, stop, think


def calls_in(events: list[ModelEvent]) -> list[ToolCallFinished]:
    return [event for event in events if isinstance(event, ToolCallFinished)]


def usage_in(events: list[ModelEvent]) -> Usage:
    [usage] = [event.usage for event in events if isinstance(event, UsageReported)]
    return usage


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
