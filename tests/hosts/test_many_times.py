"""A host is started and stopped a thousand times without growing."""

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

import actrio
from actrio.hosts import AsyncioHost, Host
from actrio.hosts.asyncio import Mode
from actrio.providers import ToolCall
from actrio.testing import Say
from tests.hosts.desk import Desk, Echo, run_asyncio

TIMES: Final = 1000
MOST_OBJECTS: Final = 200  # more than before, of all times together
MOST_BYTES: Final = 4 * 2**20


@frozen
class Size:
    """What the process holds."""

    objects: int
    threads: int
    descriptors: int
    resident: int

    def is_within(self, before: "Size") -> None:
        assert self.objects - before.objects < MOST_OBJECTS
        assert self.threads <= before.threads
        assert self.descriptors <= before.descriptors
        assert self.resident - before.resident < MOST_BYTES


def size() -> Size:
    gc.collect()
    if not Path("/proc/self").is_dir():
        return Size(len(gc.get_objects()), threading.active_count(), 0, 0)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Size(len(gc.get_objects()), threading.active_count(), len(os.listdir("/proc/self/fd")), resident)  # noqa: PTH208


def check_growth(once: Callable[[], object], times: int) -> None:
    for _ in range(times // 10):  # caches fill
        once()
    before = size()
    for _ in range(times):
        once()
    size().is_within(before)


def test_a_blocking_host_does_not_grow() -> None:
    def once() -> None:
        with Host() as host:
            assert host.spawn(Desk).ask(Echo(1)) == 1

    check_growth(once, TIMES)


@pytest.mark.parametrize("mode", ["thread", "guest"])
def test_an_asyncio_host_does_not_grow(mode: Mode) -> None:
    async def once() -> None:
        async with AsyncioHost(mode=mode) as host:
            assert await (await host.spawn(Desk)).ask(Echo(1)) == 1

    with asyncio.Runner() as runner:
        check_growth(lambda: runner.run(once()), TIMES if mode == "thread" else TIMES // 4)


def test_a_host_in_a_loop_of_its_own_does_not_grow() -> None:
    async def once() -> None:
        async with AsyncioHost() as host:
            assert await (await host.spawn(Desk)).ask(Echo(1)) == 1

    check_growth(lambda: run_asyncio(once), TIMES // 10)


def test_a_loop_for_tools_does_not_grow_either() -> None:
    @actrio.tool(run_in="asyncio")
    async def wait() -> None:
        await asyncio.sleep(0)

    def once() -> None:
        model = actrio.ScriptedProvider(Say(tool_calls=(ToolCall("c", "wait", "{}"),)), "Done.")
        with Host() as host:
            assert host.spawn(actrio.Agent("a", model=model, tools=[wait])).ask("Go.").text == "Done."

    check_growth(once, TIMES // 10)
