"""With actrio, as users have it: `OpenAIProvider` with all its defaults, events in an ``async for``."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Final

from actrio.benchmarks.providers._exchange import KEY, MODEL, Ask, Exchange
from actrio.providers import (
    Assistant,
    Finished,
    Message,
    ModelRequest,
    OpenAIProvider,
    System,
    TextDelta,
    Usage,
    UsageReported,
    User,
)

_ROLES: Final[dict[str, type[System | User | Assistant]]] = {"system": System, "user": User, "assistant": Assistant}


@asynccontextmanager
async def with_actrio(exchange: Exchange) -> AsyncGenerator[Ask]:
    """See `Client`. Retries, limits and timeouts are on, as they are unless told otherwise."""
    provider = OpenAIProvider(MODEL, base_url=exchange.base_url, api_key=KEY)
    conversation: list[Message] = [_ROLES[role](text) for role, text in exchange.conversation()]
    async with provider.open() as connection:

        async def ask() -> float:
            tokens, usage, reason = 0, Usage(), None
            first = started = perf_counter()
            async with connection.stream(ModelRequest(conversation)) as stream:
                async for event in stream:
                    if isinstance(event, TextDelta):
                        tokens += 1
                        if tokens == 1:
                            first = perf_counter()
                    elif isinstance(event, UsageReported):
                        usage = event.usage
                    elif isinstance(event, Finished):
                        reason = event.reason
            exchange.check(tokens, usage.input_tokens, usage.output_tokens, reason)
            return first - started

        yield ask
