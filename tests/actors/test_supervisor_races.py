"""Starts that fail, crashes and stops on top of one another, and cancellation at any step of a restart."""

from typing import Any

import pytest
import trio

from actrio.actors import ActorRef, LifeEvent, RestartsExceeded, State, Strategy, Supervisor, child, open_runtime
from actrio.mailbox import ActorStopped, Lagged
from tests.actors.crew import Add, Boom, Counter, Get, Late, Log, Nap, cancelled_at, counter, crash, settle
from tests.actors.desks import Flaky, three

# Starts that fail


async def test_a_supervisor_whose_child_does_not_start_raises_and_leaves_nothing() -> None:
    log = Log()
    async with open_runtime() as runtime:
        children = [
            child(Counter, log, "a", name="a"),
            child(Flaky, [True], name="b"),
            child(Counter, log, "c", name="c"),
        ]
        with pytest.raises(OSError, match="no start"):
            await runtime.spawn(Supervisor("s", children=children))
        assert log.lines == ["a started", "a stopped"]
        assert not runtime.metrics().actors
        await runtime.spawn(Supervisor("s"))


async def test_a_start_that_fails_in_a_restart_counts_as_a_crash_and_is_tried_again() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("s", children=[child(Flaky, [False, True, True, False], name="a")]))
        ref = s.child("a")
        ref.tell_nowait(Boom())
        ref.tell_nowait(Add(5))
        assert await ref.ask(Get()) == 5
        assert ref.metrics().restarts == 3


async def test_a_start_that_fails_for_ever_escalates_with_its_error_as_cause() -> None:
    def check(error: RestartsExceeded) -> bool:
        return isinstance(error.__cause__, OSError)

    with pytest.RaisesGroup(pytest.RaisesExc(RestartsExceeded, check=check)):
        async with open_runtime() as runtime:
            s = await runtime.spawn(Supervisor("s", children=[child(Flaky, [False, *[True] * 10], name="a")]))
            await crash(s.child("a"))
            await trio.sleep_forever()


async def test_stopped_runs_only_for_instances_that_started() -> None:
    log = Log()
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("s", children=[child(Flaky, [False, True, False], log, name="a")]))
        await crash(s.child("a"))
        await trio.sleep(10)
    starts = ["flaky started", "flaky stopped", "flaky started", "flaky started", "flaky stopped"]
    assert log.lines == starts


@pytest.mark.parametrize("strategy", ["rest_for_one", "one_for_all"])
async def test_a_sibling_that_does_not_start_in_a_group_restart_is_one_more_crash(strategy: Strategy) -> None:
    log = Log()
    async with open_runtime() as runtime:
        children = [child(Counter, log, "a", name="a"), child(Flaky, [False, True], log, "b", name="b")]
        s = await runtime.spawn(Supervisor("s", strategy, children=children))
        log.take()
        await crash(s.child("a"))
        await trio.sleep(10)
        again = ["a stopped", "a started"] if strategy == "one_for_all" else []
        assert log.take() == ["b stopped", "a stopped", "a started", "b started", *again, "b started"]
        assert s.child("b").state is State.RUNNING


# Crashes on top of one another


@pytest.mark.parametrize("strategy", ["one_for_one", "rest_for_one", "one_for_all"])
async def test_siblings_that_crash_in_the_same_step_are_all_restarted(strategy: Strategy) -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(Log(), strategy, intensity=3))
        for name in "abc":
            s.child(name).tell_nowait(Boom())
        await trio.sleep(10)
        assert [s.child(name).state for name in "abc"] == [State.RUNNING] * 3


class SlowEnd(Counter):
    async def stopped(self) -> None:
        await trio.sleep(1)
        await super().stopped()


