"""Things opened once a runtime and shared by its actors."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import trio


class Resources:
    """Async context managers, each entered by the first who needs it and left when the runtime ends.

    Each lives in a task of its own, so that it is entered and left in one task, whoever asked for it.
    """

    __slots__ = ("_nursery", "_open")

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._open: dict[object, _Shared] = {}

    async def get(self, key: object, open_resource: Callable[[], AbstractAsyncContextManager[Any]]) -> Any:
        """The value under a key, opening it if need be. Raises: what opening it raised."""
        shared = self._open.get(key)
        if shared is None:
            shared = self._open[key] = _Shared()
            self._nursery.start_soon(self._hold, key, shared, open_resource, name=f"shared {key}")
        await shared.ready.wait()
        if shared.error is not None:
            raise shared.error
        return shared.value

    async def _hold(
        self, key: object, shared: "_Shared", open_resource: Callable[[], AbstractAsyncContextManager[Any]]
    ) -> None:
        try:
            async with open_resource() as shared.value:
                shared.ready.set()
                await trio.sleep_forever()
        except Exception as error:
            if shared.ready.is_set():
                raise
            shared.error = error
            self._open.pop(key, None)
            shared.ready.set()


class _Shared:
    """One of them. ``value`` is there once ``ready`` is set and ``error`` is None."""

    __slots__ = ("error", "ready", "value")

    def __init__(self) -> None:
        self.ready = trio.Event()
        self.value: Any = None
        self.error: Exception | None = None
