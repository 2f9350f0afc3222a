"""An asyncio loop in a thread of its own, where the program has none to offer."""

import logging
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import trio

from actrio.agents.tools._loop import Loop

if TYPE_CHECKING:
    import asyncio  # noqa: TID251 - a tool of asyncio's needs a loop of asyncio's

_log = logging.getLogger("actrio.agents")

# How long the tasks that tools left on the loop get to end when they are cancelled, in seconds.
GRACE_S: Final = 2.0

# And how long the thread gets on the real clock after that, also where Trio's clock is virtual, in seconds.
JOIN_S: Final = 0.5


@asynccontextmanager
async def open_loop() -> AsyncGenerator[Loop]:
    """A loop that runs in a thread as long as the block.

    When it is left, what tools have left running there is cancelled. A thread that does not end within GRACE_S, as
    something there blocks or does not heed its cancellation, is logged and left behind; it keeps no program alive.
    """
    thread = _LoopThread()
    thread.start()
    try:
        await thread.begun.wait()
        if thread.loop is None:
            raise RuntimeError("no asyncio loop could be opened for tools with run_in='asyncio'") from thread.error
        yield thread.inside(thread.loop)
    finally:
        with trio.CancelScope(shield=True):
            await thread.stop()


class _LoopThread:
    """The thread. All but :meth:`_run` and :meth:`_serve` is for Trio's own.

    Attributes:
        begun: The loop runs, or could not be opened.
        loop: It, once it runs.
        error: What ended it, if anything.
    """

    def __init__(self) -> None:
        self.begun = trio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.error: BaseException | None = None
        self._ended = trio.Event()
        self._inside: Loop | None = None
        self._stop: asyncio.Event | None = None
        self._unwanted = False
        self._token = trio.lowlevel.current_trio_token()
        # Not in Trio's cache of threads: there a loop that was left would be found by others.
        self._thread = threading.Thread(target=self._run, name="actrio asyncio tools", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def inside(self, loop: "asyncio.AbstractEventLoop") -> Loop:
        self._inside = Loop(loop)
        return self._inside

    async def stop(self) -> None:
        self._unwanted = True  # for a loop that is still being opened
        if self.loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # it is closed
                self.loop.call_soon_threadsafe(self._stop.set)
        with trio.move_on_after(GRACE_S):
            await self._ended.wait()
        self._thread.join(JOIN_S)
        if self._thread.is_alive():
            _log.warning("the asyncio loop of tools did not end within %g s: its thread is left behind", GRACE_S)

    def _end(self) -> None:
        self.begun.set()
        self._ended.set()
        if self._inside is not None:
            self._inside.lose()

    def _run(self) -> None:
        import asyncio  # noqa: TID251 - a tool of asyncio's needs a loop of asyncio's, others do not

        try:
            asyncio.run(self._serve(asyncio))
        except BaseException as error:  # noqa: ASYNC103, BLE001 - a tool that leaves the program does so in Trio
            self.error = error
        finally:
            self._tell(self._end)

    async def _serve(self, asyncio: Any) -> None:
        stop = self._stop = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self._tell(self.begun.set)
        if not self._unwanted:
            await stop.wait()

    def _tell(self, function: Any) -> None:
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(function)
