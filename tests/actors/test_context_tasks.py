"""Child tasks of an actor, by ``ctx.start_soon`` and ``ctx.start``."""

from contextlib import suppress
from typing import Any

import pytest
import trio

from actrio.actors import State, open_runtime
from actrio.mailbox import ActorStopped, ActrioError
from tests.actors.crew import Add, Boom, Counter, Do, Echo, Get, Log, crash, settle


class Tasks(Counter):
    """Starts a task that ends when cancelled, after a shielded second."""

    async def started(self) -> None:
        await super().started()
        self.ctx.nursery.start_soon(self.work)

    async def work(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            self.log("task ended")


@pytest.mark.parametrize("end", ["stop", "crash", "close"])
async def test_child_tasks_are_cancelled_and_waited_for_before_the_stopped_hook(end: str) -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Tasks, log)
        await settle()
        if end == "stop":
            await ref.stop()
        elif end == "crash":
            await crash(ref)
    assert log.lines == ["counter started", "task ended", "counter stopped"]


async def test_child_tasks_of_a_crashed_instance_have_ended_before_the_next_starts() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Tasks, log, restart="permanent")
        await settle()
        await crash(ref)
        await ref.ask(Get())
        assert log.take() == ["counter started", "task ended", "counter stopped", "counter started"]


async def test_an_error_in_a_child_task_cancels_the_others_and_crashes_the_actor() -> None:
    log = Log()

    async def fail(actor: Tasks) -> None:
        async def bad() -> None:
            raise OSError("in a task")

        actor.ctx.nursery.start_soon(bad)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Tasks, log, restart="permanent")
        await ref.ask(Do(fail))
        await trio.sleep(2)
        assert (ref.state, ref.metrics().restarts) == (State.RUNNING, 1)
        assert log.lines[:4] == ["counter started", "task ended", "counter stopped", "counter started"]


async def test_an_error_in_a_child_task_of_a_temporary_actor_leaves_the_runtime() -> None:
    async def fail(actor: Counter) -> None:
        async def bad() -> None:
            raise OSError("in a task")

        actor.ctx.nursery.start_soon(bad)

    with pytest.RaisesGroup(pytest.RaisesExc(OSError), flatten_subgroups=True):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter)
            await ref.ask(Do(fail))
            await trio.sleep_forever()


async def test_a_child_task_can_be_started_and_waited_for_until_it_is_ready() -> None:
    async def serve(task_status: trio.TaskStatus[int]) -> None:
        await trio.sleep(1)
        task_status.started(80)
        await trio.sleep_forever()

    async def start(actor: Counter) -> Any:
        return await actor.ctx.nursery.start(serve)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        assert await ref.ask(Do(start)) == 80


async def test_a_child_task_may_ask_its_own_actor() -> None:
    async def ask_later(actor: Counter) -> None:
        async def ask() -> None:
            assert await actor.ctx.ref.ask(Echo(5)) == 5
            await actor.ctx.ref.tell(Add(5))

        actor.ctx.nursery.start_soon(ask)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.ask(Do(ask_later))
        await settle()
        assert await ref.ask(Get()) == 5


async def test_a_child_task_outlives_the_message_and_its_askers_cancellation() -> None:
    log = Log()

    async def start_and_wait(actor: Tasks) -> None:
        actor.ctx.nursery.start_soon(actor.work)
        await trio.sleep_forever()

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Tasks, log)
        with trio.move_on_after(1):
            await ref.ask(Do(start_and_wait))
        await trio.sleep(5)
        assert log.lines == ["counter started"]


async def test_a_task_started_by_the_stopped_hook_does_not_outlive_the_actor() -> None:
    log = Log()

    class StartsLate(Tasks):
        async def started(self) -> None: ...

        async def stopped(self) -> None:
            try:
                self.ctx.nursery.start_soon(self.work)
                await trio.lowlevel.checkpoint()
            except ActrioError:
                log("task ended")  # refused is well, too

    async with open_runtime() as runtime:
        ref = await runtime.spawn(StartsLate, log)
        await ref.stop()
        assert log.lines == ["task ended"]


async def test_the_stopped_hook_starts_no_more_tasks_and_children_where_there_were_some_before() -> None:
    log = Log()

    class StartsMore(Tasks):
        async def stopped(self) -> None:
            with pytest.raises(ActorStopped, match="starts nothing more"):
                self.ctx.nursery.start_soon(trio.sleep_forever)
            with pytest.raises(ActorStopped, match="starts nothing more"):
                await self.ctx.spawn(Counter)
            log("refused")

    async with open_runtime() as runtime:
        await runtime.spawn(StartsMore, log)
        await settle()
    assert log.lines == ["counter started", "task ended", "refused"]


async def test_a_task_started_while_the_runtime_goes_down_is_refused_with_actor_stopped() -> None:
    errors = list[Exception]()

    async def start_late(actor: Counter) -> None:
        actor.ctx.nursery.start_soon(trio.sleep_forever)
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            try:
                actor.ctx.nursery.start_soon(trio.sleep_forever)
            except ActorStopped as error:
                errors.append(error)

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="boom")):
        async with open_runtime() as runtime:
            await (await runtime.spawn(Counter)).tell(Do(start_late))
            await settle()
            await (await runtime.spawn(Counter)).tell(Boom())
            await trio.sleep_forever()
    assert len(errors) == 1


@pytest.mark.parametrize("attempt", range(10))  # which of the two comes first is Trio's choice
async def test_a_task_started_just_when_another_has_failed_hides_no_error(attempt: int) -> None:
    async def fail_then() -> None:
        await trio.sleep(1)
        raise OSError("in a task")

    async def start_then(actor: Counter) -> None:
        actor.ctx.nursery.start_soon(fail_then)
        await trio.sleep(1)
        await trio.lowlevel.checkpoint()
        with suppress(ActorStopped):
            actor.ctx.nursery.start_soon(trio.sleep_forever)

    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="in a task")):
        async with open_runtime() as runtime:
            await (await runtime.spawn(Counter)).tell(Do(start_then))
            await trio.sleep_forever()
