"""How a thread waits for the runtime."""

import sys
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Any, Generic, ParamSpec, Self, TypeVar

from trio.lowlevel import in_trio_run

from actrio.hosts._bridge import Bridge, Setup
from actrio.hosts._call import Call
from actrio.hosts._errors import RuntimeStopped, WrongHost
from actrio.hosts._thread import RuntimeThread
from actrio.hosts._waker import Waker, make_waker

P = ParamSpec("P")
T = TypeVar("T")

SPARE_WAKERS = 32  # kept by a host for the next calls

_deadline: ContextVar[float] = ContextVar("actrio_host_deadline", default=inf)  # by time.monotonic


@contextmanager
def fail_after(seconds: float) -> Generator[None]:
    """Inside, a call to a host that would end later is cancelled, and raises ``trio.TooSlowError``.

    For all hosts, in this thread. Of nested ones the earliest holds. A stream, or a turn in a block, has the one around
    its first read, or around the block, to its end. What is no call to a host is not cut off.
    """
    token = _deadline.set(min(_deadline.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


class BlockingCall(Call):
    """A call that a thread waits for."""

    __slots__ = ("waker",)

    def __init__(self, crossing: "Crossing", *args: Any) -> None:
        super().__init__(crossing.bridge, *args)
        self.deadline = _deadline.get()
        spare = crossing.spare
        try:
            self.waker: Waker = spare.pop()
        except IndexError:
            self.waker = make_waker()

    def wake(self) -> None:
        self.waker.wake()

    def wait(self) -> None:
        """Wait for an item, or the end. An exception in a signal handler comes out of it, and changes nothing."""
        while not self.items and not self.done:
            if self.must_wait():
                self.waker.sleep()

    def wait_done(self) -> None:
        """Wait for the end. What a signal handler raises, such as Ctrl-C, cancels the call; a second one leaves it."""
        try:
            while not self.done:
                self.items.clear()
                self.wait()
        except BaseException:
            self.cancel()
            while not self.done:
                self.items.clear()
                self.wait()
            raise


class Crossing:
    """The way of threads to one runtime."""

    def __init__(self, setup: Setup | None, options: dict[str, Any]) -> None:
        self._bridge = Bridge(setup, options)
        self._thread: RuntimeThread | None = None
        self._starting = threading.Lock()  # by the thread that starts it, and for good
        self.spare: list[Waker] = []  # of calls that are over
        self._bridge.belong_to(self)

    @property
    def bridge(self) -> Bridge:
        """The other side."""
        return self._bridge

    def start(self) -> None:
        """Have the runtime begin. Raises: what its setup raised."""
        _check("start")
        if not self._starting.acquire(blocking=False):
            raise RuntimeStopped("it was started before. Make a new host")
        bridge = self._bridge
        ready = BlockingCall(self, _nothing)
        self._thread = RuntimeThread(bridge, ready)
        try:
            bridge.begin(ready, self._thread.start)
            ready.wait_done()
            ready.result()
        except BaseException as error:
            self.stop(at_once=True)
            if isinstance(error, RuntimeStopped) and bridge.crash is not None:
                raise bridge.crash from None  # noqa: ASYNC104 - the error itself
            raise

    def stop(self, *, at_once: bool) -> BaseException | None:
        """End the runtime and its thread. Gives what had ended it before, if anything."""
        _check("stop")
        thread, bridge = self._thread, self._bridge
        if thread is not None:
            bridge.stop_soon(at_once=at_once)
            try:
                thread.join()
            except BaseException:
                bridge.stop_soon(at_once=True)
                thread.join()
                raise
        return bridge.crash

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an async function in the runtime."""
        _check(getattr(function, "__name__", "call"))
        result: T = self._through(BlockingCall(self, function, args, kwargs))
        return result

    def do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the runtime's thread that is not async."""
        _check(getattr(function, "__name__", "call"))
        result: T = self._through(BlockingCall(self, _do, (function, args, kwargs)))
        return result

    def _through(self, call: BlockingCall) -> Any:
        self._bridge.send(call)
        call.wait_done()
        if len(self.spare) < SPARE_WAKERS:
            self.spare.append(call.waker)
        return call.result()

    def read(self, function: Callable[..., Any], *args: Any) -> "Reader[Any]":
        """What an async function of a call, and more arguments, puts into that call."""
        return Reader(self, function, args)


class Reader(Generic[T]):
    """A stream of the runtime's, as an iterator: ``for item in reader``.

    It opens when first read, in the thread that reads. At most 256 items wait for the reader; then the source waits.
    It is closed when it has ended, by :meth:`close`, by its ``with`` block, or when nobody holds it any more. Several
    threads may read from it: each item goes to one of them.

    Raises, after all items: what ended the source early, once; RuntimeStopped.
    """

    __slots__ = ("_arguments", "_call", "_crossing", "_function", "_reading", "_told")

    def __init__(self, crossing: Crossing, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._crossing = crossing
        self._function = function
        self._arguments = args
        self._call: BlockingCall | None = None
        self._reading = threading.Lock()
        self._told = False  # its end; or it is closed, and there is nobody to tell

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        with self._reading:
            if self._told:
                raise StopIteration
            call = self._call or self._open()
            if not call.items:
                self._wait(call)
            if call.items and not self._told:
                with suppress(IndexError):  # another thread closes it just now
                    item: T = call.take()
                    return item
        self._end()
        raise StopIteration

    def _wait(self, call: BlockingCall) -> None:
        _check("next")
        try:
            call.wait()
        finally:
            if call.done or call.unwanted:
                call.wake()  # another thread waits in close(), and this one got what was to wake it

    def _open(self) -> BlockingCall:
        _check("next")
        call = BlockingCall(self._crossing, self._function)
        call.args = (call, *self._arguments)
        self._arguments = ()
        self._crossing.bridge.send(call)
        self._call = call
        if self._told:  # another thread closed it meanwhile
            call.cancel()
        return call

    def _end(self) -> None:
        if not self._told and self._call is not None:
            self._told = True
            self._call.result()

    def close(self) -> None:
        """Read no more, and wait until the source has closed. Items not read are lost. Harmless when it has ended."""
        self._told = True
        self._arguments = ()
        if self._call is not None and not self._call.done:
            self._call.cancel()
            _check("close")
            self._call.wait_done()
            self._call.wake()  # another thread may wait for an item

    def leave(self) -> None:
        """Let the source end in its own way, and wait until it has. Raises what it raises."""
        if self._call is not None:
            self._call.release()
            self._call.wait_done()
            self._call.wake()
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        call: BlockingCall | None = getattr(self, "_call", None)
        if call is not None:
            call.cancel()


async def _do(function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    return function(*args, **kwargs)


async def _nothing(*_: object) -> None:
    """What the call that waits for a start stands for."""


def _check(called: str) -> None:
    """Raise WrongHost where waiting would stop an event loop."""
    if in_trio_run():
        raise WrongHost(
            called,
            f"this thread runs Trio, which a blocking call would stop. Open the runtime itself here, "
            f"`async with actrio.open_runtime() as runtime`, and `await` its {called}()",
        )
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        raise WrongHost(
            called,
            f"this thread runs an asyncio loop, which a blocking call would stop. Use `async with actrio.AsyncioHost() "
            f"as host` here, and `await` its {called}(), or `async for` its streams",
        )
