"""An editor, which is a plain actor, has a writer, which is a model, draft and shorten.

The model plays a script. Give the agent `actrio.LocalProvider()` for a real one.

Prints:
    A nursery waits for all of its tasks.
    Nurseries wait.
"""

import trio

import actrio

MODEL = actrio.ScriptedProvider("A nursery waits for all of its tasks.", "Nurseries wait.")


class Write(actrio.Request[str]):
    """Asked: a headline."""


class Editor(actrio.Actor):
    """Prints the draft as it comes, and asks for less."""

    def __init__(self, writer: actrio.AgentRef) -> None:
        self.writer = writer

    @actrio.handles
    async def edit(self, message: Write) -> str:
        """Two turns of one conversation."""
        async with self.writer.run("Write about nurseries.", conversation="c1") as turn:
            async for piece in turn.text():
                print(piece, end="", flush=True)
        print()
        return (await self.writer.ask("Shorter.", conversation="c1")).text


async def main() -> None:
    """Open a newsroom for one headline."""
    async with actrio.open_runtime() as runtime:
        writer = await runtime.spawn(actrio.Agent("writer", MODEL, "You write short texts."))
        print(await (await runtime.spawn(Editor, writer)).ask(Write()))


trio.run(main)
