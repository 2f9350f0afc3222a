"""The runtime for a program of plain threads: scripts, WSGI servers, worker threads.

- `_host`: the runtime in its thread; `_crossing`: how a thread waits for it.
- `_calls`, `_refs`, `_turn`, `_batch`, `_topic`: what it can do, the same as in `actrio.hosts.asyncio`, and made from
  that.
"""

from actrio.hosts.blocking._batch import Batch
from actrio.hosts.blocking._crossing import Reader, fail_after
from actrio.hosts.blocking._host import Host
from actrio.hosts.blocking._refs import ActorRef, AgentRef, RemoteConversation, SupervisorRef
from actrio.hosts.blocking._topic import Listener, Topic
from actrio.hosts.blocking._turn import Run, Turn

__all__ = [
    "ActorRef",
    "AgentRef",
    "Batch",
    "Host",
    "Listener",
    "Reader",
    "RemoteConversation",
    "Run",
    "SupervisorRef",
    "Topic",
    "Turn",
    "fail_after",
]
