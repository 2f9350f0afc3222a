"""How whatever thread has something for a task of asyncio lets that go on."""

import asyncio
from collections import deque
from typing import Protocol

from actrio.hosts._waker import EventWaker, make_loop_waker


class Looking(Protocol):
    """What is woken."""

    def look(self) -> None:
        """See what there is, in the loop."""


class Wakeups:
    """Those of one loop. Several that come together are one of the loop's.

    No lock guards it: who wakes adds to ``_woken`` and then looks at ``_delivering``; who delivers does the opposite.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, same_thread: bool) -> None:
        self._loop = loop
        self._same_thread = same_thread  # nobody wakes from another
        self._woken: deque[Looking] = deque()
        self._delivering = False  # whether `_deliver` is to run, and has not begun
        self._waker: EventWaker | None = None if same_thread else _in_loop(loop, self)

    def soon(self, one: Looking) -> None:
        """Have it look. In any thread. Raises: RuntimeError: the loop is closed."""
        if self._same_thread:
            one.look()
            return
        self._woken.append(one)
        if not self._delivering:
            self._delivering = True
            self._ring()

    def _ring(self) -> None:
        waker = self._waker
        if waker is None:
            self._loop.call_soon_threadsafe(self.deliver)
        elif self._loop.is_closed():
            raise RuntimeError("the loop is closed")
        else:
            waker.wake()

    def deliver(self) -> None:
        """In the loop: have all look that were woken until now."""
        if self._waker is not None:
            self._waker.sleep()
        self._delivering = False
        woken = self._woken
        for _ in range(len(woken)):
            woken.popleft().look()
        if woken and not self._delivering:
            self._delivering = True
            self._ring()

    def close(self) -> None:
        """In the loop: use nothing of it any more but its own way. Harmless the second time."""
        waker, self._waker = self._waker, None
        if waker is not None:
            self._loop.remove_reader(waker.fileno())
            self.deliver()  # those that rang it in vain


def _in_loop(loop: asyncio.AbstractEventLoop, wakeups: Wakeups) -> EventWaker | None:
    waker = make_loop_waker()
    if waker is not None:
        try:
            loop.add_reader(waker.fileno(), wakeups.deliver)
        except NotImplementedError:  # a loop that can wait for no descriptors
            return None
    return waker
