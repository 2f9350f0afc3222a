"""Running a tool's function: in the turn's own task, on an asyncio loop, in a worker thread, or in a worker process."""

import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter
from types import coroutine
from typing import Any, Final, Protocol, cast
from weakref import WeakKeyDictionary

import trio

from actrio.agents.tools._counts import ToolCounts
from actrio.agents.tools._errors import InvalidTool
from actrio.agents.tools._loop import Loop
from actrio.agents.tools._loop_thread import open_loop
from actrio.agents.tools._tool import Tool

_log = logging.getLogger("actrio.agents")

# How long an async tool may keep all other tasks waiting before it is reported, in seconds.
BLOCKING_S: Final = 0.1

# Worker threads of tools at once, in one Trio run; those that were abandoned count until they end.
THREADS: Final = 40

_PROCESS_EXTRA: Final = "run_in='process' needs trio-parallel: pip install \"actrio[process]\""

# How long worker processes get to end by themselves, in seconds.
GRACE_S: Final = 2.0

_threads: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("actrio_tool_threads")
_places: trio.lowlevel.RunVar[WeakKeyDictionary[object, trio.CapacityLimiter]] = trio.lowlevel.RunVar(
    "actrio_tool_places"
)


class Share(Protocol):
    """`Runtime.share`: what ``open_resource()`` gives, opened by the first who asks for ``key``."""

    def __call__(self, key: object, open_resource: Callable[[], AbstractAsyncContextManager[Any]], /) -> Awaitable[Any]:
        """Give it."""
        ...


class Workers(Protocol):
    """Worker processes, as trio-parallel's ``WorkerContext``."""

    async def run_sync(self, sync_fn: Callable[..., Any], *args: Any, kill_on_cancel: bool) -> Any:
        """Run a function in one of them."""
        ...


class WorkerDied(Exception):
    """The worker process of a call ended before the call did: it was killed from outside, crashed, or left Python."""


@asynccontextmanager
async def open_workers() -> AsyncGenerator[Workers]:
    """Worker processes: started when there is work, kept for the next, gone when the block has been left.

    They get a while to end by themselves, and are killed then.

    Raises: InvalidTool: trio-parallel is not installed.
    """
    try:
        trio_parallel = import_module("trio_parallel")
    except ModuleNotFoundError:
        raise InvalidTool("process", _PROCESS_EXTRA) from None
    left = False
    try:
        async with trio_parallel.open_worker_context(grace_period=GRACE_S) as workers:
            yield _Reporting(workers, trio_parallel.BrokenWorkerError)
            left = True
    except trio_parallel.BrokenWorkerError as error:
        if not left:
            raise
        _log.warning("worker processes of tools did not end by themselves, or not well: %s", error)


class _Reporting:
    """Workers whose death is told in plain words."""

    def __init__(self, workers: Workers, died: type[Exception]) -> None:
        self._workers = workers
        self._died = died

    async def run_sync(self, sync_fn: Callable[..., Any], *args: Any, kill_on_cancel: bool) -> Any:
        try:
            return await self._workers.run_sync(sync_fn, *args, kill_on_cancel=kill_on_cancel)
        except self._died:
            raise WorkerDied("its worker process died before it had a result") from None


