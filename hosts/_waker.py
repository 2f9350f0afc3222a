"""What one thread waits on until another has something for it."""

import os
import sys
from _thread import allocate_lock
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

_ONE: Final = (1).to_bytes(8, sys.byteorder)


class Waker(Protocol):
    """Wakes one sleeper; one wake-up is kept for who is about to sleep. A sleeper looks again whenever it is woken."""

    def wake(self) -> None:
        """End the sleep. In any thread; does not raise."""

    def sleep(self) -> None:
        """Sleep until then. An exception in a signal handler comes out of it."""


class EventWaker:
    """By a descriptor of the kernel's: writing to it lets go of the interpreter while it wakes the other thread.

    With a lock the woken thread would find the interpreter still held, and sleep once more: six changes of thread a
    call instead of two. For an event loop it is a third quicker than the loop's own way, which takes more calls of the
    kernel, and more than one try to read.
    """

    __slots__ = ("_descriptor",)

    def __init__(self, *, blocking: bool = True) -> None:
        self._descriptor: int = os.eventfd(0, os.EFD_CLOEXEC | (0 if blocking else os.EFD_NONBLOCK))

    def wake(self) -> None:
        """As :meth:`Waker.wake`."""
        os.write(self._descriptor, _ONE)

    def sleep(self) -> None:
        """As :meth:`Waker.sleep`; if it is not to block, forget the wake-ups there were."""
        with suppress(BlockingIOError):
            os.read(self._descriptor, 8)

    def fileno(self) -> int:
        """What a loop waits for: it can be read when there is a wake-up."""
        return self._descriptor

    def __del__(self, close: Callable[[int], None] = os.close) -> None:  # `os` may be gone when the interpreter exits
        if hasattr(self, "_descriptor"):
            close(self._descriptor)


class LockWaker:
    """By a lock, where there is no such descriptor."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def wake(self) -> None:
        """As :meth:`Waker.wake`."""
        with suppress(RuntimeError):  # a wake-up that nobody needed is still there
            self._lock.release()

    def sleep(self) -> None:
        """As :meth:`Waker.sleep`."""
        self._lock.acquire()


def make_waker() -> Waker:
    """The quicker one, if the system has it and the process may open one more."""
    return _make_event_waker(blocking=True) or LockWaker()


def make_loop_waker() -> EventWaker | None:
    """One that an event loop can wait for, likewise; else None."""
    return _make_event_waker(blocking=False)


def _make_event_waker(*, blocking: bool) -> EventWaker | None:
    if hasattr(os, "eventfd"):
        with suppress(OSError):
            return EventWaker(blocking=blocking)
    return None
