"""A host starts once, or not at all: then it says so to all who call it, and nothing of it is left."""

import asyncio
import gc
import os
import threading
from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from typing import Any, Final, NoReturn
from weakref import ref as weak

import pytest
import trio
from outcome import Outcome

import actrio
from actrio.hosts import AsyncioHost, GuestHost, Host, RuntimeStopped
from actrio.hosts.asyncio import Mode
from tests.hosts.desk import run_asyncio

PATIENCE: Final = 5  # seconds


def no_thread(_: threading.Thread) -> NoReturn:
    raise RuntimeError("can't start new thread")


async def fails(_: actrio.Runtime) -> NoReturn:
    raise LookupError("no such database")


def test_a_host_that_gets_no_thread_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host()
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        host.start()
    with pytest.raises(RuntimeStopped, match="can't start new thread"):
        host.call(trio.sleep, 0)
    with pytest.raises(RuntimeStopped, match="started before"):
        host.start()


async def check_refused(host: AsyncioHost, problem: str) -> None:
    descriptors = open_descriptors()
    with pytest.raises(RuntimeError, match=problem):
        await host.start()
    assert open_descriptors() == descriptors
    refused: list[Callable[[], Awaitable[object]]] = [lambda: host.call(trio.sleep, 0), host.stop]
    for use in refused:
        with pytest.raises((RuntimeStopped, RuntimeError), match=problem):
            await asyncio.wait_for(use(), PATIENCE)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0  # noqa: PTH208, PTH112


def test_a_host_on_asyncio_that_gets_no_thread_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    run_asyncio(lambda: check_refused(AsyncioHost(), "can't start new thread"))


def test_a_second_guest_in_a_loop_does_not_run() -> None:
    async def main() -> None:
        async with AsyncioHost(mode="guest") as first:
            await check_refused(AsyncioHost(mode="guest"), "from inside a run")
            await first.call(trio.sleep, 0)

    run_asyncio(main)


async def test_a_guest_of_another_loop_inside_trio_does_not_run() -> None:
    loop, told = SimpleQueue[Callable[[], object]](), list[Outcome[Any]]()
    host = GuestHost(run_sync_soon=loop.put)
    with pytest.raises(RuntimeError, match="from inside a run"):
        host.start(told.append, ended=told.append)
    with pytest.raises(RuntimeStopped, match="from inside a run"):
        host.soon(trio.sleep, 0, then=told.append)
    assert (told, loop.qsize()) == ([], 0)


def test_of_threads_that_start_a_host_at_the_same_time_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    host, others = Host(), list[BaseException]()
    start = threading.Thread.start

    def start_other() -> None:
        try:
            host.start()
        except RuntimeStopped as error:
            others.append(error)

    def slowly(thread: threading.Thread) -> None:
        monkeypatch.undo()
        other = threading.Thread(target=start_other, daemon=True)
        other.start()
        other.join(PATIENCE)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", slowly)
    host.start()
    assert len(others) == 1
    host.call(trio.sleep, 0)
    host.stop()


def test_a_host_whose_start_failed_is_forgotten() -> None:
    host = Host(fails)
    bridge = weak(host._crossing.bridge)
    with pytest.raises(LookupError):
        host.start()
    del host
    gc.collect()
    assert bridge() is None


@pytest.mark.parametrize("mode", ["thread", "guest"])
def test_a_host_on_asyncio_whose_start_failed_is_forgotten(mode: Mode) -> None:
    async def main() -> Callable[[], object]:
        host = AsyncioHost(fails, mode=mode)
        with pytest.raises(LookupError):
            await host.start()
        return weak(host._crossing.bridge)

    bridge = run_asyncio(main)
    gc.collect()
    assert bridge() is None
