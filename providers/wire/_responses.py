"""OpenAI's Responses wire format: requests to bytes, streamed bytes to events.

See https://platform.openai.com/docs/api-reference/responses. The server is told to store nothing: the whole
conversation is sent each time, with what the model thought before, encrypted, as the server wants it back.

Pure: it reads nothing and waits for nothing. Events that it does not know are nothing to it: there are more every year.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Final

import msgspec

from actrio.providers._events import (
    Arrived,
    Finished,
    FinishReason,
    ReasoningDelta,
    ReasoningFinished,
    TextDelta,
    ToolCallStarted,
    UsageReported,
)
from actrio.providers._messages import Assistant, Image, Message, Part, Reasoning, System, Text, ToolResult, User
from actrio.providers._request import ModelRequest
from actrio.providers._tools import JsonFormat, ToolChoice, ToolDefinition, UseTool
from actrio.providers.wire._decoder import UNREADABLE, AnswerDecoder
from actrio.providers.wire._halves import encode_json, without_halves
from actrio.providers.wire._open_call import OpenCall
from actrio.providers.wire._sse import SseSplitter
from actrio.providers.wire._usage import InputDetails, OutputDetails, usage_of
from actrio.providers.wire._wire import Wire, merge

# Its name, also as the origin of what a model thought.
ORIGIN: Final = "openai-responses"

_CUT_OFF: Final[dict[str, FinishReason]] = {"max_output_tokens": "length", "content_filter": "content_filter"}


def encode_request(request: ModelRequest, **more: Any) -> bytes:
    """The body of a streaming request; see `Wire.encode`.

    What the model thought is given back without asking, by models that do think. To have it from older servers too,
    and a summary of it to read, ask for it: `extra_body={"reasoning": {"summary": "auto"}}`.

    Raises:
        ValueError: the request has a `seed` or `stop`, for which this format has no field: they would be lost in
            silence.
    """
    _check(request)
    first, *rest = request.messages
    instructions = first.text if isinstance(first, System) and rest else None
    messages = request.messages if instructions is None else rest
    body: dict[str, Any] = {
        "input": [item for message in messages for item in _encode_message(message)],
        "stream": True,
        "store": False,
    }
    optional: dict[str, Any] = {
        "model": request.model,
        "instructions": instructions,
        "max_output_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "text": None if request.response_format is None else {"format": _encode_format(request.response_format)},
        # OpenAI gives it unasked, and refuses this for models that do not think. Who asks for thoughts has another.
        "include": ["reasoning.encrypted_content"] if "reasoning" in request.extra_body else None,
    }
    if request.tools:
        optional |= {
            "tools": [_encode_tool(tool) for tool in request.tools],
            "tool_choice": None if request.tool_choice == "auto" else _encode_choice(request.tool_choice),
            "parallel_tool_calls": request.parallel_tool_calls,
        }
    return encode_json(merge(body, optional, more, request))


def _check(request: ModelRequest) -> None:
    for field, said in (("seed", request.seed is not None), ("stop", bool(request.stop))):
        if said:
            raise ValueError(
                f"OpenAI's Responses interface has no field for {field}=. Leave it out, or use Chat Completions"
            )


# By `isinstance`: `match` looks every attribute up by name, and with a long history that is most of a request's cost.
def _encode_message(message: Message) -> Iterable[dict[str, Any]]:
    if isinstance(message, User):
        content = message.content
        said = content if isinstance(content, str) else [_encode_part(part) for part in content]
        return ({"role": "user", "content": said},)
    if isinstance(message, Assistant):
        return _encode_answer(message)
    if isinstance(message, ToolResult):
        return ({"type": "function_call_output", "call_id": message.call_id, "output": message.text},)
    return ({"role": "system", "content": message.text},)


def _encode_answer(message: Assistant) -> Iterator[dict[str, Any]]:
    # Thoughts that led to nothing are refused.
    for thoughts in message.reasoning if message.text or message.tool_calls else ():
        yield from _encode_reasoning(thoughts)
    if message.text:
        yield {"role": "assistant", "content": message.text}
    for call in message.tool_calls:
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _encode_reasoning(thoughts: Reasoning) -> Iterator[dict[str, Any]]:
    if thoughts.origin == ORIGIN and thoughts.token:
        kept = msgspec.structs.asdict(_decode_kept(thoughts.token))
        yield {"type": "reasoning", **{name: value for name, value in kept.items() if value is not None}}


def _encode_part(part: Part | str) -> dict[str, Any]:
    match part:
        case Image(detail=detail):
            return {"type": "input_image", "image_url": part.url, "detail": detail or "auto"}
        case Text(text) | text:
            return {"type": "input_text", "text": text}


def _encode_tool(tool: ToolDefinition) -> dict[str, Any]:
    encoded = {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
    return {name: value for name, value in encoded.items() if value is not None}


def _encode_choice(choice: ToolChoice) -> Any:
    return {"type": "function", "name": choice.name} if isinstance(choice, UseTool) else choice


def _encode_format(wanted: JsonFormat) -> dict[str, Any]:
    if wanted.schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "name": wanted.name, "schema": wanted.schema, "strict": wanted.strict}


class _Kept(msgspec.Struct):
    """What has to be sent back of a train of thought; the token is it, in JSON."""

    id: str | None = None
    encrypted_content: str | None = None
    summary: Any = []
    content: Any = None


def _decode_kept(token: str) -> _Kept:
    try:
        return msgspec.json.decode(token, type=_Kept)
    except msgspec.MsgspecError as error:
        raise ValueError(f"a Reasoning has a token that is not of {ORIGIN}: {error}") from None


class _Item(msgspec.Struct, gc=False):
    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None  # a text for a function call, something else for others
    encrypted_content: str | None = None
    summary: Any = None
    content: Any = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    id: str | None = None
    usage: _Usage | None = None
    incomplete_details: _Incomplete | None = None
    error: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str
    delta: Any = None
    output_index: int = 0
    summary_index: int = 0
    item: _Item | None = None
    response: _Response | None = None
    arguments: Any = None
    refusal: Any = None
    # Those of an event of type "error", which has them in one of two ways.
    error: Any = None
    code: Any = None
    message: Any = None


_decode_event: Final = msgspec.json.Decoder(_Event).decode


class ResponsesDecoder(AnswerDecoder):
    """Turns the bytes of one streamed answer into events; see `AnswerDecoder`."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider, SseSplitter())
        self._calls: dict[int, OpenCall] = {}  # by index of the output, those that are not finished
        self._called = False
        self._thoughts: list[str] = []  # the pieces of the train of thought that is not finished
        self._refused: list[str] = []  # the pieces of the model's refusal
        self._id = ""

    def _take(self, payload: bytes, arrived: Arrived) -> None:
        try:
            event = _decode_event(payload)
        except UNREADABLE:
            self._take_mark(payload, arrived)
            return
        if event.type == "response.output_text.delta":
            text = self._text_of(event, payload)
            if text:
                self._received.append(text)
                arrived(TextDelta(text))
            return
        handler = self._HANDLERS.get(event.type)
        if handler is not None:
            handler(self, event, payload, arrived)

    def _take_mark(self, payload: bytes, arrived: Arrived) -> None:
        if (mended := without_halves(payload)) is not None:
            self._take(mended, arrived)
        # The format has no such end, but some servers give every stream one.
        elif payload.strip() not in {b"[DONE]", b""}:
            self._violation("an event of the Responses interface in JSON", payload)

    def _text_of(self, event: _Event, payload: bytes) -> str:
        text = event.delta
        if not isinstance(text, str):
            self._violation("a delta that is a text", payload)
        return text

    def _take_begin(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        self._id = (event.response and event.response.id) or ""

    def _take_thought(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        self._think(self._text_of(event, payload), arrived)

    def _take_summary_part(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        # The parts are paragraphs, and nothing else says so.
        if event.summary_index:
            self._think("\n\n", arrived)

    def _think(self, text: str, arrived: Arrived) -> None:
        if text:
            self._thoughts.append(text)
            arrived(ReasoningDelta(text))

    def _take_refusal(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        self._refused.append(self._text_of(event, payload))

    def _take_whole_refusal(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        if isinstance(event.refusal, str) and event.refusal:
            self._refused = [event.refusal]

    def _take_item(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        item = event.item
        if item is None or item.type != "function_call":
            return
        call_id = item.call_id or item.id
        if not (call_id and item.name):
            self._violation("a function call with its id and name", payload)
        self._called = True
        self._calls[event.output_index] = OpenCall(call_id, item.name)
        arrived(ToolCallStarted(call_id, item.name))

    def _take_arguments(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        call = self._calls.get(event.output_index)
        if call is None:
            self._violation("a function call before its arguments", payload)
        call.grow(self._text_of(event, payload), arrived)

    def _take_whole_arguments(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        self._finish_call(event.output_index, event.arguments, arrived)

    def _take_whole_item(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        item = event.item
        if item is not None and item.type == "function_call":
            self._finish_call(event.output_index, item.arguments, arrived)
        elif item is not None and item.type == "reasoning":
            self._finish_thoughts(item, arrived)

    def _finish_call(self, index: int, arguments: Any, arrived: Arrived) -> None:
        call = self._calls.pop(index, None)
        if call is None:
            return  # it was finished with its arguments
        if isinstance(arguments, str) and not call.fragments:
            call.grow(arguments, arrived)
        arrived(call.finished())

    def _finish_thoughts(self, item: _Item, arrived: Arrived) -> None:
        text = "".join(self._thoughts)
        self._thoughts.clear()
        if item.encrypted_content or item.content:
            kept = _Kept(item.id, item.encrypted_content, item.summary or [], item.content)
            token = msgspec.json.encode(kept).decode()
            arrived(ReasoningFinished(Reasoning(text, origin=ORIGIN, token=token)))

    def _take_end(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        response = event.response or _Response()
        self._id = response.id or self._id
        if self._refused:
            raise self._content_refused("".join(self._refused), self._id)
        for index in sorted(self._calls):
            self._finish_call(index, None, arrived)
        if response.usage is not None:
            said = response.usage
            usage = usage_of(
                said.input_tokens, said.output_tokens, said.input_tokens_details, said.output_tokens_details
            )
            arrived(UsageReported(usage))
        reason: FinishReason = "tool_calls" if self._called else "stop"
        if event.type == "response.incomplete":
            details = response.incomplete_details or _Incomplete()
            reason = _CUT_OFF.get(details.reason or "", "other")
        self._finished = True
        arrived(Finished(reason, self._id))

    def _take_failure(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        response = event.response or _Response()
        raise self._refusal(response.error or {"type": "server_error"})

    def _take_error(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        bare = {"code": event.code, "message": event.message or ""} if event.code or event.message else ""
        raise self._refusal(event.error or bare)

    _HANDLERS: ClassVar[dict[str, Callable[[Any, _Event, bytes, Arrived], None]]] = {
        "error": _take_error,
        "response.completed": _take_end,
        "response.created": _take_begin,
        "response.failed": _take_failure,
        "response.function_call_arguments.delta": _take_arguments,
        "response.function_call_arguments.done": _take_whole_arguments,
        "response.incomplete": _take_end,
        "response.output_item.added": _take_item,
        "response.output_item.done": _take_whole_item,
        "response.reasoning_summary_part.added": _take_summary_part,
        "response.reasoning_summary_text.delta": _take_thought,
        "response.reasoning_text.delta": _take_thought,
        "response.refusal.delta": _take_refusal,
        "response.refusal.done": _take_whole_refusal,
    }


RESPONSES: Final = Wire(ORIGIN, "/responses", "text/event-stream", encode_request, ResponsesDecoder)
