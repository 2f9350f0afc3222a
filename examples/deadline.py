"""A deadline crosses actors: the work done for an asker that gives up is cancelled first, two actors away.

Prints:
    the search was cancelled and has cleaned up
    the host gives up after 1 s
"""

import trio

import actrio


class Find(actrio.Request[str]):
    """Asked: search."""


async def archive(inbox: actrio.Inbox[Find]) -> None:
    """Searches for an hour."""
    async for letter in inbox:
        with letter.work():
            try:
                await trio.sleep(3600)
            finally:
                print("the search was cancelled and has cleaned up")


class Desk(actrio.Actor):
    """Passes questions on."""

    def __init__(self, archive: actrio.ActorRef[Find]) -> None:
        self.archive = archive

    @actrio.handles
    async def find(self, message: Find) -> str:
        """Ask the archive; deadline and cancellation go along."""
        return await self.archive.ask(message)


async def main() -> None:
    """Ask with a second's patience."""
    async with actrio.open_runtime() as runtime:
        desk = await runtime.spawn(Desk, await runtime.spawn(archive))
        with trio.move_on_after(1):
            await desk.ask(Find())
        print("the host gives up after 1 s")


trio.run(main)
