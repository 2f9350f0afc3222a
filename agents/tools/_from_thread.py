"""Async functions run for a tool that works in a thread."""

from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import Any, TypeAlias

import outcome
import trio

from actrio.mailbox import ActrioError

_Reply: TypeAlias = "SimpleQueue[outcome.Value[Any] | outcome.Error]"


class CallOver(ActrioError):
    """Raised in the thread of a tool that asks for something when its call is over: it was cancelled, or timed out."""

    def __init__(self, tool: str) -> None:
        super().__init__(f"the call of tool {tool!r} is over, and nobody waits for it any more: return")


class FromThread:
    """Runs async functions for one call, in tasks that belong to it: they are cancelled with it.

    Args:
        tool: The tool's name.
    """

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._token = trio.lowlevel.current_trio_token()
        self._nursery: trio.Nursery | None = None  # as long as the call goes on

    async def beside(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Await the work, and run what its thread asks for meanwhile."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            # Raised when the nursery is closed, so that it comes in no group.
            result = await outcome.acapture(work)
            self._nursery = None
            nursery.cancel_scope.cancel()
        return result.unwrap()

    def run(self, async_fn: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """Run it, and wait for what it returns; to be called in the thread. Raises: what it raises; CallOver."""
        reply: _Reply = SimpleQueue()
        try:
            self._token.run_sync_soon(self._start, copy_context(), reply, async_fn, *args)
        except trio.RunFinishedError:
            raise CallOver(self._tool) from None
        return reply.get().unwrap()

    def _start(self, context: Context, reply: _Reply, async_fn: Callable[..., Awaitable[Any]], *args: Any) -> None:
        if self._nursery is None:
            reply.put(outcome.Error(CallOver(self._tool)))
        else:
            # In the thread's context, which says who asks and on whose budget.
            context.run(self._nursery.start_soon, self._serve, reply, async_fn, *args)

    async def _serve(self, reply: _Reply, async_fn: Callable[..., Awaitable[Any]], *args: Any) -> None:
        result: outcome.Value[Any] | outcome.Error = outcome.Error(CallOver(self._tool))
        try:
            result = outcome.Value(await async_fn(*args))
        except Exception as error:  # noqa: BLE001 - it is raised in the thread
            result = outcome.Error(error)
        finally:
            reply.put(result)
