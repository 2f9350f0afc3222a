"""The tasks of the runtime that run what hosts call."""

import inspect
from collections.abc import Awaitable
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

import trio
from trio.lowlevel import (
    Abort,
    Task,
    cancel_shielded_checkpoint,
    current_task,
    reschedule,
    wait_task_rescheduled,
)

from actrio.actors._current import opened
from actrio.hosts._call import Call
from actrio.mailbox._woken import WOKEN
from actrio.mailbox._working import current_inbox

if TYPE_CHECKING:
    from actrio.hosts._bridge import Bridge

IDLE_WORKERS: Final = 32  # tasks kept for the next calls; more end themselves


def begin(call: Call) -> Awaitable[Any]:
    """Call its function. Raises: what that raises; TypeError: it is none, or not async."""
    function: object = call.function
    if not callable(function):
        if inspect.iscoroutine(function):
            function.close()
        raise TypeError(f"{function!r} is no async function; give one, uncalled, and its arguments after it")
    work: object = function(*call.args, **call.kwargs)
    if not hasattr(work, "__await__"):
        name = getattr(function, "__qualname__", repr(function))
        raise TypeError(f"{name} is not async, and has given {work!r}. A host runs async functions in its runtime")
    return cast("Awaitable[Any]", work)


class Worker:
    """A task that runs one call after another. Its scope is replaced after it was cancelled."""

    __slots__ = ("bridge", "call", "parked", "scope", "task")

    def __init__(self, bridge: "Bridge", call: Call) -> None:
        self.bridge = bridge
        self.call: Call | None = call
        self.scope = trio.CancelScope()
        self.task: Task | None = None
        self.parked: bool = False  # idle, and no more to be run before it has a call

    def take(self, call: Call) -> None:
        """Run this call next; the task is idle."""
        task = self.task
        assert task is not None
        self.call = call
        task.context = call.context
        if self.parked:
            self.parked = False
            reschedule(task, WOKEN)

    async def run(self) -> None:
        """Serve until there are idle workers enough."""
        self.task = current_task()
        try:
            while self.call is not None:
                try:
                    with trio.CancelScope() as self.scope:
                        await self._serve()
                except Exception as error:  # noqa: BLE001 - the host gets it
                    self._finish(error=error)
                else:
                    self._finish(error=self._cut())
        finally:
            self._finish(error=self.bridge.stopped())

    def _cut(self) -> BaseException:
        call = self.call
        if call is not None and not call.unwanted and call.deadline != inf:
            return trio.TooSlowError()
        return self.bridge.stopped()

    def _finish(self, value: object = None, error: BaseException | None = None) -> None:
        call, self.call = self.call, None
        if call is not None:
            call.scope = None
            call.finish(value, error)

    async def _serve(self) -> None:
        scope = self.scope
        while (call := self.call) is not None:
            if current_inbox.get() is not None:  # of an actor that uses a host, in a thread of its own
                current_inbox.set(None)
            opened.set(self.bridge.runtime)
            call.scope = scope
            if call.unwanted:
                scope.cancel()
            if call.deadline != inf:
                scope.deadline = trio.current_time() + call.deadline - monotonic()
            try:
                value = await begin(call)
            except Exception as error:  # noqa: BLE001 - the host gets it
                self._finish(error=error)
            else:
                self._finish(value)
                del value
            del call
            if scope.deadline != inf:
                scope.deadline = inf
            if not await self._next(scope):
                return

    async def _next(self, scope: trio.CancelScope) -> bool:
        """Wait for the next call. Whether to go on in this scope."""
        idle = self.bridge.idle
        task = self.task
        assert task is not None
        if len(idle) >= IDLE_WORKERS or scope.cancel_called:
            return False

        idle.append(self)
        task.context = self.bridge.nowhere
        if self.bridge.guest:
            # The loop goes on before Trio does: a call that follows at once finds it awake. To wake Trio, once it
            # sleeps, takes a thread and twice as long.
            await cancel_shielded_checkpoint()
            if self.call is not None:
                return True

        def abort(_: object) -> Abort:
            self.parked = False
            idle.remove(self)
            return Abort.SUCCEEDED

        self.parked = True
        await wait_task_rescheduled(abort)
        return True
