"""Families: actors that an actor has spawned."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import trio

from actrio.actors import ActorRef, State, open_runtime
from actrio.mailbox import ActrioError
from tests.actors.crew import Boom, Counter, Log, crash, settle


class Parent(Counter):
    """Has a child of its own, spawned when it starts."""

    def __init__(self, log: Log, **settings: Any) -> None:
        super().__init__(log, "parent")
        self.settings = settings

    async def started(self) -> None:
        self.kid: ActorRef[Any] = await self.ctx.spawn(Counter, self.log, "kid", name="kid", **self.settings)
        await super().started()


def parent(log: Log, **settings: Any) -> Callable[[], Parent]:
    return lambda: Parent(log, **settings)


@pytest.mark.parametrize("end", ["stop", "crash", "close"])
async def test_a_spawned_child_ends_before_the_stopped_hook_of_its_parent(end: str) -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(parent(log), name="p")
        assert log.take() == ["kid started", "parent started"]
        assert runtime.find("p/kid").state is State.RUNNING
        if end == "stop":
            await ref.stop()
        elif end == "crash":
            await crash(ref)
            await settle()
    assert log.take() == ["kid stopped", "parent stopped"]


async def test_a_restarted_parent_spawns_its_child_anew() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(parent(log), name="p", restart="permanent")
        old = runtime.find("p/kid")
        await crash(ref)
        await settle()
        assert old.state is State.STOPPED
        assert runtime.find("p/kid").state is State.RUNNING
        assert log.take()[2:] == ["kid stopped", "parent stopped", "kid started", "parent started"]


async def test_a_child_that_its_family_can_restart_does_not_touch_its_parent() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(parent(log, restart="permanent"), name="p")
        await crash(runtime.find("p/kid"))
        await settle()
        assert log.take()[2:] == ["kid stopped", "kid started"]
        assert ref.metrics().restarts == 0


@pytest.mark.parametrize("settings", [{"restart": "temporary"}, {"restart": "permanent"}])
async def test_a_child_that_its_family_cannot_mend_crashes_the_parent(settings: dict[str, Any]) -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(parent(Log(), **settings), name="p", restart="permanent")
        for _ in range(1 if settings["restart"] == "temporary" else 4):
            runtime.find("p/kid").tell_nowait(Boom())
            await trio.sleep(1)
        assert (ref.state, ref.metrics().restarts) == (State.RUNNING, 1)


async def test_the_error_of_a_child_leaves_the_runtime_through_a_temporary_parent() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="boom")):
        async with open_runtime() as runtime:
            await runtime.spawn(parent(Log()), name="p")
            runtime.find("p/kid").tell_nowait(Boom())
            await trio.sleep_forever()


async def test_a_child_spawned_by_the_stopped_hook_does_not_outlive_its_parent() -> None:
    class Late(Counter):
        async def stopped(self) -> None:
            with suppress(ActrioError):  # refused is well, too
                await self.ctx.spawn(Counter, log, "kid")

    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Late)
        await ref.stop()
        await settle()
        assert not runtime.metrics().actors
        assert log.lines.count("kid started") == log.lines.count("kid stopped")


async def test_a_start_that_fails_after_spawning_a_child_ends_the_child() -> None:
    class Fails(Counter):
        async def started(self) -> None:
            await self.ctx.spawn(Counter, log, "kid")
            raise OSError("no start")

    log = Log()
    async with open_runtime() as runtime:
        with pytest.raises(OSError, match="no start"):
            await runtime.spawn(Fails)
        assert log.take() == ["kid started", "kid stopped"]
        assert not runtime.metrics().actors
