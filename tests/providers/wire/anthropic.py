"""Events of the Messages interface."""

import json
from typing import Any

from hypothesis import strategies as st

from actrio.providers import ModelEvent
from actrio.providers.wire._anthropic_answer import AnthropicDecoder


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
