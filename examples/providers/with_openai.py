"""An answer of OpenAI's, or of a server that speaks like it: OPENAI_API_KEY and OPENAI_BASE_URL say which.

Prints, if the model says so:
    Rivers carry salt from rocks into it.
"""

import trio

import actrio
from actrio.providers import Limits, OpenAIProvider, Retry, Timeouts

MODEL = OpenAIProvider(
    "gpt-5-mini",
    retry=Retry(attempts=5),
    limits=Limits(requests_per_minute=500, concurrent_requests=20),
    timeouts=Timeouts(first_event_s=60),
)


async def main() -> None:
    """Print it as it comes."""
    async with actrio.open_runtime() as runtime:
        teacher = await runtime.spawn(actrio.Agent("teacher", MODEL, "You answer in one sentence."))
        with trio.fail_after(120):
            async with teacher.run("Why is the sea salty?") as turn:
                async for piece in turn.text():
                    print(piece, end="", flush=True)
        print()


trio.run(main)
