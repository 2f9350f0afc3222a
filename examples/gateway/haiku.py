"""An agent over WebSocket: a gateway, and a client that reads the answer while it comes.

Prints:
    Words fall like slow rain.
    5 tokens
"""

import trio

import actrio
from actrio.gateway import connect, serve
from actrio.testing import ScriptedProvider


async def main() -> None:
    """Serve one agent on a free port of loopback, and ask it from outside."""
    async with actrio.open_runtime() as runtime, trio.open_nursery() as nursery:
        await runtime.spawn(actrio.Agent("poet", ScriptedProvider("Words fall like slow rain.")))
        gateway = await nursery.start(serve, runtime)
        async with connect(gateway.url) as client, client.run("poet", "A line on writing, please.") as turn:
            async for piece in turn.text():
                print(piece, end="", flush=True)
            reply = await turn.result()
        print(f"\n{reply.usage.output_tokens} tokens")
        gateway.stop()


if __name__ == "__main__":
    trio.run(main)
