"""What handlers put, for whoever reads a run."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Self

import trio

from actrio.mailbox import Subscription

if TYPE_CHECKING:
    from actrio.agents.flow._run import FlowRun


class Items(AsyncIterator[Any]):
    """What handlers put, as far as the run has settled. See `FlowRun.items`."""

    __slots__ = ("_run", "_subscription")

    def __init__(self, run: "FlowRun", subscription: Subscription[Any]) -> None:
        self._run = run
        self._subscription = subscription

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return self._subscription.receive_nowait()
            except trio.WouldBlock:
                if not self._run.busy:
                    break
            except (trio.EndOfChannel, trio.ClosedResourceError):
                break
            await self._run.changed()
        raise StopAsyncIteration
