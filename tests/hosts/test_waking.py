"""Who sleeps until the runtime has something is woken, and what it sleeps on is not left behind."""

import asyncio
import errno
import gc
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from weakref import ref as weak

import pytest
import trio
from outcome import Outcome

import actrio
from actrio.hosts import AsyncioHost, GuestHost, Host
from actrio.hosts._waker import EventWaker, LockWaker, Waker, make_waker
from actrio.hosts.blocking._crossing import SPARE_WAKERS
from actrio.providers import Stall
from tests.hosts.desk import LOOPS, Desk, Echo, chatty, run_asyncio, soon, until

PATIENCE = 5  # seconds

linux = pytest.mark.skipif(not hasattr(os, "eventfd"), reason="only Linux has eventfd")
WAKERS = [pytest.param(EventWaker, marks=linux), LockWaker]


def descriptors() -> int:
    """How many eventfds this process has open."""
    links = [one for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    return sum(str(one.readlink()) == "anon_inode:[eventfd]" for one in links)


async def double(number: int) -> int:
    return 2 * number


async def ask_and_read() -> None:
    """What a program on asyncio does."""
    async with AsyncioHost() as host:
        desk = await host.spawn(Desk)
        assert await asyncio.gather(*(desk.ask(Echo(number)) for number in range(9))) == list(range(9))
        writer = await host.spawn(actrio.Agent("writer", model=chatty(600)))
        assert len([piece async for piece in writer.run("Go.").text()]) == 600


@pytest.mark.parametrize("kind", WAKERS)
def test_a_sleeper_is_woken_and_one_wake_up_is_kept(kind: Callable[[], Waker]) -> None:
    waker = kind()
    waker.wake()
    waker.wake()
    waker.sleep()
    sleeper = threading.Thread(target=waker.sleep)
    sleeper.start()
    assert sleeper.is_alive()
    waker.wake()
    sleeper.join(PATIENCE)
    assert not sleeper.is_alive()


@linux
def test_a_process_that_may_open_no_more_descriptors_sleeps_on_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "eventfd", full)
    assert isinstance(make_waker(), LockWaker)
    with Host() as host:
        assert host.spawn(Desk).ask(Echo(3)) == 3
    run_asyncio(ask_and_read)


@linux
@pytest.mark.skipif(sys.platform != "linux", reason="counts them in /proc")
def test_a_host_keeps_few_descriptors_for_its_next_calls_and_none_when_it_is_gone() -> None:
    before = descriptors()
    host = Host().start()
    gate = threading.Barrier(SPARE_WAKERS + 9)

    def call(host: Host, number: int) -> None:
        gate.wait(PATIENCE)
        assert host.call(double, number) == 2 * number

    threads = [threading.Thread(target=call, args=(host, number)) for number in range(SPARE_WAKERS + 8)]
    for thread in threads:
        thread.start()
    gate.wait(PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
    kept = descriptors() - before
    assert 0 < kept <= SPARE_WAKERS + 3  # of threads that end at the same time, some may find room that is no more
    for number in range(100):
        host.call(double, number)
    assert descriptors() - before <= kept
    host.stop()
    del host, threads, thread
    assert descriptors() == before


class ProactorLike(asyncio.SelectorEventLoop):
    """A loop that can wait for no descriptors, as the one of Windows."""

    def add_reader(self, *_: object) -> None:
        raise NotImplementedError


def test_a_loop_that_waits_for_no_descriptors_is_woken_in_its_own_way() -> None:
    with asyncio.Runner(loop_factory=ProactorLike) as runner:
        runner.run(ask_and_read())


@linux
@pytest.mark.parametrize("run", LOOPS, ids=["asyncio", "uvloop"])
def test_a_host_on_asyncio_leaves_no_descriptor_behind(run: Callable[[Any], Any]) -> None:
    async def main() -> None:
        before = descriptors()
        host = await AsyncioHost().start()
        assert await (await host.spawn(Desk)).ask(Echo(3)) == 3
        assert descriptors() > before
        await host.stop()
        assert descriptors() == before

    run(main)


@pytest.mark.parametrize("run", LOOPS, ids=["asyncio", "uvloop"])
def test_a_host_on_asyncio_that_is_dropped_ends_its_thread(run: Callable[[Any], Any]) -> None:
    async def main() -> None:
        host = await AsyncioHost().start()
        bridge = weak(host._crossing.bridge)
        before = descriptors()
        del host
        await until(lambda: gc.collect() is not None and bridge() is None)
        assert "actrio runtime" not in [thread.name for thread in threading.enumerate()]
        assert descriptors() < before or not hasattr(os, "eventfd")

    run(main)


def test_a_reader_that_another_thread_closes_ends_for_both() -> None:
    with Host() as host:
        writer = host.spawn(actrio.Agent("writer", model=actrio.ScriptedProvider(Stall(2))))
        reader = host.run(writer, "Begin.").text()
        two, got = threading.Event(), list[str]()

        def read() -> None:
            for piece in reader:
                got.append(piece)
                if len(got) == 2:
                    two.set()

        reading = threading.Thread(target=read)
        closing = threading.Thread(target=reader.close, daemon=True)
        reading.start()
        assert two.wait(PATIENCE)
        closing.start()
        closing.join(PATIENCE)
        reading.join(PATIENCE)
        assert not closing.is_alive()
        assert not reading.is_alive()


@pytest.mark.parametrize("pause", [False, True], ids=["at once", "when Trio sleeps"])
def test_a_guest_answers_calls_from_its_start_on(pause: bool) -> None:
    loop, told, ended = SimpleQueue[Callable[[], object]](), list[Outcome[Any]](), list[Outcome[Any]]()
    host = GuestHost(run_sync_soon=loop.put).start(ended=ended.append)
    for number in range(5):
        host.soon(double, number, then=told.append)
        while len(told) <= number or (pause and not loop.empty()):
            loop.get(timeout=PATIENCE)()
    assert [one.unwrap() for one in told] == [0, 2, 4, 6, 8]
    host.stop()
    while not ended:
        loop.get(timeout=PATIENCE)()


def test_a_signal_while_the_runtime_is_woken_cancels_the_call_and_no_other() -> None:
    with Host() as host:
        desk, bridge, rung = host.spawn(Desk), host._crossing.bridge, list[int]()
        ring = bridge._ring
        assert ring is not None

        def struck() -> None:
            rung.append(1)
            if len(rung) == 1:
                raise KeyboardInterrupt
            ring()

        bridge._ring = struck
        with pytest.raises(KeyboardInterrupt):
            host.call(trio.sleep_forever)
        soon(lambda: not bridge.open)
        assert desk.ask(Echo(1)) == 1
