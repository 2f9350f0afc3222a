"""What an actor sees and does through ``ctx``."""

import logging
import subprocess
import sys
from contextlib import suppress
from math import inf
from typing import Any

import pytest
import trio

from actrio.actors import Actor, ActorRef, Down, NoHandler, State, handles, open_runtime
from actrio.mailbox import ActorStopped, ActrioError
from tests.actors.crew import Add, Boom, Counter, Do, Echo, Get, Log, Nap, Watcher, counter, crash, settle

# Who, from whom, until when


async def test_ctx_gives_the_actors_own_ref_and_its_runtime() -> None:
    async def look(actor: Counter) -> tuple[Any, Any]:
        return actor.ctx.ref, actor.ctx.runtime

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        assert await ref.ask(Do(look)) == (ref, runtime)


async def sender(actor: Counter) -> ActorRef[Any] | None:
    return actor.ctx.sender


async def test_the_sender_is_the_asking_actor_and_none_outside() -> None:
    async with open_runtime() as runtime:
        far, near = await runtime.spawn(Counter), await runtime.spawn(Counter)

        async def pass_on(_: Counter) -> Any:
            return await far.ask(Do(sender))

        assert await near.ask(Do(pass_on)) is near
        assert await far.ask(Do(sender)) is None


async def test_the_sender_of_a_told_message_is_the_telling_actor_even_from_its_tasks_and_hooks() -> None:
    senders = list[Any]()

    async def note(actor: Counter) -> None:
        senders.append(actor.ctx.sender)

    class Teller(Counter):
        async def started(self) -> None:
            await far.tell(Do(note))
            self.ctx.nursery.start_soon(far.tell, Do(note))

        async def stopped(self) -> None:
            await far.tell(Do(note))

    async with open_runtime() as runtime:
        far = await runtime.spawn(Counter)
        near = await runtime.spawn(Teller)

        async def in_a_nursery(_: Counter) -> None:
            async with trio.open_nursery() as nursery:  # noqa: ASYNC112 - that it is another task is what is tested
                nursery.start_soon(far.tell, Do(note))

        await near.ask(Do(in_a_nursery))
        await near.stop()
        await settle()
        assert senders == [near] * 4


async def test_the_sender_of_a_coroutine_actors_message_is_that_actor() -> None:
    async with open_runtime() as runtime:
        far = await runtime.spawn(Counter)

        async def pass_on(_: Any) -> Any:
            return await far.ask(Do(sender))

        near = await runtime.spawn(counter)
        assert await near.ask(Do(pass_on)) is near


async def test_the_deadline_is_the_askers_and_infinite_for_what_is_told_or_detached() -> None:
    deadlines = list[float]()

    async def note(actor: Counter) -> float:
        await trio.lowlevel.checkpoint()
        deadlines.append(actor.ctx.deadline)
        return actor.ctx.deadline

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.fail_after(30) as scope:
            with trio.fail_after(50):
                assert await ref.ask(Do(note)) == scope.deadline
            await ref.ask(Do(note), detached=True)
            await ref.tell(Do(note))
        await ref.ask(Do(note))
        await settle()
    assert deadlines[1:] == [inf] * 3


async def test_the_deadline_travels_through_the_asks_of_handlers() -> None:
    async with open_runtime() as runtime:
        far, near = await runtime.spawn(Counter), await runtime.spawn(Counter)

        async def deadline(actor: Counter) -> float:
            return actor.ctx.deadline

        async def pass_on(_: Counter) -> Any:
            with trio.move_on_after(100):
                return await far.ask(Do(deadline))

        with trio.fail_after(30) as scope:
            assert await near.ask(Do(pass_on)) == scope.deadline


async def test_the_trio_deadline_of_a_handler_is_the_askers() -> None:
    async def deadline(_: Counter) -> float:
        await trio.lowlevel.checkpoint()
        return trio.current_effective_deadline()

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.fail_after(30) as scope:
            assert await ref.ask(Do(deadline)) == scope.deadline
        assert await ref.ask(Do(deadline)) == inf


async def test_outside_a_message_there_is_no_sender_and_no_deadline() -> None:
    seen = list[Any]()

    class Looks(Counter):
        async def started(self) -> None:
            self.ctx.nursery.start_soon(self.look)
            await self.look()

        async def look(self) -> None:
            await trio.lowlevel.checkpoint()
            seen.append((self.ctx.sender, self.ctx.deadline))

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Looks)
        with trio.fail_after(10):
            await ref.ask(Nap(1))
    assert seen == [(None, inf)] * 2


# Child tasks


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


# Watching


async def watch(actor: Watcher, ref: ActorRef[Any]) -> None:
    actor.ctx.watch(ref)


async def test_a_watching_actor_gets_one_down_before_its_other_mail() -> None:
    order = list[str]()

    class Busy(Actor):
        @handles
        async def down(self, message: Down) -> None:
            order.append(f"down: {message.reason}")

        @handles
        async def add(self, message: Add) -> None:
            order.append("add")

        @handles
        async def do(self, message: Do) -> Any:
            return await message.work(self)

    async with open_runtime() as runtime:
        watched, ref = await runtime.spawn(Counter), await runtime.spawn(Busy)

        async def work(actor: Busy) -> None:
            actor.ctx.watch(watched)
            actor.ctx.watch(watched)
            await actor.ctx.ref.tell(Add())
            await watched.stop()

        await ref.ask(Do(work))
        await settle()
    assert order == ["down: stopped", "add"]


