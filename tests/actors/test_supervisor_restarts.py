"""Supervisors at work: whom a crash restarts, and what survives it."""

from typing import Any

import pytest
import trio

from actrio.actors import (
    Down,
    Restart,
    RestartsExceeded,
    State,
    Strategy,
    Supervisor,
    UnknownActor,
    child,
    open_runtime,
)
from actrio.mailbox import ActorStopped, Inbox
from tests.actors.crew import Add, Boom, Counter, Do, Factory, Get, Late, Log, Watcher, counter, crash, settle
from tests.actors.desks import three

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
