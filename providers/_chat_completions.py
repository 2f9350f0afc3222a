"""The Chat Completions wire format, which most model servers speak: requests to bytes, streamed bytes to events.

Pure: it reads nothing and waits for nothing. It does not look at what it does not know: servers add to chunks.
"""

from collections.abc import Iterator
from typing import Final, NoReturn

import msgspec

from actrio.providers._errors import ConnectionLost, ProtocolViolation, RequestRefused
from actrio.providers._events import (
    Finished,
    FinishReason,
    ModelEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from actrio.providers._messages import Assistant, Message, System, ToolCall, ToolResult, User
from actrio.providers._request import ModelRequest
from actrio.providers._sse import EventTooLong, SseSplitter

_FINISH_REASONS: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def encode_request(request: ModelRequest, **more: object) -> bytes:
    """The body of a streaming request, with the usage in its last chunk. `more` are further fields of the body."""
    body: dict[str, object] = {
        "messages": [_encode_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    optional = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        "stop": request.stop or None,
    }
    body.update((name, value) for name, value in optional.items() if value is not None)
    return msgspec.json.encode(body | more)


def _encode_message(message: Message) -> dict[str, object]:
    match message:
        case System(text):
            return {"role": "system", "content": text}
        case User(text):
            return {"role": "user", "content": text}
        case ToolResult(call_id, text):
            return {"role": "tool", "tool_call_id": call_id, "content": text}
        case Assistant(text, tool_calls=()):
            return {"role": "assistant", "content": text}
        case Assistant(text, tool_calls=calls):
            return {"role": "assistant", "content": text or None, "tool_calls": [_encode_call(call) for call in calls]}


def _encode_call(call: ToolCall) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _CallDelta(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_CallDelta] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Error(msgspec.Struct):
    message: str = ""
    code: int | str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: _Error | str | None = None


_chunk_decoder: Final = msgspec.json.Decoder(_Chunk)


class _OpenCall(msgspec.Struct):
    id: str
    name: str
    fragments: list[str]


class ChatCompletionsDecoder:
    """Turns the bytes of one streamed answer into events, however they are cut into chunks.

    Args:
        provider: Whom errors name.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._splitter = SseSplitter()
        self._received: list[str] = []
        self._calls: dict[int, _OpenCall] = {}  # by index, those that are not finished
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._finished = False

    def feed(self, chunk: bytes) -> Iterator[ModelEvent]:
        """Take the next bytes and give the events they complete; none after `Finished`.

        It works as it is read, so that nothing before an error is lost: read it to its end before the next call.

        Raises:
            ProtocolViolation: the bytes are not a streamed chat completion.
            RequestRefused: the server reports an error in the stream.
        """
        try:
            for payload in self._splitter.feed(chunk):
                if self._finished:
                    return
                yield from self._finish(payload) if payload == b"[DONE]" else self._take(payload)
        except EventTooLong as error:
            self._violation(f"events of at most {error.limit} bytes", chunk)

    def end(self) -> Iterator[ModelEvent]:
        """Say that no more bytes come. A server that gave a reason for the end but no `[DONE]` is forgiven.

        Raises:
            ConnectionLost: the answer had not ended.
        """
        if self._finished:
            return
        if self._reason is None:
            raise self.lost("the server ended the stream before the answer was finished")
        yield from self._finish(b"")

    def lost(self, reason: str) -> ConnectionLost:
        """The error for a connection that broke here, with the text that had come."""
        return ConnectionLost(self._provider, reason, "".join(self._received))

    def _take(self, payload: bytes) -> Iterator[ModelEvent]:
        try:
            chunk = _chunk_decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._violation("a chat completion chunk in JSON", payload)
        if chunk.error is not None:
            raise _refusal(self._provider, chunk.error)
        if chunk.usage is not None:
            self._usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        # One choice is all that is ever asked for.
        for choice in chunk.choices[:1]:
            if choice.delta is not None:
                yield from self._take_delta(choice.delta, payload)
            if choice.finish_reason is not None:
                self._reason = _FINISH_REASONS.get(choice.finish_reason, "other")

    def _take_delta(self, delta: _Delta, payload: bytes) -> Iterator[ModelEvent]:
        if delta.content:
            self._received.append(delta.content)
            yield TextDelta(delta.content)
        for part in delta.tool_calls or ():
            yield from self._take_call(part, payload)

    def _take_call(self, part: _CallDelta, payload: bytes) -> Iterator[ModelEvent]:
        function = part.function or _Function()
        call = self._calls.get(part.index)
        # Some servers give every call the same index: another id is another call.
        if call is None or (part.id and part.id != call.id):
            if not (part.id and function.name):
                self._violation("a tool call that begins with its id and name", payload)
            if call is not None:
                yield self._finish_call(part.index)
            call = self._calls[part.index] = _OpenCall(part.id, function.name, [])
            yield ToolCallStarted(call.id, call.name)
        if function.arguments:
            call.fragments.append(function.arguments)
            yield ToolCallDelta(call.id, function.arguments)

    def _finish_call(self, index: int) -> ToolCallFinished:
        call = self._calls.pop(index)
        return ToolCallFinished(call.id, call.name, "".join(call.fragments))

    def _finish(self, payload: bytes) -> Iterator[ModelEvent]:
        if self._reason is None:
            self._violation("a finish_reason before the end", payload)
        for index in sorted(self._calls):
            yield self._finish_call(index)
        if self._usage is not None:
            yield UsageReported(self._usage)
        self._finished = True
        yield Finished(self._reason)

    def _violation(self, expected: str, got: bytes) -> NoReturn:
        raise ProtocolViolation(self._provider, expected, got) from None


def decode_refusal(provider: str, status: int, body: bytes) -> RequestRefused:
    """The error for an answer with an HTTP error status, with the words of its body if it has any."""
    try:
        error = msgspec.json.decode(body, type=_Chunk).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        error = None
    words = body.decode(errors="replace").strip() if error is None else _refusal(provider, error).words
    return RequestRefused(provider, status, words)


def _refusal(provider: str, error: _Error | str) -> RequestRefused:
    if isinstance(error, str):
        return RequestRefused(provider, 0, error)
    return RequestRefused(provider, error.code if isinstance(error.code, int) else 0, error.message)
