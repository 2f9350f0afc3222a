"""Things opened once a runtime and shared by its actors."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import trio

from actrio.actors._errors import RuntimeClosed
from actrio.mailbox._working import current_inbox

CLOSE_GRACE = 5.0  # seconds a resource gets to close by itself before it is cancelled


class Resources:
    """Async context managers, each entered by the first who needs it and left when the runtime ends.

    Each lives in a task of its own, so that it is entered and left in one task, whoever asked for it. That task is
    shielded, so that actors find it in their ``stopped`` hooks also when the whole runtime was cancelled.
    """

    __slots__ = ("_nursery", "_open")

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._open: dict[object, Shared] = {}

    async def get(self, key: object, open_resource: Callable[[], AbstractAsyncContextManager[Any]]) -> Any:
        """The value under a key, opening it if need be.

        Raises: what opening it raised; RuntimeClosed if the runtime closed meanwhile.
        """
        shared = self._open.get(key)
        if shared is None:
            shared = self._open[key] = Shared()
            self._nursery.start_soon(self._hold, key, shared, open_resource, name=f"shared {key}")
        await shared.ready.wait()
        if shared.error is not None:
            raise shared.error
        return shared.value

    async def _hold(
        self, key: object, shared: "Shared", open_resource: Callable[[], AbstractAsyncContextManager[Any]]
    ) -> None:
        current_inbox.set(None)  # it works for all, not for the actor that asked first
        try:
            with shared.scope:
                async with open_resource() as shared.value:
                    shared.error = None
                    shared.ready.set()
                    await shared.leave.wait()
        except Exception as error:
            if shared.ready.is_set():
                raise
            shared.error = error
        finally:
            self._open.pop(key, None)
            shared.ready.set()
            shared.closed.set()

    async def close(self) -> None:
        """Close all, the last opened first; what is still opening is cancelled."""
        for shared in reversed(tuple(self._open.values())):
            shared.leave.set()
            if not shared.ready.is_set():
                shared.scope.cancel()
            with trio.move_on_after(CLOSE_GRACE):
                await shared.closed.wait()
            shared.scope.cancel()
            await shared.closed.wait()


class Shared:
    """One of them. ``value`` is there once ``ready`` is set and ``error`` is None."""

    __slots__ = ("closed", "error", "leave", "ready", "scope", "value")

    def __init__(self) -> None:
        self.scope = trio.CancelScope(shield=True)
        self.ready = trio.Event()
        self.leave = trio.Event()
        self.closed = trio.Event()
        self.value: Any = None
        self.error: Exception | None = RuntimeClosed()
