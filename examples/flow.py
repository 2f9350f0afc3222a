"""A flow: a topic sets off research, two facts together set off a writer, and a person has the last word.

Prints:
    rain: looking in books
    rain: asking around
    Draft: rain is wet; rain is loved
    Printed, says Ann.
"""

import trio
from attrs import frozen

import actrio


@frozen
class Fact:
    """Something to write."""

    text: str


flow = actrio.Flow("report")


@flow.on(str)
async def research(topic: str, run: actrio.FlowRun) -> None:
    """Finds two facts."""
    for place, fact in (("looking in books", "wet"), ("asking around", "loved")):
        await run.put(f"{topic}: {place}")
        await run.emit(Fact(f"{topic} is {fact}"))


@flow.on(actrio.collect(Fact, 2))
async def write(facts: tuple[Fact, ...], run: actrio.FlowRun) -> None:
    """Waits for a person."""
    await run.put("Draft: " + "; ".join(fact.text for fact in facts))
    verdict = await run.pause_for(str, key="verdict")
    await run.put(f"Printed, says {verdict}.")


async def main() -> None:
    """Let it run until it waits for a person, and answer."""
    async with flow.open("rain") as run:
        items = run.items()
        async for item in items:
            print(item)
        run.resume("Ann", key="verdict")
        async for item in items:
            print(item)


trio.run(main)
