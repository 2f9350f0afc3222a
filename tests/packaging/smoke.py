"""A small program for an environment that holds the wheel and what it depends on, nothing else."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import trio

import actrio
from actrio.testing import ScriptedProvider


class Greet(actrio.Request[str]):
    """Ask for a greeting."""


class Greeter(actrio.Actor):
    """Has an agent say it."""

    def __init__(self, writer: actrio.AgentRef) -> None:
        self.writer = writer

    @actrio.handles
    async def greet(self, message: Greet) -> str:
        """A greeting."""
        return (await self.writer.ask("Greet.")).text


async def talk() -> str:
    """An actor asks an agent."""
    async with actrio.open_runtime() as runtime:
        writer = await runtime.spawn(actrio.Agent("writer", ScriptedProvider("Hello there")))
        greeter = await runtime.spawn(Greeter, writer)
        reply = await greeter.ask(Greet())
        assert runtime.metrics().totals.balanced
        return reply


def main() -> None:
    assert Path(sys.prefix) in Path(actrio.__file__).parents, f"not the installed wheel: {actrio.__file__}"
    command = Path(sys.executable).with_name("actrio")
    said = subprocess.run([command, "--help"], check=True, capture_output=True, text=True).stdout
    assert "demo" in said, said
    assert trio.run(talk) == "Hello there"
    print(f"actrio {version('actrio')} works from its wheel")


if __name__ == "__main__":
    main()
