"""agently: one agent for all turns, each a request of it, over Chat Completions.

The fast path: `create_request`, its request to the model with the agent's settings and prompt, and
``get_async_generator(type="delta")``, which gives the pieces as they come; its executions of an agent do the same for
three times the processor time. Its logs are off, which is its default.
"""

from contextlib import asynccontextmanager

from agently import Agently

tool_turn = "it describes tools in its prompt, in words of its own; the mock model is given none and so calls none"
tool_stop = tool_turn


@asynccontextmanager
async def opened(work):
    agent = Agently.create_agent()
    agent.set_settings(
        "OpenAICompatible",
        {
            "base_url": work.base_url,
            "api_key": work.key,
            "model": work.model,
            "model_type": "chat",
            "request_options": {"stream_options": {"include_usage": True}},
        },
    )
    agent.system(work.instructions, always=True)

    async def ask(first):
        pieces = 0
        result = agent.create_request(inherit_agent_prompt=True).input(work.question).get_result()
        async for text in result.get_async_generator(type="delta"):
            if text:
                if not pieces:
                    first()
                pieces += 1
        usage = (await result.async_get_meta())["usage"]
        return pieces, usage["prompt_tokens"], usage["completion_tokens"]

    yield ask
