"""openai: its SDK, and by hand the loop that a library of agents would have.

The fast path: one `AsyncOpenAI` for all turns, and the typed stream of `chat.completions.create`, which its
documentation shows first; its helper `chat.completions.stream` does more for each piece. With its defaults.
"""

import json
from contextlib import asynccontextmanager

from openai import AsyncOpenAI

ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {
                "one": {"type": "integer", "description": "The one."},
                "other": {"type": "integer", "description": "The other."},
            },
            "required": ["one", "other"],
        },
    },
}


@asynccontextmanager
async def opened(work):
    tools = {tool.__name__: tool for tool in work.tools}
    more = {"tools": [ADD]} if tools else {}

    async with AsyncOpenAI(base_url=work.base_url, api_key=work.key) as client:

        async def ask(first):
            messages = [
                {"role": "system", "content": work.instructions},
                {"role": "user", "content": work.question},
            ]
            pieces = sent = received = 0
            while True:
                call = {"id": "", "name": "", "arguments": ""}
                async with await client.chat.completions.create(
                    model=work.model,
                    messages=messages,
                    stream=True,
                    stream_options={"include_usage": True},
                    **more,
                ) as stream:
                    async for chunk in stream:
                        if chunk.usage is not None:
                            sent += chunk.usage.prompt_tokens
                            received += chunk.usage.completion_tokens
                        for choice in chunk.choices:
                            if choice.delta.content:
                                if not pieces:
                                    first()
                                pieces += 1
                            for part in choice.delta.tool_calls or ():
                                call["id"] += part.id or ""
                                call["name"] += part.function.name or ""
                                call["arguments"] += part.function.arguments or ""
                if not call["name"]:
                    return pieces, sent, received
                result = await tools[call["name"]](**json.loads(call["arguments"]))
                function = {"name": call["name"], "arguments": call["arguments"]}
                messages += [
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"id": call["id"], "type": "function", "function": function}],
                    },
                    {"role": "tool", "tool_call_id": call["id"], "content": str(result)},
                ]

        yield ask
