"""autogen-agentchat: an `AssistantAgent` for each turn that runs at the same time, as it holds one conversation.

The fast path: `run_stream` with ``model_client_stream=True``, which gives each piece as it comes; one model client for
all agents; no tracing, as no provider of it is set. `on_reset` makes the next turn a conversation of its own, and
``reflect_on_tool_use`` has the model answer after a tool, as its guide has it.
"""

import asyncio
from contextlib import asynccontextmanager

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import ModelClientStreamingChunkEvent
from autogen_core import CancellationToken
from autogen_core.models import ModelFamily
from autogen_ext.models.openai import OpenAIChatCompletionClient


@asynccontextmanager
async def opened(work):
    client = OpenAIChatCompletionClient(
        model=work.model,
        base_url=work.base_url,
        api_key=work.key,
        stream_options={"include_usage": True},
        model_info={
            "vision": False,
            "function_calling": True,
            "json_output": False,
            "family": ModelFamily.UNKNOWN,
            "structured_output": False,
        },
    )
    idle = [
        AssistantAgent(
            f"agent_{number}",
            client,
            tools=list(work.tools) or None,
            system_message=work.instructions,
            model_client_stream=True,
            reflect_on_tool_use=bool(work.tools),
        )
        for number in range(work.at_once)
    ]

    async def ask(first):
        pieces = sent = received = 0
        agent, token = idle.pop(0), CancellationToken()
        try:
            await agent.on_reset(token)
            async for message in agent.run_stream(task=work.question, cancellation_token=token):
                if isinstance(message, ModelClientStreamingChunkEvent):
                    if message.content:
                        if not pieces:
                            first()
                        pieces += 1
                elif not isinstance(message, TaskResult) and message.models_usage is not None:
                    sent += message.models_usage.prompt_tokens
                    received += message.models_usage.completion_tokens
        except asyncio.CancelledError:
            token.cancel()
            raise
        finally:
            idle.append(agent)
        return pieces, sent, received

    yield ask
    await client.close()
