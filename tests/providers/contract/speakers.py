"""Providers with what their servers say, byte for byte: for servers that do what no real one should."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from attrs import frozen

from actrio.providers import (
    AnthropicProvider,
    OllamaProvider,
    OpenAIProvider,
    OpenAIResponsesProvider,
    Provider,
    Retry,
    Timeouts,
)
from tests.providers.contract.transcripts import data, encode, event

# Characters of one to four bytes.
TEXT: Final = "Hei, Ærøskøbing: 海 🌊"
# Of no server.
KEY: Final = "secret-of-the-tests"
PIECES: Final = ("Hei, Ærøsk", "øbing: 海", " 🌊")


_UNHURRIED: Final = Timeouts()


class MakeProvider(Protocol):
    """Makes the provider for a server at this address."""

    def __call__(self, url: str, retry: Retry | None = None, timeouts: Timeouts = _UNHURRIED) -> Provider:
        """Make it."""
        ...


@frozen
class Speaker:
    """A provider, and how its server speaks.

    Attributes:
        provider: Makes it.
        media_type: Of a streamed answer.
        piece: The bytes that bring a piece of text.
        begin, end: The bytes before the first piece and after the last, with which the answer is whole.
    """

    provider: MakeProvider
    media_type: str
    piece: Callable[[str], bytes]
    begin: bytes
    end: bytes

    @property
    def head(self) -> bytes:
        """The head of a streamed answer."""
        return b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n" % self.media_type.encode()

    @property
    def answer(self) -> tuple[bytes, ...]:
        """A whole answer that says TEXT, in the pieces in which a server would send it."""
        return (self.begin, *map(self.piece, PIECES), self.end)


def chat(make: MakeProvider) -> Speaker:
    """Who speaks Chat Completions."""

    def chunk(delta: Any, reason: str | None = None) -> bytes:
        return data({"id": "c1", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    return Speaker(
        make,
        "text/event-stream",
        lambda text: chunk({"content": text}),
        chunk({"role": "assistant"}),
        chunk({}, "stop") + b"data: [DONE]\n\n",
    )


def responses(make: MakeProvider) -> Speaker:
    """Who speaks Responses."""
    where = {"item_id": "m1", "output_index": 0, "content_index": 0}
    item = {"type": "message", "id": "m1", "role": "assistant"}
    return Speaker(
        make,
        "text/event-stream",
        lambda text: event({"type": "response.output_text.delta", **where, "delta": text}),
        event({"type": "response.created", "response": {"id": "r1", "status": "in_progress"}})
        + event({"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}}),
        event({"type": "response.output_item.done", "output_index": 0, "item": {**item, "content": []}})
        + event({"type": "response.completed", "response": {"id": "r1", "status": "completed"}}),
    )


def messages(make: MakeProvider) -> Speaker:
    """Who speaks Anthropic's Messages."""
    usage = {"input_tokens": 3, "output_tokens": 1}
    block = {"type": "text", "text": ""}
    return Speaker(
        make,
        "text/event-stream",
        lambda text: event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        event({"type": "message_start", "message": {"id": "m1", "usage": usage}})
        + event({"type": "content_block_start", "index": 0, "content_block": block}),
        event({"type": "content_block_stop", "index": 0})
        + event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}})
        + event({"type": "message_stop"}),
    )


def ollama(make: MakeProvider) -> Speaker:
    """Who speaks as Ollama does."""

    def line(text: str, **more: Any) -> bytes:
        return encode({"message": {"role": "assistant", "content": text}, "done": bool(more), **more}) + b"\n"

    return Speaker(
        make,
        "application/x-ndjson",
        line,
        line(""),
        line("", done_reason="stop", prompt_eval_count=3, eval_count=9),
    )


def _openai(url: str, retry: Retry | None = None, timeouts: Timeouts = _UNHURRIED) -> Provider:
    return OpenAIProvider("gpt-5-mini", base_url=f"{url}/v1", api_key=KEY, retry=retry, timeouts=timeouts)


def _openai_responses(url: str, retry: Retry | None = None, timeouts: Timeouts = _UNHURRIED) -> Provider:
    return OpenAIResponsesProvider("gpt-5-mini", base_url=f"{url}/v1", api_key=KEY, retry=retry, timeouts=timeouts)


def _anthropic(url: str, retry: Retry | None = None, timeouts: Timeouts = _UNHURRIED) -> Provider:
    return AnthropicProvider("claude-sonnet-4-5", base_url=url, api_key=KEY, retry=retry, timeouts=timeouts)


def _ollama(url: str, retry: Retry | None = None, timeouts: Timeouts = _UNHURRIED) -> Provider:
    return OllamaProvider("qwen3:1.7b", base_url=url, api_key=KEY, retry=retry, timeouts=timeouts)


SPEAKERS: Final[dict[str, Speaker]] = {
    "openai": chat(_openai),
    "openai-responses": responses(_openai_responses),
    "anthropic": messages(_anthropic),
    "ollama": ollama(_ollama),
}
