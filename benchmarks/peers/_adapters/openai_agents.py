"""openai-agents: one `Agent` for all turns, each a streamed run of it, over Chat Completions.

The fast path: `Runner.run_streamed` with one client, tracing off as its documentation tells, and of the events only the
raw ones of the response looked at, from which its guide to streaming takes the text. A turn that is cancelled cancels
its run, as its guide tells: else the run goes on in a task of its own.
"""

import asyncio
from contextlib import asynccontextmanager

from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent


@asynccontextmanager
async def opened(work):
    set_tracing_disabled(True)
    async with AsyncOpenAI(base_url=work.base_url, api_key=work.key) as client:
        agent = Agent(
            name="agent",
            instructions=work.instructions,
            model=OpenAIChatCompletionsModel(work.model, client),
            model_settings=ModelSettings(include_usage=True),
            tools=[function_tool(tool) for tool in work.tools],
        )

        async def ask(first):
            pieces = 0
            result = Runner.run_streamed(agent, work.question)
            try:
                async for event in result.stream_events():
                    if event.type != "raw_response_event" or not isinstance(event.data, ResponseTextDeltaEvent):
                        continue
                    if event.data.delta:
                        if not pieces:
                            first()
                        pieces += 1
            except asyncio.CancelledError:
                result.cancel()
                raise
            usage = result.context_wrapper.usage
            return pieces, usage.input_tokens, usage.output_tokens

        yield ask
