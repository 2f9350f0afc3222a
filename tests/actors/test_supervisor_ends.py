"""Errors and ends that meet: a crash while its supervisor is ended, a start that fails while another ends it."""

import signal
from typing import Any

import pytest
import trio

from actrio.actors import Actor, Down, RestartsExceeded, State, Strategy, Supervisor, child, open_runtime
from actrio.mailbox import ActorStopped, Inbox
from tests.actors.crew import Add, Counter, Do, Get, Late, Log, Watcher, crash, settle
from tests.actors.desks import Flaky


async def fails_at_once(_: Inbox[Any]) -> None:
    """A coroutine actor that crashes in its first step."""
    raise OSError("at once")


class SlowEnd(Counter):
    """Takes a second to end."""

    async def stopped(self) -> None:
        await trio.sleep(1)
        await super().stopped()


# A crash while the supervisor is ended


@pytest.mark.parametrize("strategy", ["one_for_one", "rest_for_one", "one_for_all"])
async def test_a_crash_while_its_supervisor_is_ended_for_good_leaves_the_runtime(strategy: Strategy) -> None:
    with pytest.RaisesGroup(OSError):
        async with open_runtime() as runtime:
            await runtime.spawn(Supervisor("s", strategy, children=[child(fails_at_once), child(SlowEnd)]))


async def test_a_watcher_gets_the_error_of_a_crash_while_the_supervisor_is_ended_for_good() -> None:
    async with trio.open_nursery() as nursery, open_runtime() as runtime:
        await runtime.spawn(Supervisor("s", "one_for_all", children=[child(fails_at_once, name="a"), child(SlowEnd)]))
        downs, ref = list[Down](), runtime.find("s/a")

        @nursery.start_soon
        async def _watch() -> None:
            downs.append(await ref.watch())

        await trio.lowlevel.checkpoint()
    assert [type(down.error) for down in downs] == [OSError]


async def test_an_error_within_the_grace_of_a_restart_that_never_comes_leaves_the_runtime() -> None:
    with pytest.RaisesGroup(ValueError):
        async with open_runtime() as runtime:
            s = await runtime.spawn(Supervisor("s", "one_for_all", children=[child(Counter, name=n) for n in "ab"]))
            s.child("b").tell_nowait(Late(1))
            await settle()
            await crash(s.child("a"))
            await settle()
            assert s.child("b").state is State.STOPPING


async def test_an_error_before_the_end_of_a_restart_that_never_comes_leaves_the_runtime() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="late")):
        async with open_runtime() as runtime:
            children = [child(Counter, name="a"), child(SlowEnd, name="b")]
            s = await runtime.spawn(Supervisor("s", "one_for_all", children=children))
            s.child("b").tell_nowait(Late(0.5))
            await settle()
            await crash(s.child("a"))
            await trio.sleep(1)  # the error came while a restart was to follow, and now all ends
            assert s.child("b").state is State.STOPPING


async def test_an_error_after_the_crash_is_not_lost_when_its_restart_never_comes() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("in a task")

    async def fail_twice(actor: SlowEnd) -> None:
        actor.ctx.nursery.start_soon(fail_when_cancelled)
        await trio.sleep(1)
        raise ValueError("to the asker")

    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="in a task")):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(SlowEnd, restart="permanent")
            with pytest.raises(ValueError, match="to the asker"):
                await ref.ask(Do(fail_twice))
            await settle()
            assert ref.state is State.STOPPING


async def test_an_error_whose_restart_was_admitted_is_taken_also_if_all_ends_before_that_restart() -> None:
    async with open_runtime() as runtime:
        children = [child(Counter, name=name) for name in "ab"]
        s = await runtime.spawn(Supervisor("s", "one_for_all", children=children, backoff=9, max_backoff=9))
        await crash(s.child("a"))
        await settle()
        s.child("b").tell_nowait(Late(0.5))
        await settle()
        await crash(s.child("a"))
        await trio.sleep(1)
        assert s.child("b").state is State.DOWN, "it waits for its restart"


