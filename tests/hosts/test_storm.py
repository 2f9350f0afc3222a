"""Threads and tasks ask, stream, cancel, time out and drop iterators at random while actors restart."""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, Final

import pytest
import trio

import actrio
from actrio.hosts import AsyncioHost, Host, fail_after
from actrio.hosts.asyncio import ActorRef, AgentRef, Mode
from tests.hosts.desk import Crash, Desk, Echo, Wait, chatty

_log = logging.getLogger(__name__)

SECONDS: Final = float(os.environ.get("ACTRIO_STORM_S", "3"))
THREADS: Final = 50
TASKS: Final = 200
# What a call may end with while actors are restarted under it.
ENDS: Final = (TimeoutError, trio.TooSlowError, actrio.ActorStopped, actrio.MailboxFull, asyncio.CancelledError)


async def setup(runtime: actrio.Runtime) -> None:
    await runtime.spawn(Desk, name="desk", restart="permanent", concurrency=64)
    await runtime.spawn(actrio.Agent("writer", model=chatty(40), concurrency=64))


def one_of_a_thread(host: Host, random: Random) -> str:
    desk, writer = host.find("desk"), host.find("writer")
    assert isinstance(writer, actrio.hosts.blocking.AgentRef)
    kind = random.choice(["ask", "stream", "drop", "time out", "crash", "turn"])
    if kind == "ask":
        assert desk.ask(Echo(5)) == 5
    elif kind == "stream":
        assert len(list(writer.run("Go.").text())) == 40
    elif kind == "drop":
        next(writer.run("Go.").text())
    elif kind == "turn":
        with writer.run("Go.") as turn:
            next(turn.text())
    elif kind == "time out":
        with fail_after(random.random() / 50):
            desk.ask(Wait())
    elif random.random() < 0.05:
        desk.tell(Crash())
    return kind


async def one_of_a_task(host: AsyncioHost, random: Random) -> str:
    desk, writer = await host.find("desk"), await host.find("writer")
    assert isinstance(writer, AgentRef)
    kinds: dict[str, Callable[[], Awaitable[object]]] = {
        "ask": lambda: desk.ask(Echo(5)),
        "stream": lambda: read(writer),
        "drop": lambda: anext(writer.run("Go.").text()),
        "turn": lambda: enter(writer),
        "time out": lambda: asyncio.wait_for(desk.ask(Wait()), random.random() / 50),
        "cancel": lambda: cancel(desk, random),
        "errand": lambda: host.call(host.on_loop(asyncio.sleep), random.random() / 100),
        "crash": lambda: crash(desk, random),
    }
    kind = random.choice(list(kinds))
    await kinds[kind]()
    return kind


async def read(writer: AgentRef[Any]) -> None:
    assert len([piece async for piece in writer.run("Go.").text()]) == 40


async def enter(writer: AgentRef[Any]) -> None:
    async with writer.run("Go.") as turn:
        await anext(turn.text())


async def cancel(desk: ActorRef[Any], random: Random) -> None:
    task = asyncio.ensure_future(desk.ask(Wait()))
    await asyncio.sleep(random.random() / 50)
    task.cancel()
    await task


async def crash(desk: ActorRef[Any], random: Random) -> None:
    if random.random() < 0.05:
        await desk.tell(Crash())


def thread(host: Host, seed: int, end: float) -> Counter[str]:
    ended, random = Counter[str](), Random(seed)
    while time.monotonic() < end:
        try:
            ended[one_of_a_thread(host, random)] += 1
        except ENDS as error:
            ended[type(error).__name__] += 1
    return ended


async def task(host: AsyncioHost, seed: int, end: float) -> Counter[str]:
    ended, random = Counter[str](), Random(seed)
    while time.monotonic() < end:
        try:
            ended[await one_of_a_task(host, random)] += 1
        except ENDS as error:
            ended[type(error).__name__] += 1
    return ended


async def tasks(end: float, mode: Mode) -> Counter[str]:
    async with AsyncioHost(setup, mode=mode, intensity=10**6) as host:
        ended = await asyncio.gather(*(task(host, seed, end) for seed in range(TASKS)))
        await host.call(settle, host.runtime)
        assert not host._crossing.bridge.open
        return sum(ended, Counter(restarts=host.runtime.restarts))


async def settle(runtime: actrio.Runtime) -> None:
    """Let dropped iterators end; then every message has."""
    with trio.fail_after(5):
        while (totals := runtime.metrics().totals).queued or totals.in_hand:  # noqa: ASYNC110 - no event says so
            await trio.sleep(0.001)
    assert totals.balanced


@pytest.mark.parametrize("mode", ["thread", "guest"])
def test_in_a_storm_every_call_ends_and_nothing_is_left(mode: Mode) -> None:
    end = time.monotonic() + SECONDS
    with Host(setup, intensity=10**6) as host, ThreadPoolExecutor(THREADS + 1) as pool:
        beside = pool.submit(asyncio.run, tasks(end, mode))
        ended = sum(pool.map(lambda seed: thread(host, seed, end), range(THREADS)), Counter[str]())
        host.call(settle, host.runtime)
        assert not host._crossing.bridge.open
        ended["restarts"] += host.runtime.restarts
        in_asyncio = beside.result()
    _log.info("%g s, threads: %s, tasks: %s", SECONDS, dict(ended), dict(in_asyncio))
    assert {"ask", "stream", "drop", "turn", "TooSlowError", "restarts"} <= set(ended)
    done = {"ask", "stream", "drop", "turn", "errand", "TimeoutError", "CancelledError", "restarts"}
    assert done <= set(in_asyncio)
