"""The server of a model, started again when it has died."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import httpx2
import trio
from attrs import frozen

from actrio.providers.local._llama_server import LlamaServer

_log: Final = logging.getLogger("actrio.providers")


@frozen
class Loaded:
    """A server that has its model, and the client that knows its key."""

    server: LlamaServer
    client: httpx2.AsyncClient


class Keeper:
    """Has a server for whoever wants it.

    One that died is started again by the next who wants it, and not before: a prompt that kills it does so once a
    request, and a model that nobody asks takes no memory. Who comes while it starts waits for that start.

    Args:
        provider: Whose; errors name it.
        start: Starts one, and ends it.
        nursery: Owns what is started. When it ends, so do they; then :meth:`close` says so to who comes.
    """

    def __init__(
        self, provider: str, start: Callable[[], AbstractAsyncContextManager[Loaded]], nursery: trio.Nursery
    ) -> None:
        self._provider = provider
        self._start = start
        self._nursery = nursery
        self._latest: _Life | None = None
        self._closed = False

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[Loaded]:
        """The server, started if need be. Cancelled while it starts, that goes on for who comes next.

        Raises:
            ModelNotLoaded, ProviderUnreachable: it could not be started.
            trio.ClosedResourceError: it was closed.
        """
        if self._closed:
            raise trio.ClosedResourceError(f"provider {self._provider!r} is not open any more")
        life = self._latest
        if life is None or life.over:
            life = self._latest = _Life()
            self._nursery.start_soon(self._live, life)
        life.enter()
        try:
            await life.begun.wait()
            if life.loaded is None:
                raise life.error
            yield life.loaded
        finally:
            life.leave()

    def close(self) -> None:
        """Start no more."""
        self._closed = True

    async def _live(self, life: "_Life") -> None:
        life.error = trio.ClosedResourceError(f"provider {self._provider!r} was closed while its server started")
        try:
            async with self._start() as life.loaded:
                life.begun.set()
                end = await life.loaded.server.wait_end()
                _log.warning("provider %r: %s; the next request starts it again", self._provider, end)
                await life.unused.wait()  # what it had sent before can still be read
        except Exception as error:
            if life.loaded is not None:
                raise
            life.error = error
        finally:
            life.begun.set()


class _Life:
    """One server, from its start to its end.

    Attributes:
        begun: It listens, or never will.
        loaded: It, if it does.
        error: Why it never will; only then is it raised.
        unused: Nobody is in :meth:`Keeper.use`.
    """

    def __init__(self) -> None:
        self.begun = trio.Event()
        self.loaded: Loaded | None = None
        self.error: Exception = RuntimeError("it has not begun")
        self.unused = trio.Event()
        self._users = 0
        self.unused.set()

    @property
    def over(self) -> bool:
        """Whether it takes no more requests."""
        return self.begun.is_set() and (self.loaded is None or not self.loaded.server.runs)

    def enter(self) -> None:
        """Somebody uses it."""
        if not self._users:
            self.unused = trio.Event()
        self._users += 1

    def leave(self) -> None:
        """And no longer."""
        self._users -= 1
        if not self._users:
            self.unused.set()
