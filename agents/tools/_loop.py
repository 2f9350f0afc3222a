"""An asyncio loop, as Trio sees it: coroutines that run there, and are waited for here."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

import trio
from outcome import Error, Outcome, Value
from trio.lowlevel import Abort, Task, checkpoint_if_cancelled, current_task, reschedule, wait_task_rescheduled

from actrio.agents.tools._errors import TaskLost

if TYPE_CHECKING:
    import asyncio  # noqa: TID251 - a tool of asyncio's needs a loop of asyncio's

T = TypeVar("T")


class Loop:
    """Runs coroutines on an asyncio loop for one run of Trio, in whose thread it is made and used.

    Args:
        loop: One that runs, in any thread.
    """

    def __init__(self, loop: "asyncio.AbstractEventLoop") -> None:
        self._loop = loop
        self._errands: set[_Errand] = set()

    async def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """Await what a function gives, in a task of the loop with a copy of the context variables here.

        Errors come as they are. Cancelled, this cancels the task, and is through when that has ended.

        Raises: TaskLost: the loop is closed, or is while this waits; or somebody else cancelled the task.
        """
        errand = _Errand(self._loop, function)
        self._errands.add(errand)
        try:
            result: T = await errand.wait()
        finally:
            self._errands.discard(errand)
        return result

    def lose(self) -> None:
        """The loop is closed: end all that is under way, since nothing will come from there any more."""
        for errand in tuple(self._errands):
            errand.end(Error(TaskLost("the asyncio loop that it ran on was closed")))


class _Errand:
    """One coroutine of asyncio that a task of Trio waits for."""

    def __init__(self, loop: "asyncio.AbstractEventLoop", function: Callable[[], Awaitable[Any]]) -> None:
        self._loop = loop
        self._function = function
        self._context = copy_context()
        self._token = trio.lowlevel.current_trio_token()
        self._waiting: Task | None = None  # until its end is told
        self._task: asyncio.Task[Any] | None = None
        self._raise_cancel: Callable[[], Any] | None = None

    async def wait(self) -> Any:
        await checkpoint_if_cancelled()
        self._post(self._start)
        self._waiting = current_task()
        result: Outcome[Any] = await wait_task_rescheduled(self._abort)
        if self._raise_cancel is not None and isinstance(result, Error) and isinstance(result.error, TaskLost):
            self._raise_cancel()
        return result.unwrap()

    def end(self, result: Outcome[Any]) -> None:
        """Let the waiting task go on. Only the first of its ends counts."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            reschedule(waiting, Value(result))

    def _abort(self, raise_cancel: Callable[[], Any]) -> Abort:
        self._raise_cancel = raise_cancel
        try:
            self._post(self._cancel)
        except TaskLost:
            self._waiting = None
            return Abort.SUCCEEDED
        return Abort.FAILED

    def _post(self, function: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            raise TaskLost("the asyncio loop that it was to run on is closed") from None

    # In asyncio

    def _start(self) -> None:
        self._task = self._loop.create_task(self._run(), context=self._context)
        self._task.add_done_callback(self._tell)  # a task that is cancelled before its first step runs nothing

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> Any:
        return await self._function()

    def _tell(self, task: "asyncio.Task[Any]") -> None:
        result: Outcome[Any]
        if task.cancelled():
            result = Error(TaskLost("its asyncio task was cancelled"))
        else:
            error = task.exception()
            result = Value(task.result()) if error is None else Error(error)
        with suppress(trio.RunFinishedError):  # then nobody waits any more
            self._token.run_sync_soon(self.end, result)
