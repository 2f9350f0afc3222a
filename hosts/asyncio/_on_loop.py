"""The other direction: the host's loop as the runtime uses it, and its end."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial, wraps
from typing import Final, ParamSpec, TypeVar
from weakref import finalize, ref

from actrio.agents.tools import Loop, TaskLost, open_loop
from actrio.hosts._bridge import Bridge
from actrio.hosts._errors import RuntimeStopped
from actrio.hosts.asyncio._wakeups import Wakeups

P = ParamSpec("P")
T = TypeVar("T")

NEVER_S: Final = 3e9  # seconds, about a hundred years


class HostLoop:
    """The loop that a host was started in.

    What runs in the runtime gets it as what it would else open for itself, :func:`open_loop`.

    Attributes:
        loop: It.
        wakeups: Of those who wait in it for the runtime.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, bridge: Bridge) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.wakeups: Wakeups = Wakeups(loop, same_thread=bridge.guest)
        self._inside: Loop | None = None
        bridge.shared[open_loop] = self._open
        # A loop tells nobody when it is closed, but it drops what it was to call.
        never = _Never()
        self._closed = finalize(never, _loop_closed, ref(bridge), ref(self))
        self._closed.atexit = False
        self._timer = ref(loop.call_later(NEVER_S, never))  # the loop alone holds it

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[Loop]:
        self._inside = Loop(self.loop)
        try:
            yield self._inside
        finally:
            with suppress(RuntimeError):  # it is closed
                self.loop.call_soon_threadsafe(self.forget)

    def forget(self) -> None:
        """In the loop: the runtime has ended, so that nobody need be told of the loop's end."""
        self.wakeups.close()
        self._closed.detach()
        timer = self._timer()
        if timer is not None:
            timer.cancel()

    def lose(self) -> None:
        """In Trio: it is closed."""
        if self._inside is not None:
            self._inside.lose()

    def on_loop(self, function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """A function for the runtime that runs one of asyncio's here."""

        @wraps(function)
        async def on_its_loop(*args: P.args, **kwargs: P.kwargs) -> T:
            if self._inside is None:
                raise RuntimeStopped("it has not been started")
            try:
                return await self._inside.run(partial(function, *args, **kwargs))
            except TaskLost as lost:
                raise RuntimeStopped(lost.reason) from None

        return on_its_loop


class _Never:
    """What a loop never comes to call."""

    __slots__ = ("__weakref__",)

    def __call__(self) -> None:
        """In a hundred years."""


def _loop_closed(to_bridge: "ref[Bridge]", to_loop: "ref[HostLoop]") -> None:
    """In whatever thread closed it: nobody is there any more to wait for the runtime, or to stop it."""
    bridge, loop = to_bridge(), to_loop()
    if bridge is not None:
        if loop is not None:
            bridge.post(loop.lose)
        bridge.stop_soon(at_once=True)
