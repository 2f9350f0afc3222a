"""With the openai SDK's typed stream, as its documentation shows it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, cast

from actrio.benchmarks.providers._exchange import KEY, MODEL, Ask, Exchange

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam


@asynccontextmanager
async def with_sdk(exchange: Exchange) -> AsyncGenerator[Ask]:
    """See `Client`. With its defaults."""
    from openai import AsyncOpenAI

    messages = [
        cast("ChatCompletionMessageParam", {"role": role, "content": text}) for role, text in exchange.conversation()
    ]
    async with AsyncOpenAI(base_url=exchange.base_url, api_key=KEY) as client:

        async def ask() -> float:
            tokens, usage, reason = 0, None, None
            first = started = perf_counter()
            async with await client.chat.completions.create(
                model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
            ) as stream:
                async for chunk in stream:
                    if chunk.usage is not None:
                        usage = chunk.usage
                    for choice in chunk.choices:
                        if choice.delta.content:
                            tokens += 1
                            if tokens == 1:
                                first = perf_counter()
                        reason = choice.finish_reason or reason
            assert usage is not None
            exchange.check(tokens, usage.prompt_tokens, usage.completion_tokens, reason)
            return first - started

        yield ask
