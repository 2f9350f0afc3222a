"""A runtime for a program on asyncio."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, Unpack

from actrio.hosts._bridge import Setup
from actrio.hosts._options import RuntimeOptions
from actrio.hosts.asyncio._calls import Calls
from actrio.hosts.asyncio._crossing import Crossing, Mode

P = ParamSpec("P")
T = TypeVar("T")


class Host(Calls):
    """A runtime for a program on asyncio, or on uvloop: ``async with actrio.AsyncioHost(setup) as host``.

    Its methods, and those of the refs it gives, are the runtime's own, to be awaited in the loop where it was started.
    Each ends with the result, with the original exception and its traceback, with ``asyncio.CancelledError``, or with
    :class:`RuntimeStopped`. Cancelling the task cancels what it waits for, and goes on when that has ended, as in Trio;
    ``asyncio.timeout`` does so, too. Context variables go along to what is called.

    Any number of hosts may run in one process. After a fork the child has none: calls there raise RuntimeStopped.
    If the loop is closed without :meth:`stop`, the runtime is cancelled at once, with all that was under way; so it is
    when the host is dropped, or the interpreter exits. (As a guest it cannot run without its loop: stop it first.)

    When the block is left all actors have their grace; when an exception leaves it they are cancelled at once. Then no
    thread, task or socket of it is left.

    Args:
        setup: ``async def setup(runtime)``, which runs in the runtime, in Trio, before anything else; or the same with
            ``@asynccontextmanager``, around all else.
        mode: ``thread``: the runtime has a thread of its own, so that neither loop holds up the other. ``guest``: it
            runs in the thread of the loop, as a guest; what blocks one blocks both, and Trio is slower.
        **options: Those of :func:`actrio.open_runtime`.

    Raises, from the block: what the setup raised; the errors that no asker, watcher or supervisor took, as
    :func:`actrio.open_runtime`.
    """

    def __init__(self, setup: Setup | None = None, *, mode: Mode = "thread", **options: Unpack[RuntimeOptions]) -> None:
        self._crossing = Crossing(setup, dict(options), mode)

    async def start(self) -> Self:
        """Begin, where an ``async with`` block does not fit; :meth:`stop` is the other end.

        Raises: what the setup raised; RuntimeStopped: it was started before.
        """
        await self._crossing.start()
        return self

    async def stop(self) -> None:
        """Stop all actors, with their grace, and the thread. Harmless when it has stopped.

        Raises: ExceptionGroup: what had ended the runtime before.
        """
        await self._leave(None)

    def on_loop(self, function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """A function for actors that runs one of asyncio's in this host's loop.

        (A tool needs none: ``@actrio.tool(run_in="asyncio")``.) Errors come as they are; context variables go along;
        cancelling it cancels the task in the loop, and goes on when that has ended. What it gives raises RuntimeStopped
        if the loop is closed, or if somebody in asyncio cancels the task.

        Raises: RuntimeStopped: the host has not started.
        """
        return self._crossing.host_loop.on_loop(function)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._leave(error)  # noqa: ASYNC102 - waits for what it ends, as a nursery does

    def __repr__(self) -> str:
        return f"<AsyncioHost {self._crossing.bridge.outline()}>"
