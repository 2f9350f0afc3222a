"""The Chat Completions wire format, which most model servers speak: requests to bytes, streamed bytes to events.

Pure: it reads nothing and waits for nothing. It does not look at what it does not know: servers add to chunks.
"""

from contextlib import suppress
from typing import Any, Final

import msgspec

from actrio.providers._events import (
    Arrived,
    Finished,
    FinishReason,
    ReasoningDelta,
    ReasoningFinished,
    TextDelta,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from actrio.providers._messages import (
    Assistant,
    Image,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    User,
)
from actrio.providers._request import ModelRequest
from actrio.providers._tools import JsonFormat, ToolChoice, ToolDefinition, UseTool
from actrio.providers.wire._decoder import UNREADABLE, AnswerDecoder
from actrio.providers.wire._halves import encode_json, without_halves
from actrio.providers.wire._open_call import OpenCall
from actrio.providers.wire._sse import SseSplitter
from actrio.providers.wire._usage import InputDetails, OutputDetails, usage_of
from actrio.providers.wire._wire import Wire, merge

# Its name, also as the origin of what a model thought.
ORIGIN: Final = "chat-completions"

# Where servers put what a model thinks: DeepSeek, and vLLM and llama.cpp after it, and OpenRouter.
_THOUGHTS_FIELDS: Final = ("reasoning_content", "reasoning")

_FINISH_REASONS: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def encode_request(request: ModelRequest, *, of_openai: bool = False, **more: Any) -> bytes:
    """The body of a streaming request, with the usage in its last chunk; see `Wire.encode`.

    Args:
        request: What is asked.
        of_openai: The server is OpenAI's own. Its newer models know `max_tokens` only as `max_completion_tokens`, which
            others do not know; and it takes no field for what a model thought, which others want back.
        **more: Further fields of the body.
    """
    body: dict[str, Any] = {
        "messages": [_encode_message(message, thoughts=not of_openai) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    optional: dict[str, Any] = {
        "model": request.model,
        "max_completion_tokens" if of_openai else "max_tokens": request.max_tokens,
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
    return encode_json(merge(body, optional, more, request))


# By `isinstance`: `match` looks every attribute up by name, and with a long history that is most of a request's cost.
def _encode_message(message: Message, *, thoughts: bool) -> dict[str, Any]:
    if isinstance(message, User):
        content = message.content
        return {"role": "user", "content": content if isinstance(content, str) else [_encode_part(p) for p in content]}
    if isinstance(message, Assistant):
        return _encode_answer(message, thoughts=thoughts)
    if isinstance(message, ToolResult):
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    return {"role": "system", "content": message.text}


def _encode_answer(message: Assistant, *, thoughts: bool) -> dict[str, Any]:
    if not message.tool_calls:
        return {"role": "assistant", "content": message.text}
    fields = {part.token: part.text for part in message.reasoning if thoughts and _wanted_back(part)}
    calls = [_encode_call(call) for call in message.tool_calls]
    return {"role": "assistant", "content": message.text or None, "tool_calls": calls, **fields}


def _wanted_back(thoughts: Reasoning) -> bool:
    return thoughts.origin == ORIGIN and thoughts.token in _THOUGHTS_FIELDS


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
    # Text, but some servers send the object itself.
    arguments: str | dict[str, Any] | None = None


class _CallDelta(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct, gc=False):
    # Mistral's reasoning models send a list of parts.
    content: str | list[Any] | None = None
    tool_calls: list[_CallDelta] | None = None
    # See _THOUGHTS_FIELDS.
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None
    error: Any = None


_NO_CHOICE: Final = _Choice()


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    # DeepSeek's own name for the tokens from a cache.
    prompt_cache_hit_tokens: int | None = None


class _Chunk(msgspec.Struct, gc=False):
    id: str | None = None
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


class _BareError(msgspec.Struct):
    """vLLM's form of an error in the stream: its fields stand alone."""

    object: str
    message: str | None = None
    type: str | None = None
    code: int | str | None = None


_decode_chunk: Final = msgspec.json.Decoder(_Chunk).decode
_decode_bare_error: Final = msgspec.json.Decoder(_BareError).decode


class ChatCompletionsDecoder(AnswerDecoder):
    """Turns the bytes of one streamed answer into events; see `AnswerDecoder`.

    Servers take liberties with this format, and these are forgiven: no `[DONE]` after the reason for the end, or no
    reason before it, which then is "other"; tool calls sent whole, without index or id, with the id empty or repeated
    in later pieces, or with arguments that are an object; "stop" as the reason where tools are called.

    Of several choices, for which only `extra_body` can ask, the one that begins is the answer.
    """

    def __init__(self, provider: str) -> None:
        super().__init__(provider, SseSplitter())
        self._calls: dict[int, OpenCall] = {}  # by index, those that are not finished
        self._begun = 0  # how many calls there were
        self._thoughts: list[str] = []
        self._thoughts_field = ""  # in which they came
        self._refused: list[str] = []  # the pieces of the model's refusal
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._id: str = ""
        self._answered = False  # a choice came
        self._choice: int | None = -1  # its index then, where that is said

    def _take(self, payload: bytes, arrived: Arrived) -> None:
        try:
            chunk = _decode_chunk(payload)
        except UNREADABLE:
            self._take_mark(payload, arrived)
            return
        choices = chunk.choices
        if not choices or chunk.usage is not None or chunk.error is not None:
            self._take_rest(chunk, payload)
        if not choices:
            return
        choice = choices[0]
        if choice.index != self._choice:
            choice = self._pick(chunk.id, choices)
        delta = choice.delta
        if delta is not None:
            text = delta.content
            if isinstance(text, list):
                self._take_parts(text, arrived)
            elif text:
                self._received.append(text)
                arrived(TextDelta(text))
            if delta.tool_calls or delta.reasoning_content or delta.reasoning or delta.refusal:
                self._take_delta(delta, payload, arrived)
        if choice.finish_reason:
            self._take_reason(choice)

    def _pick(self, answer_id: str | None, choices: list[_Choice]) -> _Choice:
        """The choice that is the answer; one with nothing in it if it is not among these."""
        if not self._answered:
            self._answered, self._id, self._choice = True, answer_id or "", choices[0].index
            return choices[0]
        return next((one for one in choices if one.index is None or one.index == self._choice), _NO_CHOICE)

    def _take_mark(self, payload: bytes, arrived: Arrived) -> None:
        said = payload.strip()
        if said == b"[DONE]":
            self._finish(payload, arrived)
        elif (mended := without_halves(payload)) is not None:
            self._take(mended, arrived)
        elif said:
            self._violation("a chat completion chunk in JSON", payload)

    def _take_rest(self, chunk: _Chunk, payload: bytes) -> None:
        if chunk.error is not None:
            raise self._refusal(chunk.error)
        if chunk.usage is not None:
            self._usage = _decode_usage(chunk.usage)
        elif not chunk.choices and b'"error"' in payload:
            with suppress(msgspec.DecodeError):
                bare = _decode_bare_error(payload)
                if bare.object == "error":
                    raise self._refusal({"message": bare.message or "", "type": bare.type, "code": bare.code})

    def _take_parts(self, parts: list[Any], arrived: Arrived) -> None:
        for part in parts:
            match part:
                case {"type": "text", "text": str(text)} if text:
                    self._received.append(text)
                    arrived(TextDelta(text))
                case {"type": "thinking", "thinking": [*thoughts]}:
                    for thought in thoughts:
                        match thought:
                            case {"text": str(text)} if text:
                                arrived(ReasoningDelta(text))
                            case _:
                                pass
                case _:
                    pass

    def _take_delta(self, delta: _Delta, payload: bytes, arrived: Arrived) -> None:
        if thought := delta.reasoning_content or delta.reasoning:
            self._thoughts.append(thought)
            self._thoughts_field = "reasoning_content" if delta.reasoning_content else "reasoning"
            arrived(ReasoningDelta(thought))
        if delta.refusal:
            self._refused.append(delta.refusal)
        for part in delta.tool_calls or ():
            self._take_call(part, payload, arrived)

    def _take_call(self, part: _CallDelta, payload: bytes, arrived: Arrived) -> None:
        function = part.function or _Function()
        index = part.index or 0
        call = self._calls.get(index)
        if call is None or _is_another(part, call):
            if not function.name:
                self._violation("a tool call that begins with its name", payload)
            if call is not None:
                arrived(call.finished())
            call = self._calls[index] = OpenCall(part.id or self._make_id(), function.name)
            self._begun += 1
            arrived(ToolCallStarted(call.id, call.name))
        arguments = function.arguments
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        call.grow(arguments or "", arrived)

    def _make_id(self) -> str:
        """An id for a call whose server gives none: another one for each call of a conversation."""
        return f"call_{self._begun}_{self._id}".rstrip("_")

    def _take_reason(self, choice: _Choice) -> None:
        if choice.finish_reason == "error":
            raise self._refusal(choice.error or {"type": "server_error", "message": "it gave up in the middle"})
        self._reason = _FINISH_REASONS.get(choice.finish_reason or "", "other")

    def _finish(self, payload: bytes, arrived: Arrived) -> None:
        if self._refused:
            raise self._content_refused("".join(self._refused), self._id)
        if not self._answered:
            self._violation("an answer before the end", payload)
        reason = self._reason or "other"
        if self._begun:
            reason = "tool_calls" if reason == "stop" else reason
            self._give_thoughts(arrived)
        for index in sorted(self._calls):
            arrived(self._calls.pop(index).finished())
        if self._usage is not None:
            arrived(UsageReported(self._usage))
        self._finished = True
        arrived(Finished(reason, self._id))

    def _give_thoughts(self, arrived: Arrived) -> None:
        # https://api-docs.deepseek.com/guides/thinking_mode: what led to a call has to be sent back with it.
        if self._thoughts:
            thoughts = Reasoning("".join(self._thoughts), origin=ORIGIN, token=self._thoughts_field)
            arrived(ReasoningFinished(thoughts))

    def _end_of_stream(self, arrived: Arrived) -> None:
        if self._reason is None and not self._refused:
            raise self.lost("the server ended the stream before the answer was finished")
        self._finish(b"", arrived)


def _is_another(part: _CallDelta, call: OpenCall) -> bool:
    """Whether this piece begins another call than the one that is open under its index."""
    # Some servers give every call the same index: another id is another call. Some give neither index nor id: then it
    # is the name that only comes at the beginning.
    if part.id:
        return part.id != call.id
    return part.index is None and part.function is not None and bool(part.function.name)


def _decode_usage(said: _Usage) -> Usage:
    usage = usage_of(
        said.prompt_tokens, said.completion_tokens, said.prompt_tokens_details, said.completion_tokens_details
    )
    if said.prompt_cache_hit_tokens and not usage.cached_tokens:
        return msgspec.structs.replace(usage, cached_tokens=said.prompt_cache_hit_tokens)
    return usage


CHAT_COMPLETIONS: Final = Wire(ORIGIN, "/chat/completions", "text/event-stream", encode_request, ChatCompletionsDecoder)