@pytest.mark.parametrize("strategy", ["rest_for_one", "one_for_all"])
async def test_a_sibling_that_crashes_while_its_group_is_ended_is_restarted_with_it(strategy: Strategy) -> None:
    log = Log()
    async with open_runtime() as runtime:
        children = [child(Counter, log, "a", name="a"), child(SlowEnd, log, "b", name="b")]
        s = await runtime.spawn(Supervisor("s", strategy, children=children))
        a, b = s.child("a"), s.child("b")
        log.take()
        b.tell_nowait(Boom())
        await settle()
        a.tell_nowait(Boom())
        await trio.sleep(10)
        assert (a.state, b.state) == (State.RUNNING, State.RUNNING)
        assert log.lines.count("a started") == log.lines.count("a stopped") == 1
        assert log.lines.count("b started") == log.lines.count("b stopped")


@pytest.mark.parametrize("strategy", ["rest_for_one", "one_for_all"])
async def test_a_sibling_whose_message_in_hand_fails_within_its_grace_does_not_end_the_runtime(
    strategy: Strategy,
) -> None:
    async with open_runtime() as runtime:
        children = [child(Counter, name="a"), child(Counter, name="b")]
        s = await runtime.spawn(Supervisor("s", strategy, children=children))
        s.child("b").tell_nowait(Late(1))
        await settle()
        await crash(s.child("a"))
        await trio.sleep(10)
        assert s.child("b").state is State.RUNNING


@pytest.mark.parametrize("strategy", ["rest_for_one", "one_for_all"])
async def test_a_coroutine_that_returns_during_a_group_restart_is_part_of_that_restart(strategy: Strategy) -> None:
    log = Log()
    async with open_runtime() as runtime:
        children = [
            child(counter, name="p"),
            child(Counter, log, "b", name="b"),
            child(SlowEnd, name="c"),
        ]
        s = await runtime.spawn(Supervisor("s", strategy, intensity=2, children=children))
        log.take()
        s.child("b").tell_nowait(Boom())
        await settle()
        s.child("p").tell_nowait("return")
        await trio.sleep(10)
        assert [s.child(name).state for name in "pbc"] == [State.RUNNING] * 3
        assert log.take() == ["b stopped", "b started"]


async def ask_to_crash(ref: ActorRef[Any]) -> None:
    """Crash an actor, unless it is stopped before."""
    with pytest.raises((ValueError, ActorStopped)):
        await ref.ask(Boom())


@pytest.mark.parametrize("strategy", ["one_for_one", "rest_for_one", "one_for_all"])
@pytest.mark.parametrize("steps", range(6))
@pytest.mark.parametrize("whom", ["child", "supervisor"])
async def test_a_stop_that_comes_at_any_step_of_a_restart_wins(strategy: Strategy, steps: int, whom: str) -> None:
    log = Log()
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(log, strategy, intensity=1))
        ref = s.child("b")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_to_crash, ref)
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            await (ref if whom == "child" else s).stop()
        await trio.sleep(100)
        assert ref.state is State.STOPPED
        assert s.state is (State.RUNNING if whom == "child" else State.STOPPED)
    for name in "abc":
        assert log.lines.count(f"{name} started") == log.lines.count(f"{name} stopped")


async def test_a_stop_during_backoff_ends_the_actor_at_once() -> None:
    log = Log()
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(log, intensity=9, backoff=50, max_backoff=50))
        ref = s.child("b")
        await crash(ref)
        await settle()
        await crash(ref)
        await settle()
        assert ref.state is State.DOWN
        ref.tell_nowait(Add())
        start = trio.current_time()
        await ref.stop()
        assert trio.current_time() == start
        assert ref.metrics().mailbox.dead == 1
        log.take()
        await trio.sleep(100)
        assert log.take() == []


async def test_stopping_a_supervisor_that_waits_for_a_restart_stops_it_at_once() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(Log(), "rest_for_one", intensity=9, backoff=50, max_backoff=50))
        for _ in range(2):
            await crash(s.child("b"))
            await settle()
        assert s.child("b").state is State.DOWN
        start = trio.current_time()
        await s.stop()
        assert trio.current_time() == start


class SlowStart(Counter):
    """Starts at once the first time, and takes a second later."""

    async def started(self) -> None:
        if "slow" in self.label:
            await trio.sleep(1)
        await super().started()


def slow_later(log: Log, made: list[int]) -> Any:
    """A factory of counters of which all but the first take a second to start."""

    def make() -> Counter:
        made.append(1)
        return SlowStart(log, "first" if len(made) == 1 else "slow")

    return make


