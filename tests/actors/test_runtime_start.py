"""Starting: when an actor is there, and starts that fail, are cut or are cancelled."""

import pytest
import trio
import trio.lowlevel

from actrio.actors import RuntimeClosed, Supervisor, child, open_runtime
from actrio.mailbox import ActorStopped
from tests.actors.crew import Add, Counter, Get, Log, cancelled_at, settle
from tests.actors.unready import ManyAwaits


async def test_spawn_returns_once_started_has_run() -> None:
    class Slow(Counter):
        async def started(self) -> None:
            await trio.sleep(2)
            self.count = 7

    async with open_runtime() as runtime:
        start = trio.current_time()
        ref = await runtime.spawn(Slow)
        assert trio.current_time() - start == 2
        assert await ref.ask(Get()) == 7


async def test_messages_sent_while_an_actor_starts_are_handled_afterwards() -> None:
    class Eager(Counter):
        async def started(self) -> None:
            await self.ctx.ref.tell(Add(3))
            await trio.sleep(1)
            assert self.count == 0

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Eager)
        assert await ref.ask(Get()) == 3


class Unready(Counter):
    """Cannot start."""

    async def started(self) -> None:
        await super().started()
        raise OSError("not ready")


class Unbuildable(Counter):
    """Cannot even be made."""

    def __init__(self) -> None:
        raise OSError("not ready")


@pytest.mark.parametrize("factory", [Unready, Unbuildable])
async def test_a_start_that_fails_raises_from_spawn_and_leaves_nothing(factory: type[Counter]) -> None:
    async with open_runtime() as runtime:
        with pytest.raises(OSError, match="not ready"):
            await runtime.spawn(factory, name="n", restart="permanent")
        assert not runtime.metrics().actors
        await runtime.spawn(Counter, name="n")


async def test_stopped_does_not_run_for_an_actor_that_did_not_start() -> None:
    log = Log()
    async with open_runtime() as runtime:
        with pytest.raises(OSError, match="not ready"):
            await runtime.spawn(Unready, log)
    assert log.lines == ["counter started"]


async def test_spawn_is_a_cancellation_point() -> None:
    async with open_runtime() as runtime:
        with trio.CancelScope() as scope:
            scope.cancel()
            await runtime.spawn(Counter)
        assert scope.cancelled_caught
        assert not runtime.metrics().actors


async def test_spawning_many_lets_other_tasks_run() -> None:
    async with open_runtime() as runtime, trio.open_nursery() as nursery:
        ticks = list[int]()

        @nursery.start_soon
        async def _() -> None:
            while True:
                await trio.lowlevel.checkpoint()
                ticks.append(1)

        for _number in range(160):
            await runtime.spawn(Counter)
        assert len(ticks) >= 5
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", ["actor", "supervisor"])
async def test_spawn_cancelled_at_any_await_leaves_nothing_and_frees_the_name(kind: str) -> None:
    log = Log()
    children = [child(Counter, log, "first", name="first"), child(ManyAwaits, log, "many", name="many")]

    async def spawn() -> None:
        if kind == "actor":
            await runtime.spawn(ManyAwaits, log, "many", name="n")
        else:
            await runtime.spawn(Supervisor("n", children=children))

    async with open_runtime() as runtime:
        at = 1
        while await cancelled_at(at, spawn):
            await settle()
            if runtime.metrics().actors:  # it had been too late
                await runtime.find("n").stop()
            assert not runtime.metrics().actors, at
            for name in ("first", "many", "kid"):
                assert log.lines.count(f"{name} started") == log.lines.count(f"{name} stopped"), (at, log.lines)
            at += 1
    assert at > 2


async def test_a_runtime_that_closes_while_an_actor_starts_cuts_the_start() -> None:
    class Slow(Counter):
        async def started(self) -> None:
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery, open_runtime() as runtime:

        @nursery.start_soon
        async def _() -> None:
            with pytest.raises((RuntimeClosed, ActorStopped)):
                await runtime.spawn(Slow)

        await settle()
    assert not runtime.metrics().actors


async def test_a_task_of_the_actor_that_fails_while_it_starts_fails_its_spawn_alone() -> None:
    class Doomed(Counter):
        async def started(self) -> None:
            self.ctx.nursery.start_soon(self.fail)
            await trio.sleep(1)

        async def fail(self) -> None:
            raise OSError("in a task")

    async with open_runtime() as runtime:
        other = await runtime.spawn(Counter)
        with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="in a task"), allow_unwrapped=True):
            await runtime.spawn(Doomed, restart="permanent")
        assert await other.ask(Get()) == 0
        assert sorted(runtime.metrics().actors) == ["counter"]
