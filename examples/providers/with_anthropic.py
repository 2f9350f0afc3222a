"""A model of Anthropic's calls a function of ours: ANTHROPIC_API_KEY and ANTHROPIC_BASE_URL say where.

Prints, if the model says so:
    sea_temperature {"place":"Bergen"}
    It has 11 degrees.
"""

import trio

from actrio.providers import (
    AnthropicProvider,
    Assistant,
    Connection,
    Message,
    ModelRequest,
    TextDelta,
    ToolCall,
    ToolCallFinished,
    ToolDefinition,
    ToolResult,
    User,
)

PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
TOOL = ToolDefinition("sea_temperature", "How many degrees the sea has at a place.", PLACE)


async def turn(connection: Connection, messages: list[Message]) -> Assistant:
    """One answer of the model."""
    async with connection.stream(ModelRequest(messages, tools=[TOOL])) as stream:
        events = [event async for event in stream]
    calls = [
        ToolCall(event.call_id, event.name, event.arguments) for event in events if isinstance(event, ToolCallFinished)
    ]
    return Assistant("".join(event.text for event in events if isinstance(event, TextDelta)), tool_calls=tuple(calls))


async def main() -> None:
    """Ask until it wants nothing more of us."""
    messages: list[Message] = [User("How warm is the sea at Bergen?")]
    async with AnthropicProvider("claude-sonnet-4-5").open() as connection:
        while (answer := await turn(connection, messages)).tool_calls:
            messages.append(answer)
            for call in answer.tool_calls:
                print(call.name, call.arguments)
                messages.append(ToolResult(call.id, "11"))
        print(answer.text)


trio.run(main)
