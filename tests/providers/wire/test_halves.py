"""Halves of surrogate pairs, in what is sent and in what comes: neither a request nor an answer is lost for them."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import (
    Assistant,
    Finished,
    ModelEvent,
    ModelRequest,
    ProtocolViolation,
    System,
    TextDelta,
    ToolCall,
    ToolDefinition,
    ToolResult,
    User,
)
from actrio.providers.recording._request_lines import request_lines
from actrio.providers.recording._scrub import Scrubber
from actrio.providers.wire import ANTHROPIC_MESSAGES, CHAT_COMPLETIONS, OLLAMA_CHAT, RESPONSES, Wire
from actrio.providers.wire._halves import encode_json, whole_text, without_halves


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def chat(*texts: str) -> bytes:
    return sse(
        *({"choices": [{"delta": {"content": text}}]} for text in texts),
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    )


def responses(*texts: str) -> bytes:
    return sse(
        *({"type": "response.output_text.delta", "delta": text} for text in texts),
        {"type": "response.completed", "response": {}},
    )


def anthropic(*texts: str) -> bytes:
    return sse(
        {"type": "message_start", "message": {}},
        *({"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}} for text in texts),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    )


def ollama(*texts: str) -> bytes:
    lines = [*({"message": {"content": text}} for text in texts), {"done": True, "done_reason": "stop"}]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


WIRES = pytest.mark.parametrize(
    ("wire", "answer"),
    [(CHAT_COMPLETIONS, chat), (RESPONSES, responses), (ANTHROPIC_MESSAGES, anthropic), (OLLAMA_CHAT, ollama)],
    ids=lambda one: one.name if isinstance(one, Wire) else "",
)


@WIRES
def test_half_a_pair_is_a_replacement_character_and_the_answer_goes_on(
    wire: Wire, answer: Callable[..., bytes]
) -> None:
    events: list[ModelEvent] = []
    decoder = wire.decoder("desk")
    decoder.feed(answer("a\ud83d", "\ude00b", r"\ud83d 😀"), events.append)
    decoder.end(events.append)
    assert events[:3] == [TextDelta("a\ufffd"), TextDelta("\ufffdb"), TextDelta(r"\ud83d 😀")]
    assert isinstance(events[-1], Finished)


@WIRES
def test_what_is_no_json_apart_from_that_is_a_violation(wire: Wire, answer: Callable[..., bytes]) -> None:
    broken = answer("a\ud83d").replace(b'"}', b'"', 1)
    with pytest.raises(ProtocolViolation):
        wire.decoder("desk").feed(broken, list[ModelEvent]().append)


@given(st.text(st.characters(codec=None) | st.sampled_from('\\"u\ud83d\ude00d😀')))
def test_a_text_with_halves_is_as_python_reads_it_with_each_half_replaced(text: str) -> None:
    written = json.dumps(text).encode()
    whole = json.loads(written)  # which makes pairs of halves that are side by side
    expected = "".join("\ufffd" if "\ud800" <= one < "\ue000" else one for one in whole)
    mended = without_halves(written)
    assert (mended is None) == (expected == whole)
    assert msgspec.json.decode(mended or written) == expected


HALF = "a\ud83d"
CUT = ModelRequest(
    [
        System(HALF),
        User(HALF),
        Assistant(HALF, tool_calls=(ToolCall("c1", "look", f'{{"at": "{HALF}"}}'), ToolCall("c2", "look", HALF))),
        ToolResult("c1", "caf\udce9"),
        ToolResult("c2", HALF),
        User([HALF]),
    ],
    tools=[ToolDefinition("look", HALF, {"type": "object", "properties": {HALF: {"type": "string"}}})],
)


@WIRES
def test_a_request_with_halves_is_sent_with_replacement_characters(wire: Wire, answer: Callable[..., bytes]) -> None:
    body = wire.encode(CUT, model="m").decode()
    assert "a\ufffd" in body
    assert "caf\ufffd" in body
    assert isinstance(json.loads(body), dict)


def test_a_request_with_halves_can_be_recorded() -> None:
    assert any("caf\ufffd" in line for line in request_lines(CUT, Scrubber()))


@given(
    st.recursive(st.text(st.characters(codec=None)), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_data_with_halves_is_encoded_as_the_same_data_without(value: Any) -> None:
    written = encode_json(value)
    read = json.loads(json.dumps(value))  # which makes pairs of halves that are side by side
    assert written == encode_json(read)
    assert "\ud83d" not in written.decode()


def test_a_text_without_halves_is_the_same_text() -> None:
    assert whole_text("Grüße 😀\ufffd") == "Grüße 😀\ufffd"
    assert whole_text("\ud83d\ude00 \ude00\ud83d") == "😀 \ufffd\ufffd"
