"""A chain of steps, one of them tried again, and a conversation of three messages.

Prints:
    ['rain', 'is', 'wet'] [('fetch', 'done', 2), ('shorten', 'skipped', 0), ('split', 'done', 1)]
    It is wet. -> It falls. -> That is all.
"""

import trio

import actrio
from actrio.providers.policy import Backoff

MODEL = actrio.ScriptedProvider("It is wet.", "It falls.", "That is all.")
tries = 0


async def fetch(topic: str) -> str:
    """Fails the first time."""
    global tries  # noqa: PLW0603 - an example
    tries += 1
    await trio.sleep(1)
    if tries == 1:
        raise OSError("no connection")
    return f"{topic} is wet"


def shorten(text: str) -> str:
    """The first words."""
    return text[:40]


STEPS = (
    actrio.Steps("report", str)
    .then("fetch", fetch, retry=Backoff(attempts=3), on=OSError)
    .then("shorten", shorten, when=lambda text: len(text) > 40)
    .then("split", str.split)
)


async def main() -> None:
    """First steps, then a sequence."""
    run = await STEPS.run("rain")
    print(run.result(), [(step.name, step.status, step.attempts) for step in run.reports])
    async with actrio.open_runtime() as runtime:
        ref = await runtime.spawn(actrio.Agent("writer", MODEL))
        sequence = await ref.sequence(["What is rain?", "What does it do?", "And?"])
        print(" -> ".join(reply.text for reply in sequence.result()))


trio.run(main)
