"""What handlers put, for whoever reads a run."""

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import trio

from actrio.mailbox import Subscription

if TYPE_CHECKING:
    from actrio.agents.flow._run import FlowRun


class Items(AsyncIterator[Any]):
    """What handlers put, as far as the run has settled. See `FlowRun.items`.

    Leaving its ``with`` block closes it. One that was given up without that holds up who puts, until the run has ended.
    """

    __slots__ = ("_closed", "_run", "_subscription")

    def __init__(self, run: "FlowRun", subscription: Subscription[Any], closed: "Callable[[Items], None]") -> None:
        self._run = run
        self._subscription = subscription
        self._closed = closed

    def close(self) -> None:
        """Read no more, and let go who puts. Not a checkpoint, and harmless the second time; iterating it then ends."""
        self._closed(self)
        self._subscription.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

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
