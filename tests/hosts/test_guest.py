"""A runtime as a guest in a loop that is not asyncio's."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

import pytest
import trio
from outcome import Error, Outcome, Value

import actrio
from actrio.hosts import GuestHost, RuntimeStopped
from tests.hosts.desk import Crash, Desk, Echo, Wait

PATIENCE: Final = 5  # seconds


class Loop:
    """A loop as that of a user interface: a queue of functions, in one thread."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self.told: list[Outcome[Any]] = []
        self.end: Outcome[Any] | None = None

    def run_sync_soon(self, function: Callable[[], object]) -> None:
        self._queue.put(function)

    def run_until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self._queue.get(timeout=PATIENCE)()

    def ended(self, outcome: Outcome[Any]) -> None:
        self.end = outcome

    def start(self, setup: Any = None) -> GuestHost:
        return GuestHost(setup, run_sync_soon=self.run_sync_soon).start(self.told.append, ended=self.ended)


async def desk_of(runtime: actrio.Runtime) -> None:
    await runtime.spawn(Desk, name="desk")


def test_calls_run_in_the_loops_thread_and_it_is_told_what_came_of_them() -> None:
    loop = Loop()
    host = loop.start(desk_of)
    loop.run_until(lambda: loop.told)
    host.soon(host.runtime.find("desk").ask, Echo(7), then=loop.told.append)
    loop.run_until(lambda: len(loop.told) == 2)
    assert loop.told[1].unwrap() == 7
    host.stop()
    loop.run_until(lambda: loop.end)
    assert isinstance(loop.end, Value)
    with pytest.raises(RuntimeStopped):
        host.soon(trio.sleep, 0)


def test_calls_may_come_as_soon_as_it_is_started() -> None:
    loop = Loop()
    host = loop.start(desk_of)
    host.soon(trio.sleep, 0, then=loop.told.append)
    loop.run_until(lambda: len(loop.told) == 2)
    assert all(isinstance(told, Value) for told in loop.told)
    host.stop()
    loop.run_until(lambda: loop.end)


def test_a_call_that_is_cancelled_or_outlived_is_told_so() -> None:
    loop, wait = Loop(), Wait()
    host = loop.start(desk_of)
    loop.run_until(lambda: loop.told)
    call = host.soon(host.runtime.find("desk").ask, wait, then=loop.told.append)
    loop.run_until(lambda: wait.events)
    call.cancel()
    loop.run_until(lambda: len(loop.told) == 2)
    assert wait.events == ["began", "cleaned up"]
    host.soon(trio.sleep_forever, then=loop.told.append)
    host.stop()
    loop.run_until(lambda: loop.end and len(loop.told) == 3)
    assert all(isinstance(told, Error) and isinstance(told.error, RuntimeStopped) for told in loop.told[1:])


def test_a_crash_is_told_as_the_end() -> None:
    loop = Loop()
    host = loop.start(desk_of)
    loop.run_until(lambda: loop.told)
    host.runtime.find("desk").tell_nowait(Crash())
    loop.run_until(lambda: loop.end)
    assert isinstance(loop.end, Error)
    with pytest.RaisesGroup(ValueError, flatten_subgroups=True):
        loop.end.unwrap()
