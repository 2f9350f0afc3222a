import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    ConnectionLost,
    Finished,
    ModelEvent,
    ProtocolViolation,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from actrio.providers.local._chosen import ChoiceDecoder

CALL = '{"name": "weather", "arguments": {"city": "Os\\u006co", "days": [1, 2]}}'
OTHER = '{"name":"clock","arguments":{}}'


def chunk(content: str | None, **more: Any) -> bytes:
    body = {"id": "a1", "choices": [{"delta": {"content": content}, **more}]}
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def answer(*pieces: str, reason: str = "stop") -> bytes:
    usage = b'data: {"id":"a1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
    return chunk("") + b"".join(map(chunk, pieces)) + chunk(None, finish_reason=reason) + usage + b"data: [DONE]\n\n"


def decode(*pieces: str, reason: str = "stop") -> list[ModelEvent]:
    events: list[ModelEvent] = []
    decoder = ChoiceDecoder("local")
    decoder.feed(answer(*pieces, reason=reason), events.append)
    return events


def every_two_pieces(text: str) -> list[tuple[str, str]]:
    return [(text[:place], text[place:]) for place in range(1, len(text))]


def test_a_call_is_streamed_as_it_grows_and_never_as_text() -> None:
    assert decode('{"na', 'me": "weather", "argu', 'ments": {"city": "Os', 'lo"}}') == [
        ToolCallStarted("a1-0", "weather"),
        ToolCallDelta("a1-0", '{"city": "Os'),
        ToolCallDelta("a1-0", 'lo"}'),
        ToolCallFinished("a1-0", "weather", '{"city": "Oslo"}'),
        UsageReported(Usage(3, 4)),
        Finished("tool_calls", "a1"),
    ]


@pytest.mark.parametrize("pieces", every_two_pieces(CALL))
def test_a_call_is_the_same_wherever_it_is_cut(pieces: tuple[str, str]) -> None:
    events = decode(*pieces)

    (call,) = [event for event in events if isinstance(event, ToolCallFinished)]
    assert json.loads(call.arguments) == {"city": "Oslo", "days": [1, 2]}
    deltas = [event.arguments for event in events if isinstance(event, ToolCallDelta)]
    assert "".join(deltas) == call.arguments
    assert all(deltas)
    assert events[0] == ToolCallStarted("a1-0", "weather")
    assert events[-1] == Finished("tool_calls", "a1")


@given(st.text(), st.integers(1, 5), st.booleans())
def test_an_answer_in_words_is_streamed_as_text(text: str, size: int, ascii_only: bool) -> None:
    written = json.dumps({"answer": text}, ensure_ascii=ascii_only)

    *deltas, _, end = decode(*(written[start : start + size] for start in range(0, len(written), size)))

    assert "".join(event.text for event in deltas if isinstance(event, TextDelta)) == text
    assert all(isinstance(event, TextDelta) and event.text for event in deltas)
    assert end == Finished("stop", "a1")


def test_an_answer_that_is_to_be_json_is_its_json() -> None:
    events = decode('{"answer": {"city', '": "Oslo"}', "}")

    assert [event.text for event in events if isinstance(event, TextDelta)] == ['{"city', '": "Oslo"}']


def test_calls_in_parallel_have_ids_of_their_own() -> None:
    events = decode(f"[{CALL}, {OTHER}]")

    finished = [event for event in events if isinstance(event, ToolCallFinished)]
    assert [(call.call_id, call.name) for call in finished] == [("a1-0", "weather"), ("a1-1", "clock")]


def test_a_call_that_is_cut_off_is_finished_with_what_came_and_the_answer_says_why_it_ended() -> None:
    assert decode('{"name":"weather","arguments":{"ci', reason="length") == [
        ToolCallStarted("a1-0", "weather"),
        ToolCallDelta("a1-0", '{"ci'),
        ToolCallFinished("a1-0", "weather", '{"ci'),
        UsageReported(Usage(3, 4)),
        Finished("length", "a1"),
    ]


@pytest.mark.parametrize(
    "text", ["Hello.", '{"name":"weather","arguments":{}}}', '{"arguments":{}}', '{"answer":"\\x"}']
)
def test_what_is_no_choice_is_a_violation_after_what_came_before_it(text: str) -> None:
    with pytest.raises(ProtocolViolation, match="expected a choice of a tool or an answer"):
        decode(text)


def test_a_broken_connection_tells_the_text_without_the_json_around_it() -> None:
    events: list[ModelEvent] = []
    decoder = ChoiceDecoder("local")
    decoder.feed(chunk("") + chunk('{"answer": "Hel'), events.append)

    with pytest.raises(ConnectionLost) as caught:
        decoder.end(events.append)

    assert events == [TextDelta("Hel")]
    assert caught.value.received == decoder.received == "Hel"
