"""The runtime for a program on asyncio: FastAPI, Starlette, notebooks.

- `_host`: the runtime; `_crossing`: how a task waits for it; `_wakeups`: what ends that; `_guest`: both in one thread.
- `_on_loop`: the loop as agents use it, for code of asyncio's.
- `_calls`, `_refs`, `_turn`, `_batch`, `_topic`: what it can do.
"""

from actrio.hosts.asyncio._batch import Batch
from actrio.hosts.asyncio._crossing import Mode, Reader
from actrio.hosts.asyncio._host import Host
from actrio.hosts.asyncio._refs import ActorRef, AgentRef, RemoteConversation, SupervisorRef
from actrio.hosts.asyncio._topic import Listener, Topic
from actrio.hosts.asyncio._turn import Run, Turn

__all__ = [
    "ActorRef",
    "AgentRef",
    "Batch",
    "Host",
    "Listener",
    "Mode",
    "Reader",
    "RemoteConversation",
    "Run",
    "SupervisorRef",
    "Topic",
    "Turn",
]