class Runner:
    """Runs the tools of one agent.

    Args:
        agent: Whom logs name.
        counts: Tools that block, and threads that were abandoned, are counted there.
        share: Gives what tools run in, worker processes and a loop of asyncio's: the same for all agents of a runtime.
    """

    def __init__(self, agent: str, counts: ToolCounts, share: Share) -> None:
        self._agent = agent
        self._counts = counts
        self._share = share

    async def run(self, tool: Tool[..., Any], arguments: dict[str, Any]) -> Any:
        """Run it once, and give what it returned. Raises what it raised.

        Cancelling it cancels an async tool, and waits for its end; it kills the process of one that runs in a process.
        A thread goes on, and is counted until it ends.
        """
        if tool.run_in == "trio":
            return await self._watch(tool, arguments)
        if tool.run_in == "asyncio":
            loop: Loop = await self._share(open_loop, open_loop)  # which a host on asyncio has shared before
            return await loop.run(partial(self._watch, tool, arguments))
        if tool.run_in == "thread":
            return await self._in_thread(tool, arguments)
        workers: Workers = await self._share(open_workers, open_workers)
        where = tool.function
        return await workers.run_sync(
            call_by_name, where.__module__, where.__qualname__, arguments, kill_on_cancel=True
        )

    async def _in_thread(self, tool: Tool[..., Any], arguments: dict[str, Any]) -> Any:
        place = _ThreadPlace(_thread_limiter(), self._counts)
        try:
            return await trio.to_thread.run_sync(
                partial(tool.function, **arguments),
                abandon_on_cancel=True,
                limiter=cast("trio.CapacityLimiter", place),
            )
        finally:
            if place.taken:
                self._counts.abandoned[place] = tool.name
                _log.warning("agent %s: the thread of tool %r cannot be stopped: abandoned", self._agent, tool.name)

    def _watch(self, tool: Tool[..., Any], arguments: dict[str, Any]) -> Awaitable[Any]:
        return _watched(tool.function(**arguments), partial(self._report_blocking, tool))

    def _report_blocking(self, tool: Tool[..., Any], seconds: float) -> None:
        self._counts.blocked[tool.name] += 1
        _log.warning(
            "agent %s: tool %r kept all tasks waiting for %.2f s. Let it not be async, so that it runs in a thread, or "
            "put the part that blocks into %s",
            self._agent,
            tool.name,
            seconds,
            "asyncio.to_thread" if tool.run_in == "asyncio" else "trio.to_thread.run_sync",
        )


class _ThreadPlace:
    """A place for one thread, as ``to_thread`` asks for it.

    Taken before the thread starts, and given back in Trio's own thread when it has ended, abandoned or not.
    """

    def __init__(self, limiter: trio.CapacityLimiter, counts: ToolCounts) -> None:
        self._limiter = limiter
        self._counts = counts
        self.taken = False

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        await self._limiter.acquire_on_behalf_of(borrower)
        self.taken = True

    def release_on_behalf_of(self, borrower: object) -> None:
        self._limiter.release_on_behalf_of(borrower)
        self.taken = False
        self._counts.abandoned.pop(self, None)


def _thread_limiter() -> trio.CapacityLimiter:
    try:
        return _threads.get()
    except LookupError:
        limiter = trio.CapacityLimiter(THREADS)
        _threads.set(limiter)
        return limiter


def place_limiter(places: object, most: int) -> trio.CapacityLimiter:
    """What bounds the calls that go on at once of tools with the same `places`, for all agents of one Trio run."""
    try:
        limiters = _places.get()
    except LookupError:
        limiters = WeakKeyDictionary[object, trio.CapacityLimiter]()
        _places.set(limiters)
    limiter = limiters.get(places)
    if limiter is None:
        limiter = limiters[places] = trio.CapacityLimiter(most)
    return limiter


@coroutine
def _watched(work: Coroutine[Any, Any, Any], report: Callable[[float], None]) -> Generator[Any, Any, Any]:
    """Await a coroutine, and report each step of it that kept all other tasks waiting."""
    step: Callable[[], Any] = partial(work.send, None)
    while True:
        began = perf_counter()
        try:
            waits_for = step()
        except StopIteration as done:
            return done.value
        finally:
            step = work.close  # what was there may hold an error, which would hold this frame
            if (took := perf_counter() - began) > BLOCKING_S:
                report(took)
        try:
            step = partial(work.send, (yield waits_for))
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001, ASYNC103 - it is not handled here: the tool has it raised where it waits
            step = partial(work.throw, error)


def check_found_by_name(tool: Tool[..., Any]) -> None:
    """Whether there can be a worker process, and it can find the function of a tool. Raises: InvalidTool."""
    name = getattr(tool.function, "__qualname__", None)
    if name is None:
        raise InvalidTool(tool.name, "it is no function, and a worker process finds it by its name")
    if "<locals>" in name:
        raise InvalidTool(tool.name, f"{name} is inside a function, where a worker process cannot find it")
    if inspect.ismethod(tool.function):
        raise InvalidTool(tool.name, f"{name} is a method, and a worker process has not got its object")
    if find_spec("trio_parallel") is None:
        raise InvalidTool(tool.name, _PROCESS_EXTRA)
    if tool.signature().context is not None:
        raise InvalidTool(tool.name, "it runs in another process, where there is no ToolContext for it")


def call_by_name(module: str, name: str, arguments: dict[str, Any]) -> Any:
    """Call a function in a worker process. It is found by its name, under which there may be its tool instead."""
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    function: Callable[..., Any] = found.function if isinstance(found, Tool) else found
    return function(**arguments)
