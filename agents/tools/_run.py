"""Running a tool's function: in the turn's own task, in a worker thread, or in a worker process."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from importlib import import_module
from time import perf_counter
from types import coroutine
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

import trio

from actrio.agents.tools._counts import ToolCounts
from actrio.agents.tools._errors import InvalidTool
from actrio.agents.tools._tool import Tool

_log = logging.getLogger("actrio.agents")

# How long an async tool may keep all other tasks waiting before it is reported, in seconds.
BLOCKING_S: Final = 0.1

# Worker threads of tools at once, in one Trio run; those that were abandoned count until they end.
THREADS: Final = 40

# How long worker processes get to end by themselves, in seconds.
GRACE_S: Final = 2.0

_threads: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("actrio_tool_threads")
_places: trio.lowlevel.RunVar[WeakKeyDictionary[Tool[..., Any], trio.CapacityLimiter]] = trio.lowlevel.RunVar(
    "actrio_tool_places"
)


class Workers(Protocol):
    """Worker processes, as trio-parallel's ``WorkerContext``."""

    async def run_sync(self, sync_fn: Callable[..., Any], *args: Any, kill_on_cancel: bool) -> Any:
        """Run a function in one of them."""
        ...


def open_workers() -> AbstractAsyncContextManager[Workers]:
    """Worker processes: started when there is work, kept for the next, ended when the block is left.

    Raises: InvalidTool: trio-parallel is not installed.
    """
    try:
        trio_parallel = import_module("trio_parallel")
    except ModuleNotFoundError:
        raise InvalidTool("a tool with run_in='process'", 'it needs pip install "actrio[process]"') from None
    workers: AbstractAsyncContextManager[Workers] = trio_parallel.open_worker_context(grace_period=GRACE_S)
    return workers


class Runner:
    """Runs the tools of one agent.

    Args:
        agent: Whom logs name.
        counts: Tools that block, and threads that were abandoned, are counted there.
        open_workers: Gives the worker processes, opened when first asked for.
    """

    def __init__(self, agent: str, counts: ToolCounts, open_workers: Callable[[], Awaitable[Workers]]) -> None:
        self._agent = agent
        self._counts = counts
        self._open_workers = open_workers

    async def run(self, tool: Tool[..., Any], arguments: dict[str, Any]) -> Any:
        """Run it once, and give what it returned. Raises what it raised.

        Cancelling it cancels an async tool and kills the process of one that runs in a process. A thread goes on, and
        is counted until it ends.
        """
        if tool.run_in == "trio":
            return await _watched(tool.function(**arguments), partial(self._report_blocking, tool))
        if tool.run_in == "thread":
            return await self._in_thread(tool, arguments)
        workers = await self._open_workers()
        where = tool.function
        return await workers.run_sync(
            call_by_name, where.__module__, where.__qualname__, arguments, kill_on_cancel=True
        )

    async def _in_thread(self, tool: Tool[..., Any], arguments: dict[str, Any]) -> Any:
        token = trio.lowlevel.current_trio_token()
        mark = object()
        ended = False

        def work() -> Any:
            nonlocal ended
            try:
                return tool.function(**arguments)
            finally:
                ended = True
                with suppress(trio.RunFinishedError):
                    token.run_sync_soon(self._counts.abandoned.pop, mark, None)

        try:
            return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=_thread_limiter())
        finally:
            # Should it end at this moment, the mark is removed after it was made: that runs in this thread, later.
            if not ended:
                self._counts.abandoned[mark] = tool.name
                _log.warning("agent %s: the thread of tool %r cannot be stopped: abandoned", self._agent, tool.name)

    def _report_blocking(self, tool: Tool[..., Any], seconds: float) -> None:
        self._counts.blocked[tool.name] += 1
        _log.warning(
            "agent %s: tool %r kept all tasks waiting for %.2f s. Let it not be async, so that it runs in a thread, or "
            "put the part that blocks into trio.to_thread.run_sync",
            self._agent,
            tool.name,
            seconds,
        )


def _thread_limiter() -> trio.CapacityLimiter:
    try:
        return _threads.get()
    except LookupError:
        limiter = trio.CapacityLimiter(THREADS)
        _threads.set(limiter)
        return limiter


def place_limiter(tool: Tool[..., Any], most: int) -> trio.CapacityLimiter:
    """What bounds the calls of a tool that go on at once, for all agents of one Trio run."""
    try:
        places = _places.get()
    except LookupError:
        places = WeakKeyDictionary[Tool[..., Any], trio.CapacityLimiter]()
        _places.set(places)
    return places.setdefault(tool, trio.CapacityLimiter(most))


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
    """Whether a worker process can find the function of a tool. Raises: InvalidTool."""
    name = tool.function.__qualname__
    if "<locals>" in name:
        raise InvalidTool(tool.name, f"{name} is inside a function, where a worker process cannot find it")
    if inspect.ismethod(tool.function):
        raise InvalidTool(tool.name, f"{name} is a method, and a worker process has not got its object")
    if tool.signature().context is not None:
        raise InvalidTool(tool.name, "it runs in another process, where there is no ToolContext for it")


def call_by_name(module: str, name: str, arguments: dict[str, Any]) -> Any:
    """Call a function in a worker process. It is found by its name, under which there may be its tool instead."""
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    function: Callable[..., Any] = found.function if isinstance(found, Tool) else found
    return function(**arguments)
