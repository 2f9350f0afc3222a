"""agent-framework: one `Agent` for all turns, each a streamed run of it, over Chat Completions.

The fast path: `run` with ``stream=True`` without a session, as no turn goes on where another ended; one client;
instrumentation off, by its own environment variable.
"""

from contextlib import asynccontextmanager

from agent_framework import Agent
from agent_framework.openai import OpenAIChatCompletionClient
from openai import AsyncOpenAI


@asynccontextmanager
async def opened(work):
    async with AsyncOpenAI(base_url=work.base_url, api_key=work.key) as client:
        agent = Agent(
            OpenAIChatCompletionClient(work.model, async_client=client),
            work.instructions,
            tools=list(work.tools),
        )

        async def ask(first):
            pieces = sent = received = 0
            async for update in agent.run(work.question, stream=True):
                for content in update.contents:
                    if content.type == "text":
                        if content.text:
                            if not pieces:
                                first()
                            pieces += 1
                    elif content.type == "usage":
                        # Of the run so far: the last is that of all its requests.
                        sent = content.usage_details["input_token_count"]
                        received = content.usage_details["output_token_count"]
            return pieces, sent, received

        yield ask
