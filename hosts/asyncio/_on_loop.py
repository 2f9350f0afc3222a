"""The other direction: code of asyncio's, called from the runtime."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import trio
from outcome import Error, Outcome, Value
from trio.lowlevel import Abort, checkpoint_if_cancelled, current_task, reschedule, wait_task_rescheduled

from actrio.hosts._errors import RuntimeStopped

P = ParamSpec("P")
T = TypeVar("T")


class _Errand:
    """One coroutine of asyncio that a task of Trio waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, function: Callable[[], Awaitable[Any]]) -> None:
        self._loop = loop
        self._function = function
        self._context = copy_context()
        self._token = trio.lowlevel.current_trio_token()
        self._waiting = current_task()
        self._task: asyncio.Task[Any] | None = None
        self._raise_cancel: Callable[[], Any] | None = None

    async def wait(self) -> Any:
        """In Trio: have it done. Cancelled, it cancels the coroutine, and is through when that has ended."""
        await checkpoint_if_cancelled()
        self._post(self._start)
        result: Outcome[Any] = await wait_task_rescheduled(self._abort)
        if self._raise_cancel is not None and isinstance(result, Error):
            self._raise_cancel()
        return result.unwrap()

    def _abort(self, raise_cancel: Callable[[], Any]) -> Abort:
        self._raise_cancel = raise_cancel
        try:
            self._post(self._cancel)
        except RuntimeStopped:
            return Abort.SUCCEEDED
        return Abort.FAILED

    def _post(self, function: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            raise RuntimeStopped("the asyncio loop that it was to use is closed") from None

    # In asyncio

    def _start(self) -> None:
        self._task = self._loop.create_task(self._run(), context=self._context)
        self._task.add_done_callback(self._tell)  # a task that is cancelled before its first step runs nothing

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> Any:
        return await self._function()

    def _tell(self, task: asyncio.Task[Any]) -> None:
        result: Outcome[Any]
        if task.cancelled():
            result = Error(RuntimeStopped("the asyncio task was cancelled"))
        else:
            error = task.exception()
            result = Value(task.result()) if error is None else Error(error)
        with suppress(trio.RunFinishedError):  # then nobody waits any more
            self._token.run_sync_soon(reschedule, self._waiting, Value(result))


def on_loop(loop: asyncio.AbstractEventLoop, function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """A function for the runtime that runs one of asyncio's in its loop."""

    @wraps(function)
    async def on_its_loop(*args: P.args, **kwargs: P.kwargs) -> T:
        result: T = await _Errand(loop, lambda: function(*args, **kwargs)).wait()
        return result

    return on_its_loop
