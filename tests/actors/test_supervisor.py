"""Supervisors at work: restarts, strategies, escalation, families."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import trio

from actrio.actors import (
    ActorRef,
    Down,
    LifeEvent,
    NoHandler,
    Restart,
    RestartsExceeded,
    State,
    Strategy,
    Supervisor,
    SupervisorRef,
    UnknownActor,
    child,
    open_runtime,
)
from actrio.mailbox import ActorStopped, ActrioError, Inbox, Lagged
from tests.actors.crew import (
    Add,
    Boom,
    Counter,
    Do,
    Factory,
    Get,
    Late,
    Log,
    Nap,
    Watcher,
    cancelled_at,
    counter,
    crash,
    settle,
)


def three(log: Log, strategy: Strategy = "one_for_one", **settings: Any) -> Supervisor:
    """A supervisor "s" of three counters "a", "b" and "c"."""
    children = [child(Counter, log, name, name=name) for name in "abc"]
    return Supervisor("s", strategy, children=children, **settings)


class Flaky(Counter):
    """A counter whose starts fail as a list says."""

    def __init__(self, fails: list[bool], log: Log | None = None, label: str = "flaky") -> None:
        super().__init__(log or Log(), label)
        self.fails = fails

    async def started(self) -> None:
        await super().started()
        if self.fails and self.fails.pop(0):
            raise OSError("no start")


# Strategies and restart types


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("one_for_one", ["b stopped", "b started"]),
        ("rest_for_one", ["c stopped", "b stopped", "b started", "c started"]),
        (
            "one_for_all",
            ["c stopped", "b stopped", "a stopped", "a started", "b started", "c started"],
        ),
    ],
)
async def test_a_crash_restarts_whom_the_strategy_says_in_order(strategy: Strategy, expected: list[str]) -> None:
    log = Log()
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(log, strategy))
        assert log.take() == ["a started", "b started", "c started"]
        await crash(s.child("b"))
        await settle()
        assert log.take() == expected
    assert log.take() == ["c stopped", "b stopped", "a stopped"]


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
@pytest.mark.parametrize("strategy", ["one_for_one", "rest_for_one", "one_for_all"])
async def test_a_crash_restarts_all_but_temporary_actors(restart: Restart, strategy: Strategy) -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("s", strategy, children=[child(Counter, name="a", restart=restart)]))
        a = s.child("a")
        await a.tell(Add())
        await crash(a)
        await settle()
        if restart == "temporary":
            assert a.state is State.STOPPED
        else:
            assert (a.state, a.metrics().restarts, await a.ask(Get())) == (State.RUNNING, 1, 0)


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
@pytest.mark.parametrize("strategy", ["one_for_one", "rest_for_one", "one_for_all"])
async def test_an_actor_stopped_from_outside_is_not_restarted(restart: Restart, strategy: Strategy) -> None:
    log = Log()
    async with open_runtime() as runtime:
        children = [child(Counter, log, name, name=name, restart=restart) for name in "ab"]
        s = await runtime.spawn(Supervisor("s", strategy, children=children))
        await s.child("a").stop()
        await trio.sleep(100)
        assert log.lines == ["a started", "b started", "a stopped"]
        with pytest.raises(UnknownActor):
            s.child("a")


@pytest.mark.parametrize(("restart", "state"), [("permanent", State.RUNNING), ("transient", State.STOPPED)])
async def test_a_coroutine_that_returns_is_restarted_only_if_permanent(restart: Restart, state: State) -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter, log, restart=restart)
        await ref.tell("return")
        await settle()
        assert ref.state is state
        assert log.take() == ["started", "ended", "started"][: 3 if state is State.RUNNING else 2]


async def test_a_temporary_coroutine_that_returns_is_no_error() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter)
        await ref.tell("return")
        down = await ref.watch()
        assert (down.reason, down.error) == ("returned", None)


async def test_a_permanent_coroutine_that_returns_for_ever_exceeds_the_intensity() -> None:
    async def nothing(_: Inbox[Any]) -> None: ...

    with pytest.RaisesGroup(pytest.RaisesExc(RestartsExceeded, match="'nothing' crashed")):
        async with open_runtime(intensity=2), open_runtime(intensity=2) as runtime:
            await runtime.spawn(nothing, restart="permanent")
            await trio.sleep_forever()


@pytest.mark.parametrize("strategy", ["rest_for_one", "one_for_all"])
async def test_a_permanent_coroutine_that_returns_restarts_its_group(strategy: Strategy) -> None:
    log = Log()
    async with open_runtime() as runtime:
        children = [child(counter, name="p"), child(Counter, log, "b", name="b")]
        s = await runtime.spawn(Supervisor("s", strategy, children=children))
        await s.child("p").tell("return")
        await settle()
        assert log.take() == ["b started", "b stopped", "b started"]


@pytest.mark.parametrize("strategy", ["rest_for_one", "one_for_all"])
async def test_a_temporary_sibling_of_a_restarted_group_is_retired(strategy: Strategy) -> None:
    async with open_runtime() as runtime:
        children = [child(Counter, name="a"), child(Counter, name="t", restart="temporary")]
        s = await runtime.spawn(Supervisor("s", strategy, children=children))
        a, t = s.child("a"), s.child("t")
        await crash(a)
        assert (await t.watch()).reason == "s/a crashed"
        await settle()
        assert a.state is State.RUNNING


@pytest.mark.parametrize("strategy", ["rest_for_one", "one_for_all"])
async def test_the_crash_of_a_temporary_child_restarts_no_group(strategy: Strategy) -> None:
    log = Log()
    async with open_runtime() as runtime:
        children = [child(Counter, name="t", restart="temporary"), child(Counter, log, "b", name="b")]
        s = await runtime.spawn(Supervisor("s", strategy, children=children))
        await crash(s.child("t"))
        await settle()
        assert log.lines == ["b started"]


# What survives a restart


async def test_ref_name_and_queued_mail_survive_a_restart_and_state_does_not() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        for message in (Add(100), Boom(), Add(1), Add(2)):
            ref.tell_nowait(message)
        assert await ref.ask(Get()) == 3
        assert runtime.find("counter") is ref


async def test_senders_waiting_for_room_survive_a_restart() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent", capacity=1)
        async with trio.open_nursery() as nursery:
            for message in (Late(), Add(1), Add(2)):
                nursery.start_soon(ref.tell, message)
                await settle()
        assert await ref.ask(Get()) == 3


async def test_the_message_that_crashed_is_not_delivered_again() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        await ref.tell(Boom())
        await trio.sleep(100)
        assert (ref.metrics().restarts, ref.metrics().mailbox.failed) == (1, 1)


async def test_redeliver_hands_the_message_to_the_next_instance_before_all_others() -> None:
    got = list[str]()

    async def crash_once(actor: Counter) -> str:
        got.append("first")
        if len(got) == 1:
            raise ValueError
        return "done"

    async def second(_: Counter) -> None:
        got.append("second")

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent", redeliver=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ref.ask, Do(crash_once))
            nursery.start_soon(ref.tell, Do(second))
        await settle()
        assert sorted(got) == ["first", "first", "second"]
        assert got[0] == "second" or got[:2] == ["first", "first"]
        assert ref.metrics().mailbox.failed == 0


async def test_the_asker_of_a_redelivered_message_goes_on_waiting_and_may_give_up() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(
            Supervisor(
                "s", intensity=10, backoff=10, max_backoff=10, children=[child(Counter, name="a", redeliver=True)]
            )
        )
        with trio.move_on_after(3) as scope:
            await ref.child("a").ask(Boom())
        assert scope.cancelled_caught
        await trio.sleep(100)
        assert ref.child("a").metrics().mailbox.abandoned == 1
        assert await ref.child("a").ask(Get()) == 0


@pytest.mark.parametrize("kind", ["class", "coroutine"])
async def test_a_message_redelivered_that_crashes_every_time_ends_in_escalation(kind: str) -> None:
    group = pytest.RaisesGroup(pytest.RaisesExc(RestartsExceeded, check=lambda e: isinstance(e.__cause__, ValueError)))
    with group:
        async with open_runtime(intensity=3) as runtime:
            factory: Factory = Counter if kind == "class" else counter
            ref = await runtime.spawn(factory, restart="permanent", redeliver=True)
            with pytest.raises(ActorStopped):
                await ref.ask(Boom())
            assert ref.metrics().restarts == 3


async def test_the_metrics_of_an_actor_span_its_restarts() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        await ref.ask(Get())
        await crash(ref)
        await ref.ask(Get())
        metrics = ref.metrics()
        assert (metrics.mailbox.handled, metrics.restarts, metrics.last_error) == (2, 1, "ValueError('boom')")
        assert runtime.metrics().restarts == 1


async def test_a_watch_lasts_over_restarts_of_the_watched_and_of_the_watcher() -> None:
    downs = list[Down]()
    async with open_runtime() as runtime:
        watched = await runtime.spawn(Counter, restart="permanent")
        watcher = await runtime.spawn(Watcher, downs, restart="permanent")

        async def watch(actor: Watcher) -> None:
            actor.ctx.watch(watched)

        async def fail(_: Watcher) -> None:
            raise ValueError("boom")

        await watcher.ask(Do(watch))
        await crash(watched)
        with pytest.raises(ValueError, match="boom"):
            await watcher.ask(Do(fail))
        await trio.sleep(1)
        assert not downs
        await watched.stop()
        await settle()
        assert [(down.ref, down.reason) for down in downs] == [(watched, "stopped")]


# Intensity, period, backoff


async def crashes_at(times: list[float], **settings: Any) -> State:
    """The state of a supervisor whose child crashed at these times."""
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("s", children=[child(Counter, name="a")], backoff=0, **settings))
        ref = s.child("a")
        start = trio.current_time()
        for time in times:
            await trio.sleep_until(start + time)
            await crash(ref)
            await settle()
        state = s.state
        if state is State.STOPPED:
            raise AssertionError("its error did not end the runtime")
    return state


async def test_as_many_restarts_as_the_intensity_in_a_period_are_done() -> None:
    assert await crashes_at([0, 1, 2], intensity=3, period=5) is State.RUNNING


async def test_one_restart_more_than_the_intensity_in_a_period_is_too_many() -> None:
    with pytest.RaisesGroup(RestartsExceeded):
        await crashes_at([0, 1, 2, 4.9], intensity=3, period=5)


async def test_a_restart_exactly_a_period_ago_counts_no_more() -> None:
    assert await crashes_at([0, 1, 2, 5, 6, 7, 10], intensity=3, period=5) is State.RUNNING


async def test_intensity_zero_never_restarts() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(RestartsExceeded, match="more than 0 restarts in 5 s")):
        await crashes_at([0], intensity=0)


async def test_restarts_of_all_children_are_counted_together() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(RestartsExceeded, match="'s/c' crashed")):
        async with open_runtime() as runtime:
            s = await runtime.spawn(three(Log(), intensity=2))
            for name in "abc":
                await crash(s.child(name))
                await trio.sleep(1)


async def test_crashes_that_are_mended_together_are_counted_each() -> None:
    with pytest.RaisesGroup(RestartsExceeded):
        async with open_runtime() as runtime:
            s = await runtime.spawn(three(Log(), "one_for_all", intensity=2))
            for name in "abc":
                s.child(name).tell_nowait(Boom())
            await trio.sleep_forever()


async def restart_times(seed: int) -> list[float]:
    """When a child that crashes at once after every start is started."""
    times = list[float]()

    async def fails(_: Inbox[Any]) -> None:
        times.append(trio.current_time())
        raise ValueError

    supervisor = Supervisor("s", intensity=12, period=100, children=[child(fails)], backoff=0.1, max_backoff=2.0)
    start = trio.current_time()
    with pytest.RaisesGroup(RestartsExceeded):
        async with open_runtime(seed=seed) as runtime:
            await runtime.spawn(supervisor)
            await trio.sleep_forever()
    return [time - start for time in times]


async def test_backoff_doubles_up_to_its_most_with_jitter_of_at_most_half() -> None:
    times = await restart_times(seed=1)
    waits = [after - before for before, after in itertools.pairwise(times)]
    assert waits[0] == pytest.approx(0.0)
    for wait, full in zip(waits[1:], [0.1, 0.2, 0.4, 0.8, 1.6, *[2.0] * 6], strict=True):
        assert full / 2 - 1e-9 <= wait <= full + 1e-9


async def test_backoff_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    first = await restart_times(seed=1)
    assert await restart_times(seed=1) == pytest.approx(first)
    assert await restart_times(seed=2) != pytest.approx(first)


async def test_one_for_one_children_that_crash_together_do_not_wait_for_each_other() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(Log(), intensity=9, backoff=10, max_backoff=10))
        await crash(s.child("a"))
        await settle()
        await crash(s.child("a"))  # waits at least 5 s
        await s.child("b").stop()
        await settle()
        assert s.child("a").state is State.DOWN
        assert await s.child("c").ask(Get()) == 0


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


# Nesting and escalation


def nested(log: Log, **settings: Any) -> Supervisor:
    """A supervisor "outer" of a counter "x" and a supervisor "inner" that never restarts its children "a" and "b"."""
    inner = Supervisor("inner", children=[child(Counter, log, name, name=name) for name in "ab"], intensity=0)
    return Supervisor("outer", children=[child(Counter, log, "x", name="x"), inner], **settings)


async def test_children_are_named_after_their_supervisors() -> None:
    async with open_runtime() as runtime:
        outer = await runtime.spawn(nested(Log()))
        inner = outer.child("inner")
        assert isinstance(inner, SupervisorRef)
        assert inner.child("a").name == "outer/inner/a"
        assert runtime.find("outer/inner/a") is inner.child("a")


async def test_a_supervisor_that_gives_up_is_restarted_as_a_whole_by_its_own() -> None:
    log = Log()
    async with open_runtime() as runtime:
        outer = await runtime.spawn(nested(log))
        log.take()
        await crash(runtime.find("outer/inner/b"))
        await settle()
        assert log.take() == ["b stopped", "a stopped", "a started", "b started"]
        assert outer.child("inner").metrics().restarts == 1
        assert "RestartsExceeded" in str(outer.child("inner").metrics().last_error)


async def test_refs_and_mail_of_the_children_survive_the_restart_of_their_supervisor() -> None:
    async with open_runtime() as runtime:
        await runtime.spawn(nested(Log()))
        a, b = runtime.find("outer/inner/a"), runtime.find("outer/inner/b")
        a.tell_nowait(Nap(1))
        a.tell_nowait(Add(3))
        await crash(b)
        assert await a.ask(Get()) == 3
        assert await b.ask(Get()) == 0


async def test_refs_survive_a_restart_of_their_supervisor_in_which_a_start_fails() -> None:
    async with open_runtime() as runtime:
        inner = Supervisor(
            "inner", intensity=0, children=[child(Counter, name="a"), child(Flaky, [False, True], name="b")]
        )
        await runtime.spawn(Supervisor("outer", children=[inner]))
        a, b = runtime.find("outer/inner/a"), runtime.find("outer/inner/b")
        await crash(b)
        a.tell_nowait(Add(3))
        assert await a.ask(Get()) == 3
        assert await b.ask(Get()) == 0


async def test_escalation_goes_up_to_the_root_and_out_of_the_runtime_with_its_causes() -> None:
    def causes(error: BaseException | None) -> list[str]:
        return [] if error is None else [type(error).__name__, *causes(error.__cause__)]

    with pytest.RaisesGroup(RestartsExceeded) as info:
        async with open_runtime(intensity=0) as runtime:
            await runtime.spawn(nested(Log(), intensity=0), restart="permanent")
            await runtime.find("outer/inner/a").tell(Boom("the first cause"))
            await trio.sleep_forever()
    (error,) = info.value.exceptions
    assert isinstance(error, RestartsExceeded)
    assert error.supervisor == "runtime"
    assert causes(error) == ["RestartsExceeded"] * 3 + ["ValueError"]


async def test_escalation_ends_everything_in_reverse_order_with_the_stopped_hooks() -> None:
    log = Log()
    with pytest.RaisesGroup(RestartsExceeded):
        async with open_runtime() as runtime:
            await runtime.spawn(Counter, log, "first")
            await runtime.spawn(nested(log, intensity=0))
            log.take()
            await runtime.find("outer/inner/a").tell(Boom())
            await trio.sleep_forever()
    assert log.take() == ["a stopped", "b stopped", "x stopped", "first stopped"]


async def test_a_watcher_of_a_temporary_supervisor_takes_its_escalation() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(Log(), intensity=0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(s.child("a").tell, Boom())
            down = await s.watch()
        assert isinstance(down.error, RestartsExceeded)
        assert not runtime.metrics().actors


async def test_one_crash_of_a_supervisor_resets_the_window_of_its_restarts() -> None:
    async with open_runtime() as runtime:
        outer = await runtime.spawn(nested(Log(), intensity=2, backoff=0))
        for _ in range(2):
            await crash(runtime.find("outer/inner/a"))
            await settle()
        assert outer.child("inner").metrics().restarts == 2


async def test_a_supervisor_tells_why_it_gave_up() -> None:
    with pytest.RaisesGroup(RestartsExceeded) as info:
        async with open_runtime() as runtime:
            s = await runtime.spawn(three(Log(), intensity=0, period=7))
            await crash(s.child("a"))
            await trio.sleep_forever()
    (error,) = info.value.exceptions
    assert isinstance(error, RestartsExceeded)
    assert (error.supervisor, error.child, error.intensity, error.period) == ("s", "s/a", 0, 7)
    assert "supervisor 's' gives up: 's/a' crashed, and that would be more than 0 restarts in 7 s" in str(error)


# The ref of a supervisor


async def test_a_supervisor_refuses_messages() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("s"))
        with pytest.raises(NoHandler, match="actor 's' has no handler for Get"):
            s.ask(Get())
        with pytest.raises(NoHandler):
            s.tell(Add())
        with pytest.raises(NoHandler):
            s.tell_nowait(Add())
        assert s.metrics().mailbox.sent == 0


async def test_a_child_spawned_through_the_ref_lives_and_ends_under_the_supervisor() -> None:
    log = Log()
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(log))
        extra = await s.spawn(Counter, log, "extra", restart="permanent", name="extra")
        assert extra.name == "s/extra"
        log.take()
        await crash(extra)
        await settle()
        await s.stop()
        assert log.take() == ["extra stopped", "extra started", "extra stopped", "c stopped", "b stopped", "a stopped"]


async def test_a_child_cannot_be_spawned_under_a_stopped_supervisor() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("s"))
        await s.stop()
        with pytest.raises(ActrioError):
            await s.spawn(Counter)
        assert not runtime.metrics().actors


async def test_a_child_spawned_while_its_supervisor_is_down_does_not_spoil_its_restart() -> None:
    async with open_runtime(intensity=9) as runtime:
        s = await runtime.spawn(three(Log(), intensity=0), restart="permanent")
        for _ in range(2):  # the second time the supervisor waits before its restart
            await crash(s.child("a"))
            await settle()
        assert s.state is State.DOWN
        with suppress(ActorStopped):  # refused is well, too
            await s.spawn(Counter, name="extra")
        await trio.sleep(100)
        assert (s.state, s.metrics().restarts) == (State.RUNNING, 2)


async def test_stopping_a_supervisor_stops_its_children_in_reverse_each_with_its_grace() -> None:
    log = Log()
    async with open_runtime() as runtime:
        children = [child(Counter, log, name, name=name, grace=2) for name in "ab"]
        s = await runtime.spawn(Supervisor("s", children=children))
        for name in "ab":
            s.child(name).tell_nowait(Nap())
        await settle()
        log.take()
        start = trio.current_time()
        await s.stop()
        assert trio.current_time() - start == 4
        assert log.take() == ["b awake", "b stopped", "a awake", "a stopped"]


async def test_a_child_stopped_by_hand_comes_back_when_its_supervisor_is_restarted() -> None:
    async with open_runtime() as runtime:
        await runtime.spawn(nested(Log()))
        await runtime.find("outer/inner/a").stop()
        await crash(runtime.find("outer/inner/b"))
        await settle()
        assert await runtime.find("outer/inner/a").ask(Get()) == 0
        inner = runtime.tree().splitlines()
        assert [line.split()[0] for line in inner] == [
            "runtime",
            "outer",
            "outer/x",
            "outer/inner",
            "outer/inner/a",
            "outer/inner/b",
        ]


async def test_a_child_that_is_stopped_is_forgotten_by_its_supervisor() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(Log(), "one_for_all"))
        await s.child("a").stop()
        await crash(s.child("c"))
        await settle()
        assert sorted(runtime.metrics().actors) == ["s", "s/b", "s/c"]


# Errors that nobody restarts


async def test_an_untaken_crash_of_a_temporary_actor_leaves_the_runtime() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="boom")):
        async with open_runtime() as runtime:
            await (await runtime.spawn(Counter)).tell(Boom())
            await trio.sleep_forever()


@pytest.mark.parametrize("steps", range(5))
async def test_a_crash_just_before_the_runtime_closes_is_not_lost(steps: int) -> None:
    async with open_runtime() as outer:
        assert not outer.metrics().actors
    crashed = False
    try:
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter)
            await ref.tell(Boom())
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            crashed = ref.metrics().mailbox.failed == 1
    except* ValueError:
        crashed = False
    assert not crashed, "it crashed, and nobody got the error"


async def test_a_crash_while_the_runtime_closes_leaves_it() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="late")):
        async with open_runtime() as runtime:
            first = await runtime.spawn(Counter)
            second = await runtime.spawn(Counter)
            await first.tell(Late(1))
            await second.tell(Nap(3))
            await settle()


async def test_a_crash_of_a_temporary_child_whose_supervisor_stops_leaves_the_runtime() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="late")):
        async with open_runtime() as runtime:
            children = [child(Counter, name=name, restart="temporary") for name in "ab"]
            s = await runtime.spawn(Supervisor("s", children=children))
            await s.child("a").tell(Late(1))
            await s.child("b").tell(Nap(3))
            await settle()
            await s.stop()
            await trio.sleep_forever()


async def test_errors_of_several_actors_leave_the_runtime_as_one_group() -> None:
    with pytest.RaisesGroup(ValueError, ValueError):
        async with open_runtime() as runtime:
            refs = [await runtime.spawn(Counter) for _ in range(2)]
            for ref in refs:
                ref.tell_nowait(Boom())
            await trio.sleep_forever()


async def test_the_crash_of_an_actor_watched_by_one_that_has_stopped_is_not_lost() -> None:
    with pytest.RaisesGroup(ValueError):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter)
            watcher = await runtime.spawn(Watcher, list[Down]())

            async def watch(actor: Watcher) -> None:
                actor.ctx.watch(ref)

            await watcher.ask(Do(watch))
            await watcher.stop()
            await ref.tell(Boom())
            await trio.sleep(1)


# Families: ctx.spawn


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
