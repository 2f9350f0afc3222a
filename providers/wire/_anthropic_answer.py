"""Anthropic's wire format: streamed bytes to events.

See https://platform.claude.com/docs/en/build-with-claude/streaming. Pure: it reads nothing and waits for nothing.
Events, blocks and deltas that it does not know are nothing to it: there are more every year.
"""

from collections.abc import Callable
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
    Usage,
    UsageReported,
)
from actrio.providers._messages import Reasoning
from actrio.providers.wire._decoder import UNREADABLE, AnswerDecoder
from actrio.providers.wire._halves import without_halves
from actrio.providers.wire._open_call import OpenCall
from actrio.providers.wire._refusal import hide
from actrio.providers.wire._sse import SseSplitter

# The name of the format, also as the origin of what a model thought.
ORIGIN: Final = "anthropic-messages"

_FINISH_REASONS: Final[dict[str, FinishReason]] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
}


class KeptThoughts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What has to be sent back of a train of thought, and where it stood.

    Attributes:
        signature: Its proof that the model wrote it, if it may be read.
        data: All of it, if it may not.
        text: How many characters of the answer's text came before it.
        calls: How many calls did.
    """

    signature: str = ""
    data: str = ""
    text: int = 0
    calls: int = 0


_decode_kept: Final = msgspec.json.Decoder(KeptThoughts).decode


def write_token(kept: KeptThoughts) -> str:
    """The `Reasoning.token` for it: nearly always the signature alone."""
    if kept == KeptThoughts(signature=kept.signature):
        return kept.signature
    return msgspec.json.encode(kept).decode()


def read_token(token: str) -> KeptThoughts:
    """What `write_token` was given; any other text is a signature."""
    try:
        return _decode_kept(token)
    except (msgspec.DecodeError, RecursionError):
        return KeptThoughts(signature=token)


class _Usage(msgspec.Struct):
    """Cumulative; each event says what is new to it."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: Any = None


# What a delta or block of a kind not known here has under these names may be of any type.
class _Delta(msgspec.Struct, gc=False):
    type: Any = None
    text: Any = None
    partial_json: Any = None
    thinking: Any = None
    signature: Any = None
    stop_reason: Any = None
    stop_details: Any = None


class _Block(msgspec.Struct):
    type: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = msgspec.Raw(b"")
    text: Any = None
    thinking: Any = None
    signature: Any = None
    data: Any = None


class _Message(msgspec.Struct):
    id: str | None = None
    usage: _Usage | None = None


class _Event(msgspec.Struct, gc=False):
    type: str
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: _Usage | None = None
    error: Any = None
    request_id: Any = None


class _Kind(msgspec.Struct):
    type: str


_decode_event: Final = msgspec.json.Decoder(_Event).decode
_decode_kind: Final = msgspec.json.Decoder(_Kind).decode


class _OpenCall(OpenCall):
    # What it began with. Anthropic begins with an empty object, others sometimes with the whole.
    begun: str = ""


class _OpenThoughts(msgspec.Struct):
    fragments: list[str]
    signature: str = ""
    data: str = ""