async def test_a_down_carries_the_error_of_the_crash_and_counts_it_as_handled() -> None:
    downs = list[Down]()
    async with open_runtime() as runtime:
        watched, watcher = await runtime.spawn(Counter), await runtime.spawn(Watcher, downs)
        await watcher.ask(Do(lambda actor: watch(actor, watched)))
        await watched.tell(Boom("seen"))
        await trio.sleep(1)
        assert [(down.ref, str(down.error)) for down in downs] == [(watched, "seen")]


async def test_watching_a_stopped_actor_gives_its_down_at_once() -> None:
    downs = list[Down]()
    async with open_runtime() as runtime:
        watched, watcher = await runtime.spawn(Counter), await runtime.spawn(Watcher, downs)
        await watched.stop()
        await watcher.ask(Do(lambda actor: watch(actor, watched)))
        await settle()
        assert downs == [Down(watched, "stopped", None)]


async def test_watching_twice_gives_one_down_while_the_watched_actor_lives() -> None:
    downs = list[Down]()
    async with open_runtime() as runtime:
        watched, watcher = await runtime.spawn(Counter), await runtime.spawn(Watcher, downs)
        for _ in range(3):
            await watcher.ask(Do(lambda actor: watch(actor, watched)))
        await watched.stop()
        await settle()
        assert len(downs) == 1


async def doze(_: Watcher) -> None:
    await trio.sleep(1)


async def test_an_actor_that_handles_everything_may_watch_and_one_that_does_not_handle_down_may_not() -> None:
    got = list[object]()

    class Everything(Actor):
        @handles
        async def all(self, message: object) -> None:
            if isinstance(message, Do):
                await message.work(self)
            else:
                got.append(message)

    async with open_runtime() as runtime:
        watched, ref = await runtime.spawn(Counter), await runtime.spawn(Everything)
        await ref.tell(Do(lambda actor: watch(actor, watched)))
        await settle()
        await watched.stop()
        await settle()
        assert got == [Down(watched, "stopped", None)]

        async def watch_ref(actor: Counter) -> None:
            with pytest.raises(NoHandler, match="has no handler for Down"):
                actor.ctx.watch(ref)

        await (await runtime.spawn(Counter)).ask(Do(watch_ref))


async def test_a_down_passes_a_full_mailbox() -> None:
    downs = list[Down]()
    async with open_runtime() as runtime:
        watched = await runtime.spawn(Counter)
        watcher = await runtime.spawn(Watcher, downs, capacity=1)
        await watcher.ask(Do(lambda actor: watch(actor, watched)))
        await watcher.tell(Do(doze))
        await settle()
        await watcher.tell(Do(doze))
        await watched.stop()
        await trio.sleep(1.5)
        assert len(downs) == 1


# Stopping oneself, logging


async def test_ctx_stop_ends_the_actor_after_the_message_in_hand() -> None:
    async def stop(actor: Counter) -> str:
        actor.ctx.stop()
        await trio.sleep(1)
        return "finished"

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        assert await ref.ask(Do(stop)) == "finished"
        assert (await ref.watch()).reason == "stopped itself"


async def test_ctx_stop_in_started_ends_the_spawn_with_actor_stopped() -> None:
    class Reluctant(Counter):
        async def started(self) -> None:
            self.ctx.stop()
            await trio.sleep_forever()

    async with open_runtime() as runtime:
        with pytest.raises(ActrioError, match="stopped"):
            await runtime.spawn(Reluctant)
        assert not runtime.metrics().actors


async def test_ctx_log_names_actor_and_message_type_but_no_content(caplog: pytest.LogCaptureFixture) -> None:
    async def log(actor: Counter) -> None:
        await trio.lowlevel.checkpoint()
        actor.ctx.log.info("working with %s", "care", extra={"more": 1})

    class Logs(Counter):
        async def started(self) -> None:
            self.ctx.log.info("ready")

    with caplog.at_level(logging.INFO, logger="actrio.actor"):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Logs, name="abacus")
            await ref.ask(Do(log))
    ready, working = [record for record in caplog.records if record.name == "actrio.actor"]
    assert ready.getMessage() == "[abacus -] ready"
    assert working.getMessage() == "[abacus Do] working with care"
    assert [vars(working)[key] for key in ("actor", "message_type", "more")] == ["abacus", "Do", 1]


def test_nothing_is_logged_to_the_screen_unless_the_host_configures_it() -> None:
    """In a process of its own: pytest configures logging in this one."""
    program = """
import trio, trio.testing, actrio.actors as actors

class A(actors.Actor):
    @actors.handles
    async def text(self, message: str) -> None:
        self.ctx.log.warning("not shown")
        raise ValueError

async def main():
    async with actors.open_runtime() as runtime:
        ref = await runtime.spawn(A, restart="permanent")
        await ref.tell("crash")
        await trio.testing.wait_all_tasks_blocked()

trio.run(main)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
