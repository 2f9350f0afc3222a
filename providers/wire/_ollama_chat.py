"""Ollama's wire format: requests to bytes, streamed bytes to events.

See https://docs.ollama.com/api/chat. Pure: it reads nothing and waits for nothing.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from actrio.providers._events import (
    Arrived,
    Finished,
    FinishReason,
    ReasoningDelta,
    ReasoningFinished,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
    UsageReported,
)
from actrio.providers._messages import Assistant, Image, Message, Reasoning, Text, ToolCall, ToolResult, User
from actrio.providers._request import ModelRequest
from actrio.providers._tools import JsonFormat, ToolDefinition
from actrio.providers.wire._arguments import arguments_object
from actrio.providers.wire._decoder import UNREADABLE, AnswerDecoder
from actrio.providers.wire._halves import encode_json, without_halves
from actrio.providers.wire._image_data import image_data
from actrio.providers.wire._ndjson import NdjsonSplitter
from actrio.providers.wire._wire import Wire, merge

# Its name, also as the origin of what a model thought.
ORIGIN: Final = "ollama-chat"

_FINISH_REASONS: Final[dict[str, FinishReason]] = {"stop": "stop", "length": "length"}


def encode_request(request: ModelRequest, **more: Any) -> bytes:
    """The body of a streaming request; see `Wire.encode`.

    - Texts of one message are joined by line ends, and its images go beside them. An image's `detail` has no place.
    - Messages without anything in them, as an interrupted answer may be, are left out.
    - `tool_choice="none"` leaves out the tools. `ToolDefinition.strict` and `JsonFormat.strict` make no difference: the
      first has no place, and a schema of the answer is always kept to.
    - Of `options` in `extra_body`, what it does not say stays as it is said here: ``{"options": {"num_ctx": 16384}}``.
      Whether the model is to think is said there too, ``{"think": False}``.

    Raises:
        ValueError: the request wants a tool to be called, or not several at once, which Ollama has no field for; or an
            image has only an address, which Ollama does not fetch.
    """
    _check(request)
    body: dict[str, Any] = {"messages": list(_encode_messages(request.messages)), "stream": True}
    optional: dict[str, Any] = {
        "model": request.model,
        "format": None if request.response_format is None else _encode_format(request.response_format),
    }
    if request.tools and request.tool_choice != "none":
        optional["tools"] = [_encode_tool(tool) for tool in request.tools]
    body = merge(body, optional, more, request)
    options = _encode_options(request)
    told = body.get("options")
    if options or told is not None:
        body["options"] = {**options, **(told if isinstance(told, Mapping) else {})}
    return encode_json(body)


def _check(request: ModelRequest) -> None:
    if not request.tools or request.tool_choice == "none":
        return
    if request.tool_choice != "auto":
        raise ValueError(
            f"Ollama has no field for tool_choice={request.tool_choice!r}: models there call tools as they like. "
            "Leave it out, and say in words which tool to use; or ask for the arguments alone, by response_format="
        )
    if request.parallel_tool_calls is False:
        raise ValueError("Ollama has no field for parallel_tool_calls=False. Leave it out")


def _encode_options(request: ModelRequest) -> dict[str, Any]:
    options: dict[str, Any] = {
        "num_predict": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        "stop": request.stop or None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _encode_messages(messages: tuple[Message, ...]) -> Iterator[dict[str, Any]]:
    names: dict[str, str] = {}  # of the tools that were called, by the id of the call
    for message in messages:
        # By `isinstance`: `match` looks every attribute up by name, and with a long history that costs most of all.
        if isinstance(message, User):
            yield _encode_user(message)
        elif isinstance(message, Assistant):
            if message.text or message.tool_calls:
                names.update((call.id, call.name) for call in message.tool_calls)
                yield _encode_answer(message)
        elif isinstance(message, ToolResult):
            result = {"role": "tool", "content": message.text, "tool_call_id": message.call_id}
            yield result | ({"tool_name": names[message.call_id]} if message.call_id in names else {})
        else:
            yield {"role": "system", "content": message.text}


def _encode_user(user: User) -> dict[str, Any]:
    if isinstance(user.content, str):
        return {"role": "user", "content": user.content}
    text = "\n".join(part.text for part in user.content if isinstance(part, Text))
    images = [_encode_image(part) for part in user.content if isinstance(part, Image)]
    return {"role": "user", "content": text, **({"images": images} if images else {})}


def _encode_image(image: Image) -> str:
    data = image_data(image)
    if data is None:
        raise ValueError(
            f"Ollama takes an image as its bytes and does not fetch {image.url[:80]!r}. Fetch it and give Image(data), "
            "or read a file by Image.read(path)"
        )
    return data.base64


def _encode_answer(answer: Assistant) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if thoughts := "".join(part.text for part in answer.reasoning if part.origin == ORIGIN):
        message["thinking"] = thoughts
    if answer.tool_calls:
        message["tool_calls"] = [_encode_call(call) for call in answer.tool_calls]
    return message


def _encode_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "function": {"name": call.name, "arguments": arguments_object(call.arguments)}}


def _encode_tool(tool: ToolDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _encode_format(wanted: JsonFormat) -> Any:
    return "json" if wanted.schema is None else wanted.schema


class _Function(msgspec.Struct):
    name: str = ""
    # An object, but some servers that speak this format send its text.
    arguments: msgspec.Raw = msgspec.Raw(b"")


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Message(msgspec.Struct, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(msgspec.Struct, gc=False):
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: Any = None


# An id that was made here.
_MADE: Final = re.compile(r"call_(\d{1,9})", re.ASCII)

_decode_line: Final = msgspec.json.Decoder(_Line).decode
_decode_arguments: Final = msgspec.json.Decoder(str | dict[str, Any] | None).decode


class OllamaChatDecoder(AnswerDecoder):
    """Turns the bytes of one streamed answer into events; see `AnswerDecoder`.

    Args:
        provider: Whom errors name.
        taken: The ids of calls in the conversation so far. Older servers give calls no ids, and those that are made for
            them here are none of these.
    """

    def __init__(self, provider: str, taken: frozenset[str] = frozenset()) -> None:
        self._lines = NdjsonSplitter()
        super().__init__(provider, self._lines)
        # Over all that were made before, so that none comes again, though the oldest may be gone from the conversation.
        self._next_id = 1 + max((int(made[1]) for made in map(_MADE.fullmatch, taken) if made), default=-1)
        self._thoughts: list[str] = []
        self._called = False

    def _take(self, payload: bytes, arrived: Arrived) -> None:
        try:
            line = _decode_line(payload)
        except UNREADABLE:
            mended = without_halves(payload)
            if mended is None:
                self._violation("a line of an Ollama chat in JSON", payload)
            self._take(mended, arrived)
            return
        if line.error is not None:
            raise self._failure(line.error)
        message = line.message
        if message is not None:
            if message.thinking:
                self._thoughts.append(message.thinking)
                arrived(ReasoningDelta(message.thinking))
            if message.content:
                self._received.append(message.content)
                arrived(TextDelta(message.content))
            for call in message.tool_calls or ():
                self._take_call(call, payload, arrived)
        if line.done:
            self._finish(line, arrived)

    def _failure(self, error: Any) -> Exception:
        # Its status was sent before, and it says nothing but words: the model's process broke down, or wrote a call
        # that nobody can read. Both may well not happen again.
        return self._refusal({"type": "server_error", "message": error} if isinstance(error, str) else error)

    def _take_call(self, call: _Call, payload: bytes, arrived: Arrived) -> None:
        name = call.function.name
        try:
            arguments = _read_arguments(call.function.arguments)
        except UNREADABLE:
            self._violation("arguments of a call that are an object", payload)
        if not name:
            self._violation("a tool call with its name", payload)
        self._called = True
        call_id = call.id or self._make_id()
        arrived(ToolCallStarted(call_id, name))
        arrived(ToolCallDelta(call_id, arguments))
        arrived(ToolCallFinished(call_id, name, arguments))

    def _make_id(self) -> str:
        call_id = f"call_{self._next_id}"
        self._next_id += 1
        return call_id

    def _finish(self, line: _Line, arrived: Arrived) -> None:
        if self._called and self._thoughts:
            # https://docs.ollama.com/capabilities/tool-calling: what led to a call goes back with it.
            arrived(ReasoningFinished(Reasoning("".join(self._thoughts), origin=ORIGIN)))
        if line.prompt_eval_count or line.eval_count:
            arrived(UsageReported(Usage(line.prompt_eval_count or 0, line.eval_count or 0)))
        reason = _FINISH_REASONS.get(line.done_reason or "", "other")
        if self._called and reason == "stop":
            reason = "tool_calls"
        self._finished = True
        arrived(Finished(reason))

    def _end_of_stream(self, arrived: Arrived) -> None:
        rest = self._lines.rest()
        try:
            msgspec.json.decode(rest, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError):
            rest = b""  # the connection broke inside of it, which is worth saying, or there is none
        if rest:
            self._take(rest, arrived)
        if not self._finished:
            super()._end_of_stream(arrived)


def _read_arguments(said: msgspec.Raw) -> str:
    """The JSON text of the arguments, as it was written."""
    if not bytes(said):
        return "{}"
    match _decode_arguments(said):
        case str(text):
            return text or "{}"
        case None:
            return "{}"
        case _:
            return bytes(said).decode()


OLLAMA_CHAT: Final = Wire(ORIGIN, "/api/chat", "application/x-ndjson", encode_request, OllamaChatDecoder)
