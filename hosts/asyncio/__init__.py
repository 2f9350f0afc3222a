"""The runtime for a program on asyncio: FastAPI, Starlette, notebooks.

- `_host`: the runtime; `_crossing`: how a task waits for it; `_guest`: both in one thread.
- `_on_loop`: code of asyncio's for agents to call.
- `_calls`, `_refs`, `_turn`: what it can do.
"""

from actrio.hosts.asyncio._crossing import Mode, Reader
from actrio.hosts.asyncio._host import Host
from actrio.hosts.asyncio._refs import ActorRef, AgentRef, RemoteConversation, SupervisorRef
from actrio.hosts.asyncio._turn import Run, Turn

__all__ = [
    "ActorRef",
    "AgentRef",
    "Host",
    "Mode",
    "Reader",
    "RemoteConversation",
    "Run",
    "SupervisorRef",
    "Turn",
]
