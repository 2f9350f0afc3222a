"""How a task of asyncio waits for the runtime."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Literal, ParamSpec, Self, TypeVar

from trio.lowlevel import in_trio_run, in_trio_task

from actrio.hosts._bridge import Bridge, Setup
from actrio.hosts._call import Call
from actrio.hosts._errors import RuntimeStopped, WrongHost
from actrio.hosts._thread import RuntimeThread
from actrio.hosts.asyncio._guest import GuestRun
from actrio.hosts.asyncio._on_loop import HostLoop

P = ParamSpec("P")
T = TypeVar("T")

Mode = Literal["thread", "guest"]


class AsyncioCall(Call):
    """A call that a task of asyncio waits for."""

    __slots__ = ("_futures", "_host_loop")

    def __init__(self, crossing: "Crossing", *args: Any) -> None:
        super().__init__(crossing.bridge, *args)
        self._host_loop: HostLoop = crossing.host_loop
        self._futures: list[asyncio.Future[None]] = []  # one for each task that waits, as another may close a stream

    def wake(self) -> None:
        try:
            self._host_loop.wakeups.soon(self)
        except RuntimeError:  # the loop is closed, and nobody is there to wait or to stop the runtime
            self.bridge.stop_soon(at_once=True)

    def look(self) -> None:
        """Let the tasks go on, in their loop."""
        futures, self._futures = self._futures, []
        for future in futures:
            if not future.done():
                future.set_result(None)

    async def wait(self) -> None:
        """Wait for an item, or the end. Cancelled, it changes nothing."""
        while not self.items and not self.done:
            if self.must_wait():
                future = self._host_loop.loop.create_future()
                self._futures.append(future)
                await future

    async def wait_done(self) -> None:
        """Wait for the end. Cancelled, it cancels the call, and is through when that has ended."""
        try:
            await self._until_done()
        except BaseException as error:
            self.cancel()
            if isinstance(error, asyncio.CancelledError):
                await self.wait_out()
            raise

    async def wait_out(self) -> None:
        """Wait for the end of a call that was cancelled, whoever is cancelled meanwhile."""
        while not self.done:
            try:
                await self._until_done()
            except asyncio.CancelledError:  # noqa: ASYNC103 - who waits here raises one of its own
                continue  # noqa: ASYNC104

    async def _until_done(self) -> None:
        while not self.done:
            self.items.clear()
            await self.wait()


class Crossing:
    """The way of one asyncio loop to one runtime."""

    def __init__(self, setup: Setup | None, options: dict[str, Any], mode: Mode) -> None:
        self._bridge = Bridge(setup, options, guest=mode == "guest")
        if mode not in ("thread", "guest"):
            raise ValueError(f"mode={mode!r} is neither 'thread' nor 'guest'")
        self._mode: Mode = mode
        self._bridge.belong_to(self)
        self._run: RuntimeThread | GuestRun | None = None
        self._host_loop: HostLoop | None = None

    @property
    def bridge(self) -> Bridge:
        """The other side."""
        return self._bridge

    @property
    def host_loop(self) -> HostLoop:
        """The same, for the runtime. Raises: RuntimeStopped: it has not been started."""
        if self._host_loop is None:
            raise self._bridge.stopped()
        return self._host_loop

    async def start(self) -> None:
        """Have the runtime begin. Raises: what its setup raised."""
        loop = self.check("start")
        if self._run is not None:
            raise RuntimeStopped("it was started before. Make a new host")
        bridge = self._bridge
        self._host_loop = HostLoop(loop, bridge)
        ready = AsyncioCall(self, _nothing)
        self._run = RuntimeThread(bridge, ready) if self._mode == "thread" else GuestRun(bridge, ready, loop)
        try:
            bridge.begin(ready, self._run.start)
            await ready.wait()
            ready.result()
        except BaseException as error:
            await self.stop(at_once=True)
            if isinstance(error, RuntimeStopped) and bridge.crash is not None:
                raise bridge.crash from None  # noqa: ASYNC104 - the error itself
            raise

    async def stop(self, *, at_once: bool) -> BaseException | None:
        """End the runtime and its thread. Gives what had ended it before, if anything."""
        self.check("stop")
        bridge, run = self._bridge, self._run
        if run is not None:
            ended = AsyncioCall(self, _nothing)
            ended.started = True
            bridge.open.add(ended)
            try:
                if not bridge.over:
                    bridge.stop_soon(at_once=at_once)
                    await ended.wait()
            except asyncio.CancelledError:
                bridge.stop_soon(at_once=True)
                await ended.wait_out()
                raise
            finally:
                bridge.open.discard(ended)
                if bridge.over:
                    run.join()
                    self.host_loop.forget()
        return bridge.crash

    async def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an async function in the runtime."""
        self.check(getattr(function, "__name__", "call"))
        call = AsyncioCall(self, function, args, kwargs)
        self._bridge.send(call)
        await call.wait_done()
        result: T = call.result()
        return result

    async def do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the runtime's thread that is not async."""
        self.check(getattr(function, "__name__", "call"))
        call = AsyncioCall(self, _do, (function, args, kwargs))
        self._bridge.send(call)
        await call.wait_done()
        result: T = call.result()
        return result

    def read(self, function: Callable[..., Any], *args: Any) -> "Reader[Any]":
        """What an async function of a call, and more arguments, puts into that call."""
        return Reader(self, function, args)

    def check(self, called: str) -> asyncio.AbstractEventLoop:
        """The loop, if it is the one that runs here. Raises: WrongHost."""
        loop = asyncio._get_running_loop()
        if loop is None or in_trio_task():  # a guest's tasks run inside the loop
            problem = "no asyncio loop runs here"
            if in_trio_run():
                problem = (
                    f"this is Trio, which needs no host. Use `async with actrio.open_runtime() as runtime` here, or "
                    f"the refs of the runtime that this is, and `await` its {called}()"
                )
            raise WrongHost(called, problem)
        if self._host_loop is not None and loop is not self._host_loop.loop:
            raise WrongHost(called, "this host was started in another event loop. Start one in each")
        return loop