async def test_an_error_that_a_restart_of_the_supervisor_stood_for_does_not_come_up_later() -> None:
    async with open_runtime() as runtime:
        children = [child(Counter, name=name) for name in "ab"]
        await runtime.spawn(Supervisor("top", children=[Supervisor("s", intensity=0, children=children)]))
        a, b = runtime.find("top/s/a"), runtime.find("top/s/b")
        b.tell_nowait(Late(0.5))
        await settle()
        await crash(a)
        await trio.sleep(1)
        assert (b.state, runtime.find("top/s").metrics().restarts) == (State.RUNNING, 1)


async def test_telling_who_has_stopped_is_no_error_in_an_end_for_a_restart_that_never_comes() -> None:
    async with open_runtime() as runtime:
        other = await runtime.spawn(Counter)
        await other.stop()

        async def tell_later(_: SlowEnd) -> None:
            await trio.sleep(0.5)
            await other.tell(Add())

        children = [child(Counter, name="a"), child(SlowEnd, name="b")]
        s = await runtime.spawn(Supervisor("s", "one_for_all", children=children))
        s.child("b").tell_nowait(Do(tell_later))
        await settle()
        await crash(s.child("a"))
        await trio.sleep(1)
        assert s.child("b").state is State.STOPPING
        await s.stop()
        await settle()


async def test_children_whose_crashes_meet_the_last_restart_all_tell_of_them() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(Exception, match="gives up"), OSError):
        async with open_runtime() as runtime:
            children = [child(fails_at_once, name=name) for name in "ab"]
            await runtime.spawn(Supervisor("s", "one_for_all", intensity=0, children=children))
            await trio.sleep(1)


async def test_an_error_that_says_another_has_stopped_is_an_error_while_nothing_ends() -> None:
    with pytest.RaisesGroup(ActorStopped):
        async with open_runtime() as runtime:
            other, ref = await runtime.spawn(Counter), await runtime.spawn(Counter)
            await other.stop()
            await ref.tell(Do(lambda _: other.tell(Add())))
            await trio.sleep_forever()


async def test_an_actor_that_watches_itself_does_not_take_its_own_error() -> None:
    with pytest.RaisesGroup(ValueError):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Watcher, list[Down]())

            async def watch_and_crash(actor: Watcher) -> None:
                actor.ctx.watch(ref)
                raise ValueError

            await ref.tell(Do(watch_and_crash))
            await trio.sleep_forever()


async def test_a_child_that_watches_its_supervisor_does_not_take_its_error() -> None:
    with pytest.RaisesGroup(RestartsExceeded):
        async with open_runtime() as runtime:
            children = [child(SlowEnd, name="slow"), child(Watcher, list[Down](), name="a")]
            await runtime.spawn(Supervisor("top", children=[Supervisor("s", intensity=0, children=children)]))
            s = runtime.find("top/s")

            async def watch_and_crash(actor: Watcher) -> None:
                actor.ctx.watch(s)
                raise ValueError

            await runtime.find("top/s/a").tell(Do(watch_and_crash))
            await settle()
            assert s.state is State.STOPPING, "and will not be restarted, as all ends"


async def test_a_watch_that_is_cancelled_just_before_the_end_does_not_take_the_error() -> None:
    scope = trio.CancelScope()

    class CutsTheWatch(Counter):
        async def stopped(self) -> None:
            scope.cancel()

    with pytest.RaisesGroup(ValueError):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(CutsTheWatch)
            await ref.tell(Late(1))
            with scope:
                await ref.watch()
            await trio.sleep_forever()


# A start that fails


