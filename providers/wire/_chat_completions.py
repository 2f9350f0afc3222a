"""The Chat Completions wire format, which most model servers speak: requests to bytes, streamed bytes to events.

Pure: it reads nothing and waits for nothing. It does not look at what it does not know: servers add to chunks.
"""

from typing import Any, Final

import msgspec

from actrio.providers._errors import ContentRefused
from actrio.providers._events import (
    Arrived,
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from actrio.providers._messages import Assistant, Image, Message, Part, System, Text, ToolCall, ToolResult, User
from actrio.providers._request import ModelRequest
from actrio.providers._tools import JsonFormat, ToolChoice, ToolDefinition, UseTool
from actrio.providers.wire._decoder import AnswerDecoder
from actrio.providers.wire._refusal import refusal
from actrio.providers.wire._sse import SseSplitter
from actrio.providers.wire._wire import Wire, merge

_FINISH_REASONS: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def encode_request(request: ModelRequest, **more: Any) -> bytes:
    """The body of a streaming request, with the usage in its last chunk; see `Wire.encode`."""
    body: dict[str, Any] = {
        "messages": [_encode_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    optional: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        "stop": request.stop or None,
        "response_format": None if request.response_format is None else _encode_format(request.response_format),
    }
    if request.tools:
        optional |= {
            "tools": [_encode_tool(tool) for tool in request.tools],
            "tool_choice": None if request.tool_choice == "auto" else _encode_choice(request.tool_choice),
            "parallel_tool_calls": request.parallel_tool_calls,
        }
    return msgspec.json.encode(merge(body, optional, more, request))


def _encode_message(message: Message) -> dict[str, Any]:
    match message:
        case System(text):
            return {"role": "system", "content": text}
        case User(str(text)):
            return {"role": "user", "content": text}
        case User(parts):
            return {"role": "user", "content": [_encode_part(part) for part in parts]}
        case ToolResult(call_id, text):
            return {"role": "tool", "tool_call_id": call_id, "content": text}
        case Assistant(text, tool_calls=()):
            return {"role": "assistant", "content": text}
        case Assistant(text, tool_calls=calls):
            return {"role": "assistant", "content": text or None, "tool_calls": [_encode_call(call) for call in calls]}


def _encode_part(part: Part | str) -> dict[str, Any]:
    match part:
        case Image(detail=detail):
            address = {"url": part.url} if detail is None else {"url": part.url, "detail": detail}
            return {"type": "image_url", "image_url": address}
        case Text(text) | text:
            return {"type": "text", "text": text}


def _encode_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _encode_tool(tool: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _encode_choice(choice: ToolChoice) -> Any:
    return {"type": "function", "function": {"name": choice.name}} if isinstance(choice, UseTool) else choice


def _encode_format(wanted: JsonFormat) -> dict[str, Any]:
    if wanted.schema is None:
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": wanted.name, "schema": wanted.schema, "strict": wanted.strict},
    }


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _CallDelta(msgspec.Struct, gc=False):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    tool_calls: list[_CallDelta] | None = None
    # DeepSeek's name for what a model thinks, which vLLM and llama.cpp took over, and OpenRouter's.
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _Chunk(msgspec.Struct, gc=False):
    id: str | None = None
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


_chunk_decoder: Final = msgspec.json.Decoder(_Chunk)


class _OpenCall(msgspec.Struct):
    id: str
    name: str
    fragments: list[str]


class ChatCompletionsDecoder(AnswerDecoder):
    """Turns the bytes of one streamed answer into events; see `AnswerDecoder`.

    A server that gave a reason for the end but no `[DONE]` is forgiven.
    """

    def __init__(self, provider: str) -> None:
        super().__init__(provider, SseSplitter())
        self._calls: dict[int, _OpenCall] = {}  # by index, those that are not finished
        self._refused: list[str] = []  # the pieces of the model's refusal
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._id: str = ""

    def _take(self, payload: bytes, arrived: Arrived) -> None:
        if payload == b"[DONE]":
            self._finish(payload, arrived)
            return
        try:
            chunk = _chunk_decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._violation("a chat completion chunk in JSON", payload)
        if chunk.error is not None:
            raise refusal(self._provider, chunk.error)
        if chunk.id:
            self._id = chunk.id
        if chunk.usage is not None:
            self._usage = _decode_usage(chunk.usage)
        # One choice is all that is ever asked for.
        if chunk.choices:
            choice = chunk.choices[0]
            if choice.delta is not None:
                self._take_delta(choice.delta, payload, arrived)
            if choice.finish_reason is not None:
                self._reason = _FINISH_REASONS.get(choice.finish_reason, "other")

    def _take_delta(self, delta: _Delta, payload: bytes, arrived: Arrived) -> None:
        if delta.content:
            self._received.append(delta.content)
            arrived(TextDelta(delta.content))
        if thought := delta.reasoning_content or delta.reasoning:
            arrived(ReasoningDelta(thought))
        if delta.refusal:
            self._refused.append(delta.refusal)
        if delta.tool_calls:
            for part in delta.tool_calls:
                self._take_call(part, payload, arrived)

    def _take_call(self, part: _CallDelta, payload: bytes, arrived: Arrived) -> None:
        function = part.function or _Function()
        call = self._calls.get(part.index)
        # Some servers give every call the same index: another id is another call.
        if call is None or (part.id and part.id != call.id):
            if not (part.id and function.name):
                self._violation("a tool call that begins with its id and name", payload)
            if call is not None:
                arrived(self._finish_call(part.index))
            call = self._calls[part.index] = _OpenCall(part.id, function.name, [])
            arrived(ToolCallStarted(call.id, call.name))
        if function.arguments:
            call.fragments.append(function.arguments)
            arrived(ToolCallDelta(call.id, function.arguments))

    def _finish_call(self, index: int) -> ToolCallFinished:
        call = self._calls.pop(index)
        return ToolCallFinished(call.id, call.name, "".join(call.fragments))

    def _finish(self, payload: bytes, arrived: Arrived) -> None:
        if self._refused:
            error = ContentRefused(self._provider, 0, "".join(self._refused), code="refusal", request_id=self._id)
            error.received = self.received
            raise error
        if self._reason is None:
            self._violation("a finish_reason before the end", payload)
        for index in sorted(self._calls):
            arrived(self._finish_call(index))
        if self._usage is not None:
            arrived(UsageReported(self._usage))
        self._finished = True
        arrived(Finished(self._reason, self._id))

    def _end_of_stream(self, arrived: Arrived) -> None:
        if self._reason is None and not self._refused:
            raise self.lost("the server ended the stream before the answer was finished")
        self._finish(b"", arrived)


def _decode_usage(said: _Usage) -> Usage:
    read, written = said.prompt_tokens_details, said.completion_tokens_details
    return Usage(
        said.prompt_tokens,
        said.completion_tokens,
        (read and read.cached_tokens) or 0,
        (written and written.reasoning_tokens) or 0,
    )


CHAT_COMPLETIONS: Final = Wire(
    "chat-completions", "/chat/completions", "text/event-stream", encode_request, ChatCompletionsDecoder
)