@pytest.mark.parametrize("strategy", ["one_for_one", "rest_for_one", "one_for_all"])
async def test_a_stop_during_the_start_of_a_restart_is_no_crash(strategy: Strategy) -> None:
    log = Log()
    async with open_runtime() as runtime:
        children = [child(slow_later(log, []), name="a"), child(Counter, log, "b", name="b")]
        s = await runtime.spawn(Supervisor("s", strategy, intensity=1, children=children))
        a = s.child("a")
        await crash(a)
        await trio.sleep(0.5)
        assert a.state is State.STARTING
        await a.stop()
        await trio.sleep(100)
        assert (s.state, s.child("b").state) == (State.RUNNING, State.RUNNING)
        assert log.lines.count("slow started") == 0


async def test_stopping_a_child_before_its_turn_to_start_leaves_its_siblings_starting() -> None:
    log = Log()
    async with open_runtime() as runtime:
        children = [child(SlowStart, log, "slow a", name="a"), child(Counter, log, "b", name="b")]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runtime.spawn, Supervisor("s", children=children))
            await settle()
            await runtime.find("s/b").stop()
        assert runtime.find("s/a").state is State.RUNNING
        assert log.take() == ["slow a started"]


@pytest.mark.parametrize("strategy", ["one_for_one", "rest_for_one", "one_for_all"])
async def test_a_child_that_crashes_while_its_supervisor_still_starts_others_is_restarted(strategy: Strategy) -> None:
    async with open_runtime() as runtime:
        children = [child(Counter, name="a"), child(SlowStart, Log(), "slow b", name="b")]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runtime.spawn, Supervisor("s", strategy, children=children))
            await settle()
            await crash(runtime.find("s/a"))
        await trio.sleep(10)
        assert [runtime.find(name).state for name in ("s", "s/a", "s/b")] == [State.RUNNING] * 3


async def test_restarts_without_a_backoff_let_other_tasks_run() -> None:
    ticks = list[int]()

    async def tick() -> None:
        while True:
            await trio.lowlevel.checkpoint()
            ticks.append(1)

    async with open_runtime() as runtime, trio.open_nursery() as nursery:
        flaky = child(Flaky, [False, *[True] * 200], name="a")
        s = await runtime.spawn(Supervisor("s", intensity=1_000, backoff=0, children=[flaky]))
        nursery.start_soon(tick)
        await crash(s.child("a"))
        assert await s.child("a").ask(Get()) == 0
        assert len(ticks) > 20
        nursery.cancel_scope.cancel()


# Cancellation


async def test_cancelling_the_runtime_at_any_step_of_a_group_restart_ends_every_instance_once() -> None:
    log = Log()

    async def scenario() -> None:
        async with open_runtime(seed=1) as runtime:
            s = await runtime.spawn(three(log, "one_for_all"))
            await s.spawn(SlowStart, log, "slow", name="slow")
            for _ in range(2):
                await crash(s.child("b"))
                await s.child("c").ask(Get())
            await s.child("a").stop()

    at = 1
    while await cancelled_at(at, scenario, any_task=True):
        for name in ("a", "b", "c", "slow"):
            assert log.lines.count(f"{name} started") == log.lines.count(f"{name} stopped"), (at, log.lines)
        log.take()
        at += 1
    assert at > 10


async def test_cancelling_the_asker_of_a_supervised_actor_is_no_crash() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(Log(), "one_for_all"))
        with trio.move_on_after(1):
            await s.child("b").ask(Nap())
        assert runtime.metrics().restarts == 0
        assert s.child("b").state is State.RUNNING


async def test_the_life_events_of_a_restart_tell_the_story_in_order() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        await crash(ref)
        await settle()
    with runtime.events() as events:
        story: list[LifeEvent | Lagged] = [event async for event in events]
    states = [event.state for event in story if isinstance(event, LifeEvent) and event.actor == "counter"]
    one_life = ["running", "crashed", "stopping", "down", "running", "stopping", "down", "stopped"]
    assert [state for state in states if state != "starting"] == one_life
