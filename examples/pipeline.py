"""Backpressure: a fast reader, a slow writer, and room for two lines between them.

Prints:
    read all by 2 s, with at most 2 lines waiting
"""

import trio

import actrio


async def reader(inbox: actrio.Inbox[str], writer: actrio.ActorRef[str]) -> None:
    """Tells the writer each line of one text; waits when there is no room."""
    async for letter in inbox:
        for line in letter.message.splitlines():
            await writer.tell(line)
        return


async def writer(inbox: actrio.Inbox[str]) -> None:
    """Takes a second a line."""
    async for _letter in inbox:
        await trio.sleep(1)


async def main() -> None:
    """Read five lines: the fifth has room once the writer is at the third."""
    async with actrio.open_runtime() as runtime:
        write = await runtime.spawn(writer, capacity=2)
        read = await runtime.spawn(reader, write)
        started = trio.current_time()
        await read.tell("1\n2\n3\n4\n5")
        await read.watch()
        waiting = write.metrics().mailbox.high_water
        print(f"read all by {trio.current_time() - started:.0f} s, with at most {waiting} lines waiting")


trio.run(main)
