"""A turn with one tool call, three ways: an agent with a tool; the bare provider and the SDK with a loop by hand.

The server asks for the tool ``add`` and, once it has the result, answers with text: two requests a turn.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from actrio.agents import tool
from actrio.benchmarks.agents._agent import idle_agents
from actrio.benchmarks.providers import KEY, MODEL, Ask, Client, Exchange
from actrio.providers import (
    Assistant,
    Connection,
    Message,
    ModelRequest,
    OpenAIProvider,
    System,
    TextDelta,
    ToolCall,
    ToolCallFinished,
    ToolResult,
    UsageReported,
    User,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

EXCHANGE: Final = Exchange(tokens=16)


@tool
async def add(one: int, other: int) -> int:
    """Add two numbers.

    Args:
        one: The one.
        other: The other.
    """
    return one + other


def _check(result: str, tokens: int, messages: int) -> None:
    """Assert that the tool was called with what the model said, and that both requests arrived whole."""
    got = (result, tokens, messages)
    wanted = ("42", EXCHANGE.tokens, EXCHANGE.messages + EXCHANGE.messages + 2)
    assert got == wanted, f"{got}, not {wanted}"


def agents_with_a_tool(agents: int) -> Client:
    """As users have it. See `through_agents`."""

    @asynccontextmanager
    async def client(exchange: Exchange) -> AsyncGenerator[Ask]:
        async with idle_agents(exchange, agents, [add]) as (idle, question):

            async def ask() -> float:
                ref = idle.popleft()
                reply = await ref.ask(question)
                idle.append(ref)
                _check(reply.tool_uses[0].text, reply.text.count("word"), reply.usage.input_tokens)
                return reply.duration

            yield ask

    return client


@asynccontextmanager
async def bare_with_a_tool(exchange: Exchange) -> AsyncGenerator[Ask]:
    """The provider's two requests, and as little as can be between them."""
    provider = OpenAIProvider(MODEL, base_url=exchange.base_url, api_key=KEY)
    (_, instructions), (_, question) = exchange.conversation()
    definitions = [add.definition()]

    async with provider.open() as connection:

        async def ask() -> float:
            messages: list[Message] = [System(instructions), User(question)]
            text, calls, sent = await _answer(connection, ModelRequest(messages, tools=definitions))
            results = [ToolResult(call.id, str(await add(**json.loads(call.arguments)))) for call in calls]
            messages += [Assistant(text, tool_calls=tuple(calls)), *results]
            text, _, sent_again = await _answer(connection, ModelRequest(messages, tools=definitions))
            _check(results[0].text, text.count("word"), sent + sent_again)
            return 0.0

        yield ask


async def _answer(connection: Connection, request: ModelRequest) -> tuple[str, list[ToolCall], int]:
    pieces: list[str] = []
    calls: list[ToolCall] = []
    sent = 0
    async with connection.stream(request) as stream:
        async for event in stream:
            if isinstance(event, TextDelta):
                pieces.append(event.text)
            elif isinstance(event, ToolCallFinished):
                calls.append(ToolCall(event.call_id, event.name, event.arguments))
            elif isinstance(event, UsageReported):
                sent = event.usage.input_tokens
    return "".join(pieces), calls, sent


@asynccontextmanager
async def sdk_with_a_tool(exchange: Exchange) -> AsyncGenerator[Ask]:
    """The openai SDK's typed stream, and the same loop."""
    from openai import AsyncOpenAI

    (_, instructions), (_, question) = exchange.conversation()
    definition = add.definition()
    tools = [
        {
            "type": "function",
            "function": {
                "name": definition.name,
                "description": definition.description,
                "parameters": definition.parameters,
            },
        }
    ]
    async with AsyncOpenAI(base_url=exchange.base_url, api_key=KEY) as client:

        async def ask() -> float:
            messages: list[dict[str, Any]] = [
                {"role": "system", "content": instructions},
                {"role": "user", "content": question},
            ]
            _, call, sent = await _sdk_answer(client, messages, tools)
            result = str(await add(**json.loads(call["arguments"])))
            function = {"name": call["name"], "arguments": call["arguments"]}
            messages += [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": call["id"], "type": "function", "function": function}],
                },
                {"role": "tool", "tool_call_id": call["id"], "content": result},
            ]
            text, _, sent_again = await _sdk_answer(client, messages, tools)
            _check(result, text.count("word"), sent + sent_again)
            return 0.0

        yield ask


async def _sdk_answer(
    client: "AsyncOpenAI", messages: list[dict[str, Any]], tools: list[dict[str, Any]]
) -> tuple[str, dict[str, str], int]:
    pieces: list[str] = []
    call = {"id": "", "name": "", "arguments": ""}
    sent = 0
    async with await client.chat.completions.create(
        model=MODEL,
        messages=cast("list[ChatCompletionMessageParam]", messages),
        tools=cast("list[ChatCompletionToolParam]", tools),
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        async for chunk in stream:
            if chunk.usage is not None:
                sent = chunk.usage.prompt_tokens
            for choice in chunk.choices:
                if choice.delta.content:
                    pieces.append(choice.delta.content)
                for piece in choice.delta.tool_calls or ():
                    call["id"] += piece.id or ""
                    if piece.function is not None:
                        call["name"] += piece.function.name or ""
                        call["arguments"] += piece.function.arguments or ""
    return "".join(pieces), call, sent
