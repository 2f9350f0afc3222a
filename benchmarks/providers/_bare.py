"""With httpx2, a split and msgspec, and nothing around it: no retry, no bound, no timeout, no error of an answer told.

The least that a program can do that wants the tokens. It is as fast as such a program can be made: the body is encoded
by msgspec, chunks are taken as they come off the connection, and each event is decoded into a struct of the fields that
are looked at.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Final

import msgspec

from actrio.benchmarks.providers._exchange import KEY, MODEL, Ask, Exchange

if TYPE_CHECKING:
    import httpx2

_HEADERS: Final = {"authorization": f"Bearer {KEY}", "content-type": "application/json", "accept": "text/event-stream"}


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta
    finish_reason: str | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int
    completion_tokens: int


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice]
    usage: _Usage | None = None


_decode: Final = msgspec.json.Decoder(_Chunk).decode


@asynccontextmanager
async def bare(exchange: Exchange) -> AsyncGenerator[Ask]:
    """See `Client`. Over httpx2's own transport, with no bound on its connections."""
    import httpx2

    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)
    async with httpx2.AsyncClient(
        base_url=exchange.base_url, headers=_HEADERS, timeout=None, trust_env=False, limits=limits
    ) as client:
        yield _asking(client, exchange)


@asynccontextmanager
async def bare_over_actrio(exchange: Exchange) -> AsyncGenerator[Ask]:
    """See `Client`. The same over actrio's transport, with nothing else of actrio's."""
    from actrio.providers.transport import open_client

    async with open_client(base_url=exchange.base_url, headers=_HEADERS, timeout=None, trust_env=False) as client:
        yield _asking(client, exchange)


def _asking(client: "httpx2.AsyncClient", exchange: Exchange) -> Ask:
    from actrio.providers.transport import body_of

    body = {
        "model": MODEL,
        "messages": [{"role": role, "content": text} for role, text in exchange.conversation()],
        "stream": True,
        "stream_options": {"include_usage": True},
    }

    async def ask() -> float:
        started = perf_counter()
        async with client.stream("POST", "/chat/completions", content=msgspec.json.encode(body)) as response:
            assert response.status_code == 200
            return await _read(body_of(response) or response.aiter_raw(), exchange) - started

    return ask


async def _read(pieces: AsyncIterator[bytes], exchange: Exchange) -> float:
    """To the end. Gives the time of the first token."""
    tokens, usage, reason, first, rest = 0, _Usage(0, 0), None, 0.0, b""
    async for piece in pieces:
        *events, rest = (rest + piece).split(b"\n\n")
        for event in events:
            if event == b"data: [DONE]":
                continue
            chunk = _decode(event[6:])
            if chunk.usage is not None:
                usage = chunk.usage
            for choice in chunk.choices:
                if choice.delta.content:
                    tokens += 1
                    if tokens == 1:
                        first = perf_counter()
                reason = choice.finish_reason or reason
    exchange.check(tokens, usage.prompt_tokens, usage.completion_tokens, reason)
    return first
