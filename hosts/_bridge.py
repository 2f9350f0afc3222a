"""The runtime's side of a host: what runs in Trio's thread, and the queue that leads there."""

import os
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from contextvars import Context, copy_context
from inspect import isawaitable
from typing import Any, Final
from weakref import WeakSet, finalize, ref

import trio

from actrio.actors import Runtime, open_runtime
from actrio.hosts._asked import begin_ask
from actrio.hosts._call import Call
from actrio.hosts._errors import RuntimeStopped
from actrio.hosts._waker import EventWaker, make_loop_waker
from actrio.hosts._worker import Worker

# What a host does when its runtime has begun: an async function of the runtime, or a context manager around all of it.
Setup = Callable[[Runtime], Any]

_NOT_BEGUN: Final = "it has not been started"

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
        self.ended: str | None = _NOT_BEGUN
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
        self._ring: Callable[[], None] | None = None  # has it run; None until it may
        self._nursery: trio.Nursery | None = None
        self._scope = trio.CancelScope()
        self._stopping = trio.Event()
        _bridges.add(self)

    # For the host, in any thread

    def belong_to(self, holder: object) -> None:
        """Have the runtime cancelled when ``holder`` is dropped."""
        # What runs holds this; a strong reference from here would keep alive whom a crash remembers: the holder.
        finalize(holder, _drop, ref(self)).atexit = False

    def begin(self, ready: Call, start: Callable[[], object]) -> None:
        """Take calls, and have :meth:`main` run by ``start``. Raises what that raises; then it is over."""
        self.ended = None
        self.open.add(ready)
        try:
            start()
        except Exception as error:
            self.open.discard(ready)
            self.end(error)
            raise

    def send(self, call: Call) -> None:
        """Have a call run. Raises: RuntimeStopped."""
        self.open.add(call)
        if self.ended is not None:
            self.open.discard(call)
            raise self.stopped()
        try:
            if self.guest and self._nursery is not None and not self._jobs:
                self._start(call)
            else:
                self.post(call)
        except BaseException:  # of a signal handler, so nobody will wait for it
            call.cancel()
            raise

    def post(self, job: "Call | Callable[[], None]") -> None:
        """Have the runtime look at a call, or run a function that raises nothing."""
        self._jobs.append(job)
        ring = self._ring
        if self.over:
            self._jobs.clear()  # `end` finishes what is open
        elif ring is not None and not self._scheduled:
            try:
                self._scheduled = True
                ring()
            except BaseException:  # of a signal handler, and nobody else would ring
                ring()
                raise

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
        async with trio.open_nursery() as self._nursery:
            self._begin_to_listen(self._nursery)
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

    def _begin_to_listen(self, nursery: trio.Nursery) -> None:
        waker = None if self.guest else make_loop_waker()
        if waker is not None:
            nursery.start_soon(self._listen, waker)
            self._ring = waker.wake
            return
        token = trio.lowlevel.current_trio_token()

        def ring() -> None:
            with suppress(trio.RunFinishedError):  # `end` is about to be called
                token.run_sync_soon(self._serve)

        self._ring = ring

    async def _listen(self, waker: EventWaker) -> None:
        while True:
            await trio.lowlevel.wait_readable(waker)
            waker.sleep()
            self._serve()

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
            assert self._ring is not None
            self._ring()

    def _start(self, call: Call) -> None:
        call.started = True
        if self.ended is not None or self._nursery is None:
            call.finish(error=self.stopped())
        elif not self.guest and begin_ask(call, self.runtime):
            pass  # it goes its way by itself
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
        self.runtime = self._nursery = self._setup = self._ring = None
        self.idle.clear()
        self.shared.clear()

    def forked(self) -> None:
        """In a child process, where the thread of the runtime does not exist. What has not begun may begin there."""
        if self.ended == _NOT_BEGUN or self.over:
            return
        self.ended = "this process was forked from the one it runs in. Open a host of its own here"
        self.over = True
        self.crash = self.runtime = None
        while self.open:
            call = self.open.pop()
            call.waiting = False  # none that waited is here, and to wake one wakes that of the parent
            call.finish(error=self.stopped())


def _drop(to_bridge: "ref[Bridge]") -> None:
    bridge = to_bridge()
    if bridge is not None:
        bridge.stop_soon(at_once=True)


def _after_fork() -> None:
    for bridge in list(_bridges):
        bridge.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
