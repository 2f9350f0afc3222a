"""Providers that are opened when they are first needed, and closed with their owner."""

from typing import Final

import trio

from actrio.mailbox._working import current_inbox
from actrio.providers._provider import Connection, Provider

# Seconds a provider gets to close by itself before it is cancelled.
_CLOSING_S: Final = 5.0


class Standbys:
    """Providers of one owner, which are closed in the reverse of the order in which they were opened."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._open: list[Standby] = []  # the first opened first

    def add(self, provider: Provider) -> "Standby":
        """One more, not open yet."""
        return Standby(provider, self._nursery, self._open)

    async def close(self) -> None:
        """Close all that are open."""
        for standby in reversed(tuple(self._open)):
            await standby.close()


class Standby:
    """A provider, open from when it is first needed until its owner closes it.

    It is open in a task of its own, so that it is entered and left in one task, whoever needed it first. That task is
    shielded: when its owner is cancelled, streams are left before what is below them is closed.
    """

    def __init__(self, provider: Provider, nursery: trio.Nursery, open_ones: "list[Standby]") -> None:
        self.provider = provider
        self._nursery = nursery
        self._open_ones = open_ones
        self._opening: _Opening | None = None

    async def connection(self) -> Connection:
        """The open connection, opening it if it is not. Who waits may be cancelled; it is opened all the same.

        Raises: what opening it raised, to all who wait. The next call opens it again.
        """
        if self._opening is None:
            self._opening = _Opening()
            self._open_ones.append(self)
            self._nursery.start_soon(self._hold, self._opening, name=f"provider {self.provider.name}")
        opening = self._opening
        await opening.ready.wait()
        if opening.connection is None:
            raise opening.error
        return opening.connection

    async def close(self) -> None:
        """Close it. What is still being opened is cancelled; who takes too long to close is as well."""
        opening = self._opening
        if opening is None:
            return
        opening.leave.set()
        if not opening.ready.is_set():
            opening.scope.cancel()
        with trio.move_on_after(_CLOSING_S):
            await opening.closed.wait()
        opening.scope.cancel()
        await opening.closed.wait()

    async def _hold(self, opening: "_Opening") -> None:
        current_inbox.set(None)  # it works for all, not for the actor that asked first
        try:
            with opening.scope:
                async with self.provider.open() as opening.connection:
                    opening.ready.set()
                    await opening.leave.wait()
        except Exception as error:
            if opening.ready.is_set():
                raise
            opening.error = error
        finally:
            self._opening = None
            self._open_ones.remove(self)
            opening.ready.set()
            opening.closed.set()


class _Opening:
    """`connection` is there once `ready` is set, or `error` says why not."""

    __slots__ = ("closed", "connection", "error", "leave", "ready", "scope")

    def __init__(self) -> None:
        self.scope = trio.CancelScope(shield=True)
        self.ready = trio.Event()
        self.leave = trio.Event()
        self.closed = trio.Event()
        self.connection: Connection | None = None
        self.error: Exception = trio.ClosedResourceError("the provider was closed while it was opened")
