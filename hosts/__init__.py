"""The runtime inside programs that do not run on Trio.

- `blocking`: for plain threads, ``with Host() as host``; `asyncio`: for asyncio loops, ``async with AsyncioHost()``.
- `_guest_host`: as a guest in the thread of any other loop, such as Qt's.
- `_bridge`: the runtime's side of all: a queue; `_worker`: the tasks that run what comes; `_asked`: what needs no task.
- `_call`: one crossing; `_streams`: what runs in the runtime for one who reads; `_waker`: what a thread waits on.
- `_thread`: the thread of its own; `_options`: what is passed on; `_errors`.
"""

from actrio.hosts._bridge import Setup
from actrio.hosts._errors import RuntimeStopped, WrongHost
from actrio.hosts._guest_host import GuestHost
from actrio.hosts._options import RuntimeOptions
from actrio.hosts.asyncio import Host as AsyncioHost
from actrio.hosts.blocking import Host, fail_after

__all__ = ["AsyncioHost", "GuestHost", "Host", "RuntimeOptions", "RuntimeStopped", "Setup", "WrongHost", "fail_after"]
