"""The runtime's side of a host: what runs in Trio's thread, and the queue that leads there."""

import os
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import Context, copy_context
from inspect import isawaitable
from math import inf
from time import monotonic
from typing import Any
from weakref import WeakSet

import trio
from trio.lowlevel import (
    Abort,
    Task,
    cancel_shielded_checkpoint,
    current_task,
    reschedule,
    wait_task_rescheduled,
)

from actrio.actors import Runtime, open_runtime
from actrio.actors._current import opened
from actrio.hosts._call import Call
from actrio.hosts._errors import RuntimeStopped
from actrio.mailbox._woken import WOKEN
from actrio.mailbox._working import current_inbox

IDLE_WORKERS = 32  # tasks kept for the next calls; more end themselves

# What a host does when its runtime has begun: an async function of the runtime, or a context manager around all of it.
Setup = Callable[[Runtime], Any]

_bridges: "WeakSet[Bridge]" = WeakSet()


class Bridge:
    """One runtime and all calls that are under way to it.

    Every call that was opened is finished exactly once: by the task that runs it, or, when the run is over, by
    :meth:`end` or by the one who opens it just then.

    Attributes:
        open: The calls that are not done. Any thread may add one, before it looks at ``ended``.
        ended: Why calls are refused; None while they are not. Set before the last look at ``open``.
        over: The run has ended, or is in another process. Set before the last look at ``open``, too.
        crash: What ended the runtime, if it did not end by itself.
        shared: What the host has for all in the runtime, by the keys under which they ask the runtime for it.
    """

    def __init__(self, setup: Setup | None, options: dict[str, Any], *, guest: bool = False) -> None:
        self.guest: bool = guest  # calls come in the thread in which the runtime runs
        self.open: set[Call] = set()
        self.ended: str | None = None
        self.over: bool = False
        self.crash: BaseException | None = None
        self.runtime: Runtime | None = None
        self.shared: dict[object, Callable[[], AbstractAsyncContextManager[object]]] = {}
        self.idle: list[Worker] = []
        self.nowhere: Context = copy_context()  # of workers that run nothing
        self._setup = setup
        self._options = options
        self._jobs: deque[Call | Callable[[], None]] = deque()
        self._scheduled = False  # whether `_serve` is to run, and has not begun
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._scope = trio.CancelScope()
        self._stopping = trio.Event()
        _bridges.add(self)

    # For the host, in any thread

    def send(self, call: Call) -> None:
        """Have a call run. Raises: RuntimeStopped."""
        self.open.add(call)
        if self.ended is not None:
            self.open.discard(call)
            raise self.stopped()
        if self.guest and self._nursery is not None and not self._jobs:
            self._start(call)
        else:
            self.post(call)

    def post(self, job: "Call | Callable[[], None]") -> None:
        """Have the runtime look at a call, or run a function that raises nothing."""
        self._jobs.append(job)
        if not self._scheduled and self._token is not None:
            self._scheduled = True
            try:
                self._token.run_sync_soon(self._serve)
            except trio.RunFinishedError:
                self._jobs.clear()  # `end` finishes what is open

    def stop_soon(self, *, at_once: bool) -> None:
        """Have the runtime end: with the grace of its actors, or with all of them cancelled."""
        self.post(self._scope.cancel if at_once else self._stopping.set)

    def stopped(self) -> RuntimeStopped:
        """The error for those who call now."""
        error = RuntimeStopped(self.ended or "it was stopped while this call was under way")
        error.__cause__ = self.crash
        return error

    def outline(self) -> str:
        """A few words about it."""
        return f"running, {len(self.open)} calls under way" if self.ended is None else f"does not run: {self.ended}"

    # In Trio's thread

    async def main(self, ready: Call) -> None:
        """Run the runtime until it is stopped; ``ready`` is finished when calls may come."""
        self.nowhere = copy_context()
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as self._nursery:
            self._serve()  # calls may have come, or a stop may have been asked for
            try:
                with self._scope:
                    async with open_runtime(**self._options) as runtime:
                        self.runtime = runtime
                        await self._live(runtime, ready)
            except Exception as error:  # noqa: BLE001 - the host raises it
                self.crash = error
            finally:
                self._refuse()
                self._nursery.cancel_scope.cancel()

    async def _live(self, runtime: Runtime, ready: Call) -> None:
        for key, open_it in self.shared.items():
            await runtime.share(key, open_it)
        begun = None if self._setup is None else self._setup(runtime)
        if isinstance(begun, AbstractAsyncContextManager):
            async with begun:
                ready.finish()
                await self._stopping.wait()
            return
        if isawaitable(begun):
            await begun
        ready.finish()
        await self._stopping.wait()

    def _refuse(self) -> None:
        if self.ended is None:
            self.ended = "it was stopped" if self.crash is None else f"it crashed: {self.crash!r}"

    def _serve(self) -> None:
        self._scheduled = False
        jobs = self._jobs
        for _ in range(len(jobs)):
            job = jobs.popleft()
            if not isinstance(job, Call):
                job()
            elif job.started:
                job.attend()
            else:
                self._start(job)
        if jobs and not self._scheduled:
            self._scheduled = True
            assert self._token is not None
            self._token.run_sync_soon(self._serve)

    def _start(self, call: Call) -> None:
        call.started = True
        if self.ended is not None or self._nursery is None:
            call.finish(error=self.stopped())
        elif self.idle:
            worker = self.idle.pop()
            worker.take(call)
        else:
            call.context.run(self._nursery.start_soon, Worker(self, call).run)

    # When the run is over, in whatever thread it was

    def end(self, crash: BaseException | None = None) -> None:
        """Finish all that is open; no more can come."""
        self.crash = self.crash or crash
        self._refuse()
        self.over = True
        self._jobs.clear()
        while self.open:
            try:
                call = self.open.pop()
            except KeyError:  # its own thread was quicker
                break
            call.finish(error=self.stopped())
        self.runtime = self._nursery = self._setup = None
        self.idle.clear()
        self.shared.clear()

    def forked(self) -> None:
        """In a child process, where the thread of the runtime does not exist."""
        self.ended = "this process was forked from the one it runs in. Open a host of its own here"
        self.over = True
        self.crash = None
        self.open.clear()


class Worker:
    """A task that runs one call after another. Its scope is replaced after it was cancelled."""

    __slots__ = ("bridge", "call", "parked", "scope", "task")

    def __init__(self, bridge: Bridge, call: Call) -> None:
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
                value = await call.function(*call.args, **call.kwargs)
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
        if len(idle) >= IDLE_WORKERS:
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


def _after_fork() -> None:
    for bridge in list(_bridges):
        bridge.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
