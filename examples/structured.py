"""An agent answers with a value of a type, which is read while it grows; and again, as the first is not of that type.

The model plays a script. Give the agent `"openai:gpt-5-mini"` for a real one.

Prints:
    0 title = Bergen
    1 title = Two days in Bergen
    1 days[*] = Walk up Floyen
    1 days[*] = Take the boat
    Plan(title='Two days in Bergen', days=['Walk up Floyen', 'Take the boat'])
"""

import trio
from attrs import frozen

import actrio


@frozen
class Plan:
    """What the agent answers with."""

    title: str
    days: list[str]


MODEL = actrio.ScriptedProvider(
    '{"title": "Bergen"}',
    '{"title": "Two days in Bergen", "days": ["Walk up Floyen", "Take the boat"]}',
)


async def main() -> None:
    """Plan one journey."""
    async with actrio.open_runtime() as runtime:
        planner = await runtime.spawn(actrio.Agent("planner", MODEL, "You plan journeys.", output=Plan))
        async with planner.run("Two days in Bergen, please.") as turn:
            async for update in turn.fields():
                if update.is_complete and isinstance(update.value, str):
                    print(update.attempt, update.path, "=", update.value)
            print((await turn.result()).data)


trio.run(main)
