"""Answers as the real servers send them, for what aimock does not do or does otherwise than they.

Each function gives the body of one answer. All say the same, as far as their format can:

- `calls`: two calls at once, the weather in Oslo and in Rome, the pieces of their arguments in turn where that may be;
- `thoughts`: "One, two." is thought, in two pieces, and "Two." said; what has to go back is "sealed";
- `thoughts_and_call`: "One, two." is thought, and then the weather in Oslo called for;
- `costs`: 120 tokens were read, 100 of them from a cache, and 30 written, 20 of them thoughts;
- `cut_off`: "It goes" is said, and the bound on tokens reached.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final


def encode(value: Any) -> bytes:
    """JSON as servers write it."""
    text: str = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def data(value: Any) -> bytes:
    """A server-sent event."""
    return b"data: " + encode(value) + b"\n\n"


def event(value: Mapping[str, Any]) -> bytes:
    """A server-sent event with its type as its name."""
    name: str = value["type"]
    return b"event: " + name.encode() + b"\n" + data(value)


_OSLO: Final = ('{"city":', '"Oslo"}')
_ROME: Final = ('{"city":', '"Rome"}')


def _chat(*deltas: Mapping[str, Any], reason: str, usage: Any = None) -> bytes:
    def chunk(delta: Mapping[str, Any], ending: str | None = None) -> bytes:
        return data({"id": "answer-1", "choices": [{"index": 0, "delta": delta, "finish_reason": ending}]})

    last = b"" if usage is None else data({"id": "answer-1", "choices": [], "usage": usage})
    return b"".join(map(chunk, deltas)) + chunk({}, reason) + last + b"data: [DONE]\n\n"


def _chat_call(index: int, arguments: str, **more: Any) -> dict[str, Any]:
    begin = {"name": "weather"} if more else {}
    return {"tool_calls": [{"index": index, **more, "function": {**begin, "arguments": arguments}}]}


def _chat_calls() -> bytes:
    return _chat(
        _chat_call(0, "", id="call_oslo", type="function"),
        _chat_call(0, _OSLO[0]),
        _chat_call(1, "", id="call_rome", type="function"),
        _chat_call(1, _ROME[0]),
        _chat_call(0, _OSLO[1]),
        _chat_call(1, _ROME[1]),
        reason="tool_calls",
    )


def _chat_costs() -> bytes:
    usage = {
        "prompt_tokens": 120,
        "completion_tokens": 30,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    return _chat({"content": "Two."}, reason="stop", usage=usage)


CHAT: Final[Mapping[str, Callable[[], bytes]]] = {
    "calls": _chat_calls,
    "thoughts": lambda: _chat(
        {"reasoning_content": "One, "}, {"reasoning_content": "two."}, {"content": "Two."}, reason="stop"
    ),
    "thoughts_and_call": lambda: _chat(
        {"reasoning_content": "One, "},
        {"reasoning_content": "two."},
        _chat_call(0, "".join(_OSLO), id="call_oslo", type="function"),
        reason="tool_calls",
    ),
    "costs": _chat_costs,
    "cut_off": lambda: _chat({"content": "It"}, {"content": " goes"}, reason="length"),
}


def _response(*events: Mapping[str, Any], ending: str = "completed", **more: Any) -> bytes:
    begin = {"type": "response.created", "response": {"id": "answer-1", "status": "in_progress"}}
    end = {"type": f"response.{ending}", "response": {"id": "answer-1", "status": ending, **more}}
    return b"".join(map(event, (begin, *events, end)))


def _said(*pieces: str) -> list[dict[str, Any]]:
    return [{"type": "response.output_text.delta", "output_index": 1, "delta": piece} for piece in pieces]


def _call_added(index: int, call_id: str) -> dict[str, Any]:
    item = {"type": "function_call", "id": f"fc_{index}", "call_id": call_id, "name": "weather", "arguments": ""}
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def _call_piece(index: int, arguments: str) -> dict[str, Any]:
    return {"type": "response.function_call_arguments.delta", "output_index": index, "delta": arguments}


def _call_done(index: int, arguments: tuple[str, str]) -> dict[str, Any]:
    whole = "".join(arguments)
    return {"type": "response.function_call_arguments.done", "output_index": index, "arguments": whole}


def _response_calls() -> bytes:
    return _response(
        _call_added(0, "call_oslo"),
        _call_piece(0, _OSLO[0]),
        _call_added(1, "call_rome"),
        _call_piece(1, _ROME[0]),
        _call_piece(0, _OSLO[1]),
        _call_done(0, _OSLO),
        _call_piece(1, _ROME[1]),
        _call_done(1, _ROME),
    )


def _thought() -> list[dict[str, Any]]:
    kept = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"}
    where = {"output_index": 0, "summary_index": 0}
    return [
        {"type": "response.reasoning_summary_text.delta", **where, "delta": "One, "},
        {"type": "response.reasoning_summary_text.delta", **where, "delta": "two."},
        {"type": "response.output_item.done", "output_index": 0, "item": kept},
    ]


def _response_costs() -> bytes:
    usage = {
        "input_tokens": 120,
        "input_tokens_details": {"cached_tokens": 100},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 150,
    }
    return _response(*_said("Two."), usage=usage)


RESPONSES: Final[Mapping[str, Callable[[], bytes]]] = {
    "calls": _response_calls,
    "thoughts": lambda: _response(*_thought(), *_said("Two.")),
    "thoughts_and_call": lambda: _response(*_thought(), _call_added(1, "call_oslo"), _call_done(1, _OSLO)),
    "costs": _response_costs,
    "cut_off": lambda: _response(
        *_said("It", " goes"), ending="incomplete", incomplete_details={"reason": "max_output_tokens"}
    ),
}


def _message(*blocks: tuple[Mapping[str, Any], list[dict[str, Any]]], reason: str, read: Any = None) -> bytes:
    start: dict[str, Any] = {"id": "answer-1", "role": "assistant", "content": [], "usage": read or {"input_tokens": 9}}
    events: list[Mapping[str, Any]] = [{"type": "message_start", "message": start}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 30}})
    return b"".join(map(event, (*events, {"type": "message_stop"})))


def _text_block(*pieces: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]


def _call_block(call_id: str, pieces: tuple[str, str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces)]
    return {"type": "tool_use", "id": call_id, "name": "weather", "input": {}}, deltas


def _thought_block() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    deltas = [
        {"type": "thinking_delta", "thinking": "One, "},
        {"type": "thinking_delta", "thinking": "two."},
        {"type": "signature_delta", "signature": "sealed"},
    ]
    return {"type": "thinking", "thinking": "", "signature": ""}, deltas


MESSAGES: Final[Mapping[str, Callable[[], bytes]]] = {
    "calls": lambda: _message(_call_block("call_oslo", _OSLO), _call_block("call_rome", _ROME), reason="tool_use"),
    "thoughts": lambda: _message(_thought_block(), _text_block("Two."), reason="end_turn"),
    "thoughts_and_call": lambda: _message(_thought_block(), _call_block("call_oslo", _OSLO), reason="tool_use"),
    # What is read from a cache is not among the input tokens there.
    "costs": lambda: _message(
        _text_block("Two."),
        reason="end_turn",
        read={"input_tokens": 15, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 100},
    ),
    "cut_off": lambda: _message(_text_block("It", " goes"), reason="max_tokens"),
}


def _lines(*messages: Mapping[str, Any], reason: str = "stop", **counts: int) -> bytes:
    begun = {"model": "llama3.2:1b", "created_at": "2026-01-01T00:00:00Z"}
    lines: list[Mapping[str, Any]] = [
        {**begun, "message": {"role": "assistant", "content": "", **message}, "done": False} for message in messages
    ]
    lines.append(
        {**begun, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": reason, **counts}
    )
    return b"".join(encode(line) + b"\n" for line in lines)


def _line_of_call(city: str) -> dict[str, Any]:
    return {"tool_calls": [{"function": {"name": "weather", "arguments": {"city": city}}}]}


OLLAMA: Final[Mapping[str, Callable[[], bytes]]] = {
    "calls": lambda: _lines(_line_of_call("Oslo"), _line_of_call("Rome")),
    "thoughts": lambda: _lines({"thinking": "One, "}, {"thinking": "two."}, {"content": "Two."}),
    "thoughts_and_call": lambda: _lines({"thinking": "One, "}, {"thinking": "two."}, _line_of_call("Oslo")),
    "costs": lambda: _lines({"content": "Two."}, prompt_eval_count=120, eval_count=30),
    "cut_off": lambda: _lines({"content": "It"}, {"content": " goes"}, reason="length"),
}
