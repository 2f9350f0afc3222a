"""A script that knows nothing of Trio: agents in three lines, with tokens as they come and a time-out.

Prints:
    Hello from a thread.
    too slow
"""

import trio

import actrio
from actrio.hosts import fail_after
from actrio.testing import Stall

with actrio.Host() as host:
    writer = host.spawn(actrio.Agent("writer", model=actrio.ScriptedProvider("Hello from a thread.", Stall(after=2))))
    for piece in host.run(writer, "Say hello.").text():
        print(piece, end="", flush=True)
    print()
    try:
        with fail_after(0.1):
            writer.ask("Say it again.")
    except trio.TooSlowError:
        print("too slow")