class AnthropicDecoder(AnswerDecoder):
    """Turns the bytes of one streamed answer into events; see `AnswerDecoder`.

    An answer that the model refuses is a `ContentRefused`, after its usage.
    """

    def __init__(self, provider: str) -> None:
        super().__init__(provider, SseSplitter())
        self._open: dict[int, _OpenCall | _OpenThoughts] = {}  # by index of the block, those that are not finished
        self._calls = 0  # how many there were
        self._usage: Usage | None = None
        self._reason: str = ""
        self._details: Any = None  # of the reason
        self._begun = False
        self._id = ""

    def _take(self, payload: bytes, arrived: Arrived) -> None:
        try:
            event = _decode_event(payload)
        except UNREADABLE:
            self._pass_over(payload, arrived)
            return
        if event.type == "content_block_delta":
            delta = event.delta or _Delta()
            if delta.type == "text_delta":
                self._say(delta.text, payload, arrived)
            else:
                self._take_delta(event.index, delta, payload, arrived)
            return
        handler = self._HANDLERS.get(event.type)
        if handler is not None:
            handler(self, event, payload, arrived)

    def _pass_over(self, payload: bytes, arrived: Arrived) -> None:
        """Ignore an event that is not known here, whatever it has. Anything else that cannot be read is a violation."""
        if (mended := without_halves(payload)) is not None:
            self._take(mended, arrived)
            return
        try:
            known = _decode_kind(payload).type in {*self._HANDLERS, "content_block_delta"}
        except UNREADABLE:
            known = True
        if known:
            self._violation("an event of the Messages interface in JSON", payload)

    def _text_of(self, text: Any, payload: bytes) -> str:
        if not isinstance(text, str):
            self._violation("a delta that is a text", payload)
        return text

    def _say(self, said: Any, payload: bytes, arrived: Arrived) -> None:
        if text := self._text_of(said, payload):
            self._received.append(text)
            arrived(TextDelta(text))

    def _think(self, thought: Any, thoughts: _OpenThoughts, payload: bytes, arrived: Arrived) -> None:
        if text := self._text_of(thought, payload):
            thoughts.fragments.append(text)
            arrived(ReasoningDelta(text))

    def _take_delta(self, index: int, delta: _Delta, payload: bytes, arrived: Arrived) -> None:
        match delta.type, self._open.get(index):
            case "thinking_delta", _OpenThoughts() as thoughts:
                self._think(delta.thinking, thoughts, payload, arrived)
            case "signature_delta", _OpenThoughts() as thoughts:
                thoughts.signature = self._text_of(delta.signature, payload)
            case "input_json_delta", _OpenCall() as call:
                call.grow(self._text_of(delta.partial_json, payload), arrived)
            case _:
                pass  # of a block that is not known here, such as a search that the server makes

    def _take_begin(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        self._begun = True
        if event.message is not None:
            self._id = event.message.id or ""
            self._count(event.message.usage)

    def _take_block(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        block = event.content_block or _Block()
        self._finish_block(event.index, arrived)
        match block:
            case _Block(type="text", text=str(text)):
                self._say(text, payload, arrived)
            case _Block(type="tool_use"):
                self._open[event.index] = self._begin_call(block, payload, arrived)
            case _Block(type="thinking"):
                thoughts = self._open[event.index] = _OpenThoughts([], self._text_of(block.signature or "", payload))
                self._think(block.thinking or "", thoughts, payload, arrived)
            case _Block(type="redacted_thinking", data=str(data)):
                self._open[event.index] = _OpenThoughts([], data=data)
            case _:
                pass

    def _begin_call(self, block: _Block, payload: bytes, arrived: Arrived) -> _OpenCall:
        call_id, name = block.id, block.name
        if not (isinstance(call_id, str) and call_id and isinstance(name, str) and name):
            self._violation("a tool call with its id and name", payload)
        self._calls += 1
        arrived(ToolCallStarted(call_id, name))
        return _OpenCall(call_id, name, begun=bytes(block.input).decode(errors="replace"))

    def _take_block_end(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        self._finish_block(event.index, arrived)

    def _finish_block(self, index: int, arrived: Arrived) -> None:
        match self._open.pop(index, None):
            case _OpenCall() as call:
                if not call.fragments:
                    call.grow(call.begun if call.begun not in ("", "null") else "{}", arrived)
                arrived(call.finished())
            case _OpenThoughts(signature=signature, data=data) as thoughts if signature or data:
                kept = KeptThoughts(signature, data, len(self.received), self._calls)
                reasoning = Reasoning("".join(thoughts.fragments), origin=ORIGIN, token=write_token(kept))
                arrived(ReasoningFinished(reasoning))
            case _:
                pass

    def _take_reason(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        self._count(event.usage)
        if event.delta is not None and isinstance(event.delta.stop_reason, str):
            self._reason = event.delta.stop_reason
            self._details = event.delta.stop_details

    def _count(self, said: _Usage | None) -> None:
        if said is not None:
            now, before = _decode_usage(said), self._usage or Usage()
            # Cumulative, and what an event does not say is 0 in it.
            self._usage = Usage(*map(max, msgspec.structs.astuple(now), msgspec.structs.astuple(before)))

    def _take_end(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        if not (self._begun or self._reason):
            self._violation("an answer before the end", payload)
        self._finish(arrived)

    def _finish(self, arrived: Arrived) -> None:
        for index in sorted(self._open):
            self._finish_block(index, arrived)
        if self._usage is not None:
            arrived(UsageReported(self._usage))
        if self._reason == "refusal":
            raise self._content_refused(_read_refusal(self._details), self._id)
        reason = _FINISH_REASONS.get(self._reason, "other")
        if self._calls and reason == "stop":
            reason = "tool_calls"
        self._finished = True
        arrived(Finished(reason, self._id))

    def _take_error(self, event: _Event, payload: bytes, arrived: Arrived) -> None:
        error = self._refusal(event.error or {"type": "api_error"})
        if isinstance(event.request_id, str):
            error.request_id = hide(event.request_id.encode(), self.secret).decode()
        raise error

    def _end_of_stream(self, arrived: Arrived) -> None:
        # Some servers that speak this format leave out the very last event.
        if not self._reason:
            super()._end_of_stream(arrived)
        self._finish(arrived)

    _HANDLERS: ClassVar[dict[str, Callable[[Any, _Event, bytes, Arrived], None]]] = {
        "content_block_start": _take_block,
        "content_block_stop": _take_block_end,
        "error": _take_error,
        "message_delta": _take_reason,
        "message_start": _take_begin,
        "message_stop": _take_end,
    }


def _decode_usage(said: _Usage) -> Usage:
    # https://platform.claude.com/docs/en/build-with-claude/prompt-caching: what a cache gave or took is counted apart.
    cached = said.cache_read_input_tokens or 0
    thinking = 0
    match said.output_tokens_details:
        case {"thinking_tokens": int(tokens)}:
            thinking = tokens
        case _:
            pass
    return Usage(
        (said.input_tokens or 0) + (said.cache_creation_input_tokens or 0) + cached,
        said.output_tokens or 0,
        cached,
        thinking,
    )


def _read_refusal(details: Any) -> str:
    match details:
        case {"explanation": str(words)} if words:
            return words
        case {"category": str(category)} if category:
            return f"the model refused, because of {category}"
        case _:
            return "the model refused"
