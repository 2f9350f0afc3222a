"""The program whose cost from its start on is measured, for actrio's side. Never imported. It prints numbers.

Its arguments are what to measure, the server's address, instructions and a question. ``start``: processor time of this
process, in ms, when actrio is imported, and when its first turn is done. ``memory``, and a number: the most memory that
it has had resident, in MB, when so many agents' answers have begun.
"""

import os
import sys
from pathlib import Path
from time import process_time

import trio

from actrio.actors import open_runtime
from actrio.agents import Agent
from actrio.providers import OpenAIProvider

_IMPORTED = process_time()

_STATUS = Path("/proc/self/status")


def _agent(name: str) -> Agent:
    return Agent(name, OpenAIProvider("made-up-1", base_url=sys.argv[2], api_key="no-key-needed"), sys.argv[3])


async def _start() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(_agent("agent"))
        async with ref.run(sys.argv[4]) as turn:
            tokens = [token async for token in turn.text()]
        print(len(tokens), _IMPORTED * 1e3, process_time() * 1e3, flush=True)


def _peak_mb() -> float:
    if _STATUS.exists():
        found = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(found.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


async def _memory() -> None:
    streams = int(sys.argv[5])
    begun, all_begun = 0, trio.Event()

    async with open_runtime() as runtime, trio.open_nursery() as nursery:
        refs = [await runtime.spawn(_agent(f"agent-{number}")) for number in range(streams)]

        async def read(number: int) -> None:
            nonlocal begun
            async with refs[number].run(sys.argv[4]) as turn:
                first = True
                async for _ in turn.text():
                    begun += first
                    first = False
                    if begun == streams:
                        all_begun.set()

        for number in range(streams):
            nursery.start_soon(read, number)
        await all_begun.wait()
        print(begun, _peak_mb(), flush=True)
        os._exit(0)


if __name__ == "__main__":
    trio.run(_start if sys.argv[1] == "start" else _memory)
