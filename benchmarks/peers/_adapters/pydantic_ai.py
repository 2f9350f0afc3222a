"""pydantic-ai: one `Agent` for all turns, each a `run_stream` of it, over Chat Completions.

The fast path: `stream_text` with deltas in place of the text so far, and each as it comes (``debounce_by=None``); one
client; nothing is instrumented, which is its default.
"""

from contextlib import asynccontextmanager

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


@asynccontextmanager
async def opened(work):
    async with AsyncOpenAI(base_url=work.base_url, api_key=work.key) as client:
        model = OpenAIChatModel(work.model, provider=OpenAIProvider(openai_client=client))
        agent = Agent(model, instructions=work.instructions, tools=list(work.tools))

        async def ask(first):
            pieces = 0
            async with agent.run_stream(work.question) as result:
                async for text in result.stream_text(delta=True, debounce_by=None):
                    if text:
                        if not pieces:
                            first()
                        pieces += 1
            usage = result.usage
            return pieces, usage.input_tokens, usage.output_tokens

        yield ask
