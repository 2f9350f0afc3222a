"""A request as lines of text that can be read and compared: its settings, its tools and its messages, a line each.

Equal requests have equal lines, and a request that differs in one message differs in one line.
"""

from difflib import SequenceMatcher
from hashlib import sha256
from typing import Any, Final

from actrio.providers._messages import Assistant, Image, Message, Part, System, Text, ToolCall, ToolResult, User
from actrio.providers._request import ModelRequest
from actrio.providers._tools import JsonFormat, ToolDefinition, UseTool
from actrio.providers.recording._scrub import Scrubber, common_start
from actrio.providers.wire._halves import encode_json

# How much of a difference is shown: lines, and characters of each, with so many before the first that differs.
_SHOWN_LINES: Final = 12
_SHOWN: Final = 160
_SHOWN_BEFORE: Final = 40


def encode_line(data: Any) -> str:
    """One line of JSON, with sorted keys; what has no form in JSON is its repr."""
    return encode_json(data, order="sorted", enc_hook=repr).decode()


def request_lines(request: ModelRequest, scrubber: Scrubber) -> tuple[str, ...]:
    """The request as lines, without secrets. All is there that a provider sends; images by their hash."""
    described = [
        {"request": _settings(request, scrubber)},
        *map(_describe_tool, request.tools),
        *map(_describe, request.messages),
    ]
    # Not by the names of fields: a schema may have such a property, and the token of a thought is none.
    return tuple(encode_line(scrubber.data(line, by_name=False)) for line in described)


def _settings(request: ModelRequest, scrubber: Scrubber) -> dict[str, Any]:
    choice = request.tool_choice
    settings = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        "stop": request.stop or None,
        "tool_choice": {"name": choice.name} if isinstance(choice, UseTool) else choice if request.tools else None,
        "parallel_tool_calls": request.parallel_tool_calls,
        "response_format": None if request.response_format is None else _describe_format(request.response_format),
        "extra_body": scrubber.data(request.extra_body) or None,
    }
    return {name: value for name, value in settings.items() if value is not None}


def _describe_format(wanted: JsonFormat) -> dict[str, Any]:
    return {"name": wanted.name, "schema": wanted.schema, "strict": wanted.strict}


def _describe_tool(tool: ToolDefinition) -> dict[str, Any]:
    described = {"tool": tool.name, "description": tool.description, "parameters": tool.parameters}
    return described if tool.strict is None else {**described, "strict": tool.strict}


def _describe(message: Message) -> dict[str, Any]:
    match message:
        case System(text):
            return {"system": text}
        case User(str(text)):
            return {"user": text}
        case User(parts):
            return {"user": [_describe_part(part) for part in parts]}
        case ToolResult(call_id, text, failed=failed):
            return {"result": text, "call_id": call_id, **({"failed": True} if failed else {})}
        case Assistant(text):
            calls = {"tool_calls": [_describe_call(call) for call in message.tool_calls]} if message.tool_calls else {}
            thoughts = [
                {"text": thought.text, "origin": thought.origin, "token": thought.token}
                for thought in message.reasoning
            ]
            return {"assistant": text, **calls, **({"reasoning": thoughts} if thoughts else {})}


def _describe_call(call: ToolCall) -> dict[str, str]:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def _describe_part(part: Part | str) -> dict[str, Any]:
    if isinstance(part, Text | str):
        return {"text": part if isinstance(part, str) else part.text}
    source = part.source
    detail = {} if part.detail is None else {"detail": part.detail}
    if isinstance(source, str) and not source.startswith("data:"):
        return {"image": source, **detail}
    return {"image": _describe_image(part), **detail}


def _describe_image(image: Image) -> dict[str, Any]:
    source = image.source.encode() if isinstance(image.source, str) else image.source
    described: dict[str, Any] = {"sha256": sha256(source).hexdigest(), "bytes": len(source)}
    return {**described, "media_type": image.media_type} if image.media_type else described


# Comparing


def likeness(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[float, float]:
    """How much two requests have in common: whole lines first, then characters."""
    by_line = SequenceMatcher(None, one, other, autojunk=False).ratio()
    by_character = SequenceMatcher(None, "\n".join(one)[-4000:], "\n".join(other)[-4000:], autojunk=False)
    return by_line, by_character.quick_ratio()


def difference(recorded: tuple[str, ...], asked: tuple[str, ...]) -> str:
    """In what two requests differ: lines of the recorded one after '-', of the one that is asked after '+'."""
    shown: list[str] = []
    for what, start, end, asked_start, asked_end in SequenceMatcher(
        None, recorded, asked, autojunk=False
    ).get_opcodes():
        if what == "equal":
            continue
        old, new = recorded[start:end], asked[asked_start:asked_end]
        for place in range(max(len(old), len(new))):
            pair = [lines[place] if place < len(lines) else None for lines in (old, new)]
            there = [line for line in pair if line is not None]
            first = common_start(*there) if len(there) == 2 else 0
            shown += [
                f"    {sign} {_excerpt(line, first)}" for sign, line in zip("-+", pair, strict=True) if line is not None
            ]
    more = len(shown) - _SHOWN_LINES
    return "\n".join([*shown[:_SHOWN_LINES], *([f"    … {more} more lines"] if more > 0 else [])])


def _excerpt(line: str, first: int) -> str:
    """The part of a line around the first character that differs."""
    start = max(0, first - _SHOWN_BEFORE) if len(line) > _SHOWN else 0
    end = start + _SHOWN
    return ("…" if start else "") + line[start:end] + ("…" if end < len(line) else "")
