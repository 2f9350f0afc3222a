"""Actors that the tests of hosts talk to, and the loops they run on."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import trio
import uvloop
from attrs import field, frozen

import actrio

T = TypeVar("T")

user: ContextVar[str] = ContextVar("user", default="nobody")


@frozen
class Echo(actrio.Request[int]):
    value: int


@frozen
class Fail(actrio.Request[int]):
    """Asked: raise."""


@frozen
class Who(actrio.Request[str]):
    """Asked: which user the asker has in its context."""


@frozen(eq=False)
class Wait(actrio.Request[None]):
    """Asked: wait for ever; ``events`` gets what happens."""

    events: list[str] = field(factory=list)


@frozen
class Crash:
    """Told: raise, which is a crash."""


def explode() -> int:
    raise ValueError("the desk is on fire")


class Desk(actrio.Actor):
    @actrio.handles
    async def echo(self, message: Echo) -> int:
        return message.value

    @actrio.handles
    async def fail(self, message: Fail) -> int:
        return explode()

    @actrio.handles
    async def who(self, message: Who) -> str:
        return user.get()

    @actrio.handles
    async def wait(self, message: Wait) -> None:
        message.events.append("began")
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(1, shield=True):
                await trio.lowlevel.checkpoint()
            message.events.append("cleaned up")

    @actrio.handles
    async def crash(self, message: Crash) -> None:
        explode()


def chatty(pieces: int = 3) -> actrio.ScriptedProvider:
    """A model that says that many words, again and again, as fast as it can."""
    return actrio.ScriptedProvider(" ".join(["word"] * pieces), cycle=True)


async def until(condition: Callable[[], object]) -> None:
    """Wait for what the runtime is about to do."""
    patience = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < patience
        await asyncio.sleep(0.001)


def soon(condition: Callable[[], object]) -> None:
    """The same, in a thread that nothing else runs in."""
    patience = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.001)


def run_asyncio(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner() as runner:
        return runner.run(main())


def run_uvloop(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


LOOPS: Final = [run_asyncio, run_uvloop]
