"""Anthropic's wire format: requests to bytes. The way back is in `_anthropic_answer`.

See https://platform.claude.com/docs/en/api/messages. Pure: it reads nothing and waits for nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from actrio.providers._messages import (
    Assistant,
    Image,
    Message,
    Part,
    Reasoning,
    System,
    Text,
    ToolCall,
    ToolResult,
    User,
)
from actrio.providers._request import ModelRequest
from actrio.providers._tools import JsonFormat, ToolChoice, ToolDefinition, UseTool
from actrio.providers.wire._anthropic_answer import ORIGIN, AnthropicDecoder, KeptThoughts, read_token
from actrio.providers.wire._arguments import arguments_object
from actrio.providers.wire._halves import encode_json
from actrio.providers.wire._image_data import image_data
from actrio.providers.wire._wire import Wire, merge

# The format demands a bound. All models that Anthropic still serves can write at least twice as much.
DEFAULT_MAX_TOKENS: Final = 16_384

_Blocks = list[dict[str, Any]]


def encode_request(request: ModelRequest, *, max_tokens: int = DEFAULT_MAX_TOKENS, **more: Any) -> bytes:
    """The body of a streaming request; see `Wire.encode`.

    - All instructions go into the field `system`, wherever in the conversation they stand.
    - Messages of the same side in a row become one, as results of calls made in parallel have to. Texts of nothing but
      space, and messages of nothing but them, are left out: Anthropic refuses the whole request for one of them.
    - What the model thought goes back to it unchanged, and where it was. Thoughts that led to nothing, as an
      interrupted answer may have, are left out: they would be refused.
    - `parallel_tool_calls=False` is `disable_parallel_tool_use`. `JsonFormat.strict` makes no difference: the answer
      always keeps to the schema. An image's `detail` has no place.
    - Of `output_config` in `extra_body`, what it does not say stays as it is said here.

    Args:
        request: What is asked.
        max_tokens: For requests that do not say it.
        **more: Further fields of the body.

    Raises:
        ValueError: the request has a `seed`, or wants JSON without a schema, for which this format has no field: it
            would be lost in silence.
    """
    _check(request)
    body: dict[str, Any] = {
        "messages": _encode_messages(request.messages),
        "max_tokens": request.max_tokens or max_tokens,
        "stream": True,
    }
    optional: dict[str, Any] = {
        "model": request.model,
        "system": "\n\n".join(_instructions(request.messages)) or None,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop_sequences": request.stop or None,
    }
    if request.tools:
        optional |= {
            "tools": [_encode_tool(tool) for tool in request.tools],
            "tool_choice": _encode_choice(request.tool_choice, request.parallel_tool_calls),
        }
    body = merge(body, optional, more, request)
    if request.response_format is not None:
        told = body.get("output_config")
        body["output_config"] = {
            "format": {"type": "json_schema", "schema": request.response_format.schema},
            **(told if isinstance(told, Mapping) else {}),
        }
    return encode_json(body)


def _check(request: ModelRequest) -> None:
    if request.seed is not None:
        raise ValueError("Anthropic's Messages interface has no field for seed=. Leave it out")
    if isinstance(request.response_format, JsonFormat) and request.response_format.schema is None:
        raise ValueError(
            "Anthropic's Messages interface has no JSON without a schema: give response_format=JsonFormat(schema), or "
            "leave it out and ask for JSON in words"
        )


def _instructions(messages: tuple[Message, ...]) -> Iterator[str]:
    return (message.text for message in messages if isinstance(message, System) and message.text.strip())


def _encode_messages(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, System):
            continue
        role = "assistant" if isinstance(message, Assistant) else "user"
        blocks = _encode_message(message)
        if blocks and turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    for turn in turns:
        if turn["role"] == "user":
            turn["content"].sort(key=_is_no_result)
    if turns and turns[-1]["role"] == "assistant" and "text" in (last := turns[-1]["content"][-1]):
        # An answer that is to be gone on with must not end in space.
        last["text"] = last["text"].rstrip()
    return turns


def _is_no_result(block: dict[str, Any]) -> bool:
    # Results have to come before anything else that is said with them.
    return bool(block["type"] != "tool_result")


# By `isinstance`: `match` looks every attribute up by name, and with a long history that is most of a request's cost.
def _encode_message(message: User | Assistant | ToolResult) -> _Blocks:
    if isinstance(message, User):
        content = message.content
        if isinstance(content, str):
            return _encode_text(content)
        return [block for part in content for block in _encode_part(part)]
    return [_encode_result(message)] if isinstance(message, ToolResult) else _encode_answer(message)


def _encode_text(text: str) -> _Blocks:
    return [{"type": "text", "text": text}] if text.strip() else []


def _encode_part(part: Part | str) -> _Blocks:
    match part:
        case Image():
            data = image_data(part)
            if data is None:
                source = {"type": "url", "url": part.url}
            else:
                source = {"type": "base64", "media_type": data.media_type, "data": data.base64}
            return [{"type": "image", "source": source}]
        case Text(text) | text:
            return _encode_text(text)


def _encode_result(result: ToolResult) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": result.call_id}
    if result.text.strip():
        block["content"] = result.text
    elif result.failed:
        block["content"] = "failed"  # an error without words is refused
    if result.failed:
        block["is_error"] = True
    return block


def _encode_answer(answer: Assistant) -> _Blocks:
    blocks: _Blocks = []
    text_at = calls_at = 0
    for thoughts in filter(_wanted_back, answer.reasoning):
        kept = read_token(thoughts.token)
        blocks += _encode_text(answer.text[text_at : kept.text])
        blocks += map(_encode_call, answer.tool_calls[calls_at : kept.calls])
        blocks.append(_encode_thoughts(thoughts, kept))
        text_at, calls_at = max(text_at, kept.text), max(calls_at, kept.calls)
    blocks += _encode_text(answer.text[text_at:])
    blocks += map(_encode_call, answer.tool_calls[calls_at:])
    while blocks and blocks[-1]["type"].endswith("thinking"):
        blocks.pop()
    return blocks


def _wanted_back(thoughts: Reasoning) -> bool:
    return thoughts.origin == ORIGIN and bool(thoughts.token)


def _encode_thoughts(thoughts: Reasoning, kept: KeptThoughts) -> dict[str, Any]:
    if kept.data:
        return {"type": "redacted_thinking", "data": kept.data}
    return {"type": "thinking", "thinking": thoughts.text, "signature": kept.signature}


def _encode_call(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_object(call.arguments)}


def _encode_tool(tool: ToolDefinition) -> dict[str, Any]:
    encoded: dict[str, Any] = {"name": tool.name, "input_schema": tool.parameters}
    if tool.description:
        encoded["description"] = tool.description
    if tool.strict:
        encoded["strict"] = True
    return encoded


def _encode_choice(choice: ToolChoice, parallel: bool | None) -> dict[str, Any] | None:
    one_at_a_time = {"disable_parallel_tool_use": True} if parallel is False else {}
    match choice:
        case UseTool(name):
            return {"type": "tool", "name": name, **one_at_a_time}
        case "required":
            return {"type": "any", **one_at_a_time}
        case "none":
            return {"type": "none"}
        case "auto":
            return {"type": "auto", **one_at_a_time} if one_at_a_time else None


ANTHROPIC_MESSAGES: Final = Wire(ORIGIN, "/v1/messages", "text/event-stream", encode_request, AnthropicDecoder)
