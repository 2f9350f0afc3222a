"""An agent finds hotels with one tool, and books with another, of which a person has to approve.

The model plays a script. Give the agent `"openai:gpt-5-mini"` for a real one.

Prints:
    done: {"Fjord":120,"Grand":310}
    may I book {"hotel": "Fjord"}?
    done: Fjord is booked.
    You have a room.
"""

import trio

import actrio
from actrio.agents import ApprovalRequested, ToolCallFinished
from actrio.testing import Say, ToolCall


@actrio.tool
async def find_hotels() -> dict[str, int]:
    """Find hotels, and what a night costs."""
    return {"Fjord": 120, "Grand": 310}


@actrio.tool(approval=True, timeout=60)
async def book(hotel: str) -> str:
    """Book a hotel."""
    return f"{hotel} is booked."


FINDS = Say(tool_calls=(ToolCall("1", "find_hotels", "{}"),))
BOOKS = Say(tool_calls=(ToolCall("2", "book", '{"hotel": "Fjord"}'),))
MODEL = actrio.ScriptedProvider(FINDS, BOOKS, "You have a room.")


async def main() -> None:
    """One turn, and whoever reads it is asked."""
    async with actrio.open_runtime() as runtime:
        clerk = await runtime.spawn(actrio.Agent("clerk", MODEL, tools=[find_hotels, book]))
        async with clerk.run("A room in Bergen, please.") as turn:
            async for event in turn.events():
                if isinstance(event, ApprovalRequested):
                    print(f"may I book {event.call.arguments}?")
                    turn.approve(event.call.id)
                elif isinstance(event, ToolCallFinished):
                    print(f"{event.use.outcome}: {event.use.text}")
            print((await turn.result()).text)


trio.run(main)