class Reader(Generic[T]):
    """A stream of the runtime's, as an iterator: ``async for item in reader``.

    It opens when first read. At most 256 items wait for the reader; then the source waits. It is closed when it has
    ended, by :meth:`aclose`, by its ``async with`` block, or when nobody holds it any more. Cancelling a wait for an
    item closes it, too.

    Raises, after all items: what ended the source early, once; RuntimeStopped.
    """

    __slots__ = ("_arguments", "_call", "_crossing", "_function", "_reading", "_told")

    def __init__(self, crossing: Crossing, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._crossing = crossing
        self._function = function
        self._arguments = args
        self._call: AsyncioCall | None = None
        self._reading = False
        self._told = False  # its end; or it is closed, and there is nobody to tell

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._told:
            raise StopAsyncIteration
        call = self._call or self._open()
        if not call.items:
            await self._wait(call)
        if call.items and not self._told:
            item: T = call.take()
            return item
        self._end()
        raise StopAsyncIteration

    async def _wait(self, call: AsyncioCall) -> None:
        self._crossing.check("anext")
        if self._reading:
            raise RuntimeError("another task waits for this reader. Give each a reader of its own")
        self._reading = True
        try:
            await call.wait()
        except BaseException as error:
            self._told = True
            call.cancel()
            if isinstance(error, asyncio.CancelledError):
                await call.wait_out()
            raise
        finally:
            self._reading = False

    def _open(self) -> AsyncioCall:
        crossing = self._crossing
        crossing.check("anext")
        call = AsyncioCall(crossing, self._function)
        call.args = (call, *self._arguments)
        self._arguments = ()
        crossing.bridge.send(call)
        self._call = call
        return call

    def _end(self) -> None:
        if not self._told and self._call is not None:
            self._told = True
            self._call.result()

    async def aclose(self) -> None:
        """Read no more, and wait until the source has closed. Items not read are lost. Harmless when it has ended."""
        self._told = True
        self._arguments = ()
        if self._call is not None and not self._call.done:
            self._call.cancel()
            self._crossing.check("aclose")
            await self._call.wait_done()

    async def leave(self) -> None:
        """Let the source end in its own way, and wait until it has. Raises what it raises."""
        if self._call is not None:
            self._call.release()
            await self._call.wait_done()
            self._end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        call: AsyncioCall | None = getattr(self, "_call", None)
        if call is not None:
            call.cancel()


async def _do(function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    return function(*args, **kwargs)


async def _nothing(*_: object) -> None:
    """What the calls that wait for a start and for an end stand for."""