async def test_a_start_that_fails_while_another_child_is_given_up_raises_both_errors() -> None:
    async with open_runtime() as runtime:
        inner = Supervisor("in", children=[child(SlowEnd), child(Flaky, [True])])
        s = Supervisor("s", intensity=0, children=[child(fails_at_once), inner])
        with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="no start"), RestartsExceeded):
            await runtime.spawn(s)
        assert runtime.names() == ()


class FailsInATask(Counter):
    """Starts a task that fails when it is cancelled, and waits; with ``fails`` it fails itself."""

    def __init__(self, *, fails: bool) -> None:
        super().__init__()
        self.fails = fails

    async def started(self) -> None:
        self.ctx.nursery.start_soon(self.work)
        await trio.sleep(1)
        if self.fails:
            raise OSError("no start")
        await trio.sleep_forever()

    async def work(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("cancelled")


async def test_a_start_that_fails_raises_also_the_errors_of_the_tasks_it_had_started() -> None:
    async with open_runtime() as runtime:
        with pytest.RaisesGroup(OSError, ValueError):
            await runtime.spawn(lambda: FailsInATask(fails=True))


async def test_a_start_that_fails_raises_no_error_of_a_task_that_told_a_child_which_has_ended() -> None:
    class TellsItsChild(Counter):
        async def started(self) -> None:
            self.kid = await self.ctx.spawn(Counter)
            self.ctx.nursery.start_soon(self.work)
            await trio.sleep(1)
            raise OSError("no start")

        async def work(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                self.kid.tell_nowait(Add())

    async with open_runtime() as runtime:
        with pytest.raises(OSError, match="no start"):
            await runtime.spawn(TellsItsChild)


async def test_a_start_that_is_cancelled_raises_the_errors_of_the_tasks_it_had_started() -> None:
    async with open_runtime() as runtime:
        with pytest.raises(ValueError, match="cancelled"), trio.move_on_after(1):
            await runtime.spawn(lambda: FailsInATask(fails=False))
        assert runtime.names() == ()


async def test_a_restart_under_way_is_cancelled_when_the_start_of_its_supervisor_fails() -> None:
    log = Log()
    tries = list[int]()

    class FailsTwice(Counter):
        """Fails late in its second start and its third."""

        async def started(self) -> None:
            tries.append(1)
            if len(tries) in (2, 3):
                await trio.sleep(1)
                raise OSError

    async with open_runtime() as runtime:
        inner = Supervisor(
            "inner", backoff=2, max_backoff=2, children=[child(Counter, log, "a", name="a"), child(FailsTwice)]
        )
        s = Supervisor("s", "one_for_all", children=[inner, child(Counter, name="b")], backoff=20, max_backoff=20)
        await runtime.spawn(s)
        await crash(runtime.find("s/b"))
        await settle()
        for _ in range(2):  # while its sibling starts; the second restart has to wait
            await crash(runtime.find("s/inner/a"))
            await settle()
        log.take()
        await trio.sleep(5)
        assert (runtime.find("s/inner").state, runtime.find("s/inner/a").state) == (State.DOWN, State.DOWN)
        await trio.sleep(100)
        assert runtime.find("s/inner/a").state is State.RUNNING
        assert log.lines.count("a started") == log.lines.count("a stopped") + 1


async def test_refs_survive_a_restart_of_the_supervisor_above_theirs_in_which_a_start_fails() -> None:
    async with open_runtime() as runtime:
        children = [child(Counter, name="a"), child(Flaky, [False, True], name="b")]
        outer = Supervisor("out", intensity=0, children=[child(Counter, name="x"), Supervisor("in", children=children)])
        await runtime.spawn(Supervisor("top", children=[outer]))
        a = runtime.find("top/out/in/a")
        await crash(runtime.find("top/out/x"))
        await settle()
        a.tell_nowait(Add(3))
        assert await a.ask(Get()) == 3
        assert runtime.find("top/out/in/a") is a


async def test_leaving_the_block_while_a_failed_start_is_undone_waits_for_that() -> None:
    log = Log()
    with pytest.RaisesGroup(OSError):
        async with trio.open_nursery() as nursery, open_runtime() as runtime:
            children = [child(SlowEnd, log, "a", name="a"), child(Flaky, [True], name="b")]
            nursery.start_soon(runtime.spawn, Supervisor("s", children=children))  # noqa: ASYNC111 - to outlive the block
            await settle()
            assert runtime.find("s").state is State.STARTING
    assert log.lines == ["a started", "a stopped"]


async def test_nothing_is_spawned_under_a_supervisor_whose_failed_start_is_undone() -> None:
    async with open_runtime() as runtime:

        async def fail() -> None:
            children = [child(SlowEnd, name="a"), child(Flaky, [True], name="b")]
            with pytest.raises(OSError, match="no start"):
                await runtime.spawn(Supervisor("s", children=children))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            await settle()
            s: Any = runtime.find("s")
            with pytest.raises(ActorStopped, match="takes no new children"):
                await s.spawn(Counter)
        assert runtime.names() == ()


# Families


async def test_what_a_child_raises_within_its_grace_crashes_its_parent_and_not_the_runtime() -> None:
    async def spawn_and_stop(actor: Counter) -> None:
        kid = await actor.ctx.spawn(Counter)
        await kid.tell(Late(1))
        await settle()
        await kid.stop()

    async with open_runtime() as runtime:
        parent = await runtime.spawn(Counter, restart="permanent")
        await parent.ask(Do(spawn_and_stop))
        await settle()
        assert (parent.state, parent.metrics().restarts) == (State.RUNNING, 1)


# Ctrl-C


class Interrupted(Actor):
    """Interrupts the program while it ends."""

    def __init__(self, log: Log) -> None:
        self.log = log

    async def stopped(self) -> None:
        self.log("interrupts")
        trio.lowlevel.current_trio_token().run_sync_soon(signal.raise_signal, signal.SIGINT)
        try:
            await trio.sleep(1)
        finally:
            self.log("interrupted")


def test_a_ctrl_c_while_the_runtime_closes_ends_the_others_with_their_hooks() -> None:
    log = Log()

    async def main() -> None:
        async with open_runtime() as runtime:
            await runtime.spawn(Counter, log, "first")
            await runtime.spawn(Interrupted, log)

    with pytest.RaisesGroup(KeyboardInterrupt, allow_unwrapped=True, flatten_subgroups=True):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert log.lines == ["first started", "interrupts", "interrupted", "first stopped"]


def test_a_ctrl_c_while_a_failed_start_is_undone_unwinds_the_runtime() -> None:
    log = Log()

    async def main() -> None:
        async with open_runtime() as runtime:
            children = [child(Counter, log, "first", name="a"), child(Interrupted, log), child(Flaky, [True])]
            await runtime.spawn(Supervisor("s", children=[Supervisor("in", children=children)]))

    with pytest.RaisesGroup(KeyboardInterrupt, allow_unwrapped=True, flatten_subgroups=True):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert log.lines == ["first started", "interrupts", "interrupted", "first stopped"]


class InterruptedUndo(Counter):
    """Does not start, and interrupts the program while what it had set going is ended."""

    async def started(self) -> None:
        self.ctx.nursery.start_soon(self.work)
        await trio.sleep(1)
        raise OSError("no start")

    async def work(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                trio.lowlevel.current_trio_token().run_sync_soon(signal.raise_signal, signal.SIGINT)
                await trio.sleep(1)


def test_the_stopped_hook_of_an_actor_that_did_not_start_does_not_run_after_a_ctrl_c_either() -> None:
    log = Log()

    async def main() -> None:
        async with open_runtime() as runtime:
            await runtime.spawn(InterruptedUndo, log)

    with pytest.RaisesGroup(KeyboardInterrupt, allow_unwrapped=True, flatten_subgroups=True):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert log.lines == []
