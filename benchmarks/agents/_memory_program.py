"""The program whose memory is measured: so many streams at once, through agents or not. Never imported.

It prints how many tokens it read, and the most memory that it has ever had resident, in MB.
"""

import sys
from pathlib import Path
from typing import Final

import trio

from actrio.actors import open_runtime
from actrio.agents import Agent
from actrio.benchmarks.providers import KEY, MODEL
from actrio.providers import ModelRequest, OpenAIProvider, TextDelta, User

_STATUS: Final = Path("/proc/self/status")


async def _agents(provider: OpenAIProvider, streams: int) -> int:
    tokens = 0
    async with open_runtime() as runtime:
        refs = [await runtime.spawn(Agent(f"agent-{number}", provider)) for number in range(streams)]

        async def read(number: int) -> None:
            nonlocal tokens
            async with refs[number].run("Go on.") as turn:
                async for _ in turn.text():
                    tokens += 1

        async with trio.open_nursery() as nursery:
            for number in range(streams):
                nursery.start_soon(read, number)
    return tokens


async def _bare(provider: OpenAIProvider, streams: int) -> int:
    tokens = 0
    async with provider.open() as connection:

        async def read() -> None:
            nonlocal tokens
            async with connection.stream(ModelRequest([User("Go on.")])) as stream:
                async for event in stream:
                    tokens += isinstance(event, TextDelta)

        async with trio.open_nursery() as nursery:
            for _ in range(streams):
                nursery.start_soon(read)
    return tokens


def _peak_mb() -> float:
    if _STATUS.exists():
        # Of this program alone: what getrusage tells begins with the peak of the process that started it.
        found = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(found.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def _main() -> None:
    kind, base_url, streams = sys.argv[1:]
    provider = OpenAIProvider(MODEL, base_url=base_url, api_key=KEY)
    tokens = trio.run(_agents if kind == "agents" else _bare, provider, int(streams))
    print(tokens, round(_peak_mb(), 1))


if __name__ == "__main__":
    _main()
