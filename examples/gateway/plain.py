"""A program without Trio talks to a gateway's agents through a host, and reads the answer while it comes.

Prints:
    Ask: Words fall like slow rain.
    Words fall like slow rain.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import trio

import actrio
from actrio.gateway import connect, serve
from actrio.testing import ScriptedProvider

urls: list[str] = []


@asynccontextmanager
async def gateway(runtime: actrio.Runtime) -> AsyncGenerator[None]:
    """One agent, served on a free port of loopback: in practice another program."""
    await runtime.spawn(actrio.Agent("poet", ScriptedProvider("Words fall like slow rain.", cycle=True)))
    async with trio.open_nursery() as nursery:
        served = await nursery.start(serve, runtime)
        urls.append(served.url)
        yield
        nursery.cancel_scope.cancel()


def main() -> None:
    """Ask, then read word by word."""
    with actrio.Host(gateway), actrio.Host() as host:
        client = host.call(host.runtime.share, "gateway", partial(connect, urls[0]))
        print("Ask:", host.call(client.agent("poet").ask, "A line, please.").text)
        for piece in host.turn(client.run, "poet", "And again.").text():
            print(piece, end="", flush=True)
        print()


if __name__ == "__main__":
    main()
