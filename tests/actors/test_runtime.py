"""Opening, closing and spawning: names, settings, failures, cancellation, Ctrl-C."""

import contextlib
import logging
import signal
import subprocess
import sys
from typing import Any, assert_type

import pytest
import trio
import trio.lowlevel
from attrs import frozen

from actrio.actors import (
    Actor,
    ActorRef,
    Definition,
    InvalidSpec,
    LifeEvent,
    NameTaken,
    Runtime,
    RuntimeClosed,
    State,
    Supervisor,
    SupervisorRef,
    Totals,
    UnknownActor,
    child,
    open_runtime,
)
from actrio.mailbox import ActorStopped, Inbox, InvalidBound, Lagged
from tests.actors.crew import Add, Counter, Do, Factory, Get, Log, Nap, cancelled_at, counter, crash, settle

# The block


async def test_an_exception_out_of_the_block_comes_out_as_it_is() -> None:
    error = KeyError("mine")
    with pytest.raises(KeyError) as info:
        async with open_runtime():
            raise error
    assert info.value is error


async def test_an_exception_out_of_the_block_keeps_its_cause_and_context() -> None:
    def fail() -> None:
        try:
            [].pop()
        except IndexError:
            raise KeyError  # noqa: B904 - its context is what is tested

    with pytest.raises(KeyError) as info:
        async with open_runtime():
            fail()
    assert isinstance(info.value.__context__, IndexError)
    assert not info.value.__suppress_context__

    with pytest.raises(KeyError) as info:
        async with open_runtime():
            raise KeyError from OSError()
    assert isinstance(info.value.__cause__, OSError)


async def test_an_exception_group_out_of_the_block_comes_out_as_it_is() -> None:
    error = ExceptionGroup("mine", [KeyError()])
    with pytest.RaisesGroup(KeyError, check=lambda group: group is error):
        async with open_runtime():
            raise error


async def test_an_exception_out_of_the_block_does_not_hide_one_of_the_runtime() -> None:
    class Bad(Counter):
        async def stopped(self) -> None:
            raise OSError

    with pytest.RaisesGroup(KeyError, OSError):
        async with open_runtime() as runtime:
            await runtime.spawn(Bad)
            raise KeyError


async def test_cancelling_the_block_runs_the_hooks_and_ends_in_the_callers_scope() -> None:
    log = Log()
    with trio.move_on_after(1) as scope:
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter, log)
            await ref.tell(Nap())
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.current_time() == scope.deadline
    assert log.lines == ["counter started", "counter naps", "counter awake", "counter stopped"]


async def test_leaving_the_block_stops_actors_in_reverse_and_gives_each_its_grace() -> None:
    log = Log()
    async with open_runtime() as runtime:
        for name in "ab":
            ref = await runtime.spawn(Counter, log, name, grace=3)
            await ref.tell(Nap(2 if name == "a" else 1e9))
        await settle()
        log.take()
        start = trio.current_time()
    assert log.lines == ["a awake", "b awake", "b stopped", "a stopped"]
    assert trio.current_time() - start == 3


async def test_what_is_queued_when_the_runtime_closes_becomes_dead_letters() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        ref.tell_nowait(Nap(1))
        await settle()
        ref.tell_nowait(Add())
        ref.tell_nowait(Add())
    totals = runtime.metrics().totals
    assert (totals.handled, totals.dead, totals.balanced) == (1, 2, True)


async def test_nothing_that_is_queued_is_handled_once_the_block_was_left_by_an_error() -> None:
    log = Log()
    refs = list[ActorRef[Any]]()
    with contextlib.suppress(KeyError):
        async with open_runtime() as runtime:
            refs.append(await runtime.spawn(Counter, log))
            for message in (Nap(), Add(), Nap()):
                await refs[0].tell(message)
            await settle()
            raise KeyError
    assert log.lines == ["counter started", "counter naps", "counter awake", "counter stopped"]
    assert refs[0].metrics().mailbox.dead == 2


async def test_an_asker_outside_the_block_learns_that_the_runtime_closed() -> None:
    async with trio.open_nursery() as nursery, open_runtime() as runtime:
        ref = await runtime.spawn(Counter, grace=1)

        @nursery.start_soon
        async def _() -> None:
            with pytest.raises(ActorStopped, match="the runtime closed"):
                await ref.ask(Nap())

        await settle()


@pytest.mark.parametrize("kind", ["class", "coroutine"])
async def test_an_asker_outside_gets_an_end_even_if_the_cancelled_handler_raises(kind: str) -> None:
    async def stubborn(_: Any) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyError("at the end")

    async with trio.open_nursery() as nursery:
        with contextlib.suppress(IndexError):
            async with open_runtime() as runtime:
                factory: Factory = Counter if kind == "class" else counter
                ref = await runtime.spawn(factory, redeliver=True, restart="permanent")

                @nursery.start_soon
                async def _() -> None:
                    with pytest.raises((KeyError, ActorStopped)):
                        await ref.ask(Do(stubborn))

                await settle()
                raise IndexError
        nursery.cancel_scope.deadline = trio.current_time() + 100
    assert not nursery.cancel_scope.cancelled_caught


async def test_nothing_can_be_spawned_or_shared_in_a_closed_runtime() -> None:
    async with open_runtime() as runtime:
        pass
    with pytest.raises(RuntimeClosed, match="closing or closed"):
        await runtime.spawn(Counter)
    with pytest.raises(RuntimeClosed):
        await runtime.share("key", contextlib.nullcontext)


async def test_nothing_can_be_spawned_while_the_runtime_closes() -> None:
    errors = list[Exception]()

    class SpawnsLate(Counter):
        async def stopped(self) -> None:
            try:
                await self.ctx.runtime.spawn(Counter)
            except RuntimeClosed as error:
                errors.append(error)

    async with open_runtime() as runtime:
        await runtime.spawn(SpawnsLate)
    assert len(errors) == 1


async def test_two_runtimes_of_one_program_can_talk() -> None:
    async with open_runtime() as one, open_runtime() as other:
        far = await other.spawn(Counter)
        near = await one.spawn(Counter)

        async def ask_far(_: Counter) -> int:
            await far.tell(Add(3))
            return await far.ask(Get())

        assert await near.ask(Do(ask_far)) == 3


@pytest.mark.parametrize("policy", [{"intensity": -1}, {"intensity": 1.5}, {"period": 0}, {"period": float("nan")}])
async def test_a_root_policy_that_makes_no_sense_is_refused(policy: dict[str, Any]) -> None:
    with pytest.raises((InvalidBound, InvalidSpec), match=next(iter(policy))):
        async with open_runtime(**policy):
            raise AssertionError("not reached")


class ManyAwaits(Counter):
    """Starts in several steps, with a child and a task of its own."""

    async def started(self) -> None:
        await trio.lowlevel.checkpoint()
        await self.ctx.spawn(Counter, self.log, "kid")
        self.ctx.nursery.start_soon(trio.sleep_forever)
        await trio.sleep(1)
        await super().started()


class Busy(ManyAwaits):
    """Ends in several steps, too, and works while it is cancelled."""

    async def stopped(self) -> None:
        await trio.sleep(1)
        await super().stopped()


async def test_cancelling_a_busy_runtime_at_any_step_ends_everything_once() -> None:
    log = Log()
    opened, failed = list[Runtime](), list[int]()

    async def ask_far(_: Counter) -> None:
        await opened[-1].find("far").ask(Nap(1))

    async def fail_once(_: Counter) -> None:
        failed.append(1)
        if len(failed) == 1:
            raise ValueError

    async def scenario() -> None:
        failed.clear()
        async with open_runtime(seed=1) as runtime:
            opened.append(runtime)
            await runtime.share("key", lambda: Resource(log))
            await runtime.spawn(Busy, log, "far", name="far", redeliver=True, restart="permanent")
            near = await runtime.spawn(Counter, log, "near", name="near", concurrency=2)
            echo = await runtime.spawn(counter)
            async with trio.open_nursery() as nursery:
                for _ in range(2):
                    nursery.start_soon(near.ask, Do(ask_far))
                nursery.start_soon(echo.ask, Nap(1))
            await runtime.find("far").tell(Do(fail_once))
            await echo.stop()
            await runtime.find("far").ask(Get())

    async def unless_unmended() -> None:
        try:
            await scenario()
        except* ValueError:  # the runtime was cancelled before the crash could be mended
            assert failed

    at = 1
    while await cancelled_at(at, unless_unmended, any_task=True):
        for name in ("far", "near", "kid", "resource"):
            assert log.lines.count(f"{name} started") == log.lines.count(f"{name} stopped"), (at, log.lines)
        totals = opened[-1].metrics().totals if opened else Totals()
        assert (totals.balanced, totals.queued, totals.in_hand) == (True, 0, 0), at
        log.take()
        at += 1
    assert at > 40


class Resource:
    """Something shared that notes its life."""

    def __init__(self, log: Log) -> None:
        self.log = log

    async def __aenter__(self) -> None:
        await trio.lowlevel.checkpoint()
        self.log("resource started")

    async def __aexit__(self, *_: object) -> None:
        self.log("resource stopped")


# What can be spawned


async def test_an_actor_class_with_arguments_is_spawned() -> None:
    log = Log()
    async with open_runtime() as runtime:
        await runtime.spawn(Counter, log, "abacus")
    assert log.lines == ["abacus started", "abacus stopped"]


async def test_a_function_that_gives_an_actor_is_called_at_each_start() -> None:
    made = list[Actor]()

    def make() -> Actor:
        made.append(Counter())
        return made[-1]

    async with open_runtime() as runtime:
        ref = await runtime.spawn(make, restart="permanent")
        assert ref.name == "make"
        await crash(ref)
        await settle()
    assert len(made) == 2


async def test_a_coroutine_function_is_spawned_with_its_inbox_and_arguments() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter, log)
        await ref.tell(Add(2))
        assert await ref.ask(Get()) == 2
    assert log.lines == ["started", "ended"]


class CounterRef(ActorRef[Any]):
    """A ref that says what it counts."""

    __slots__ = ()

    async def count(self) -> int:
        return await self.ask(Get())


@frozen
class CounterDefinition:
    """An actor as a value, with a ref of its own."""

    name: str
    step: int = 1

    def make_actor(self) -> Actor:
        actor = Counter()
        actor.count = self.step
        return actor

    def make_ref(self, node: Any) -> CounterRef:
        return CounterRef(node)

    def settings(self) -> dict[str, Any]:
        return {"capacity": 7}


async def test_a_definition_is_spawned_with_its_own_settings_name_and_ref() -> None:
    definition: Definition[CounterRef] = CounterDefinition("Abacus", step=5)
    async with open_runtime() as runtime:
        ref = await runtime.spawn(definition)
        assert await ref.count() == 5
        assert (ref.name, ref.metrics().mailbox.capacity) == ("Abacus", 7)
        other = await runtime.spawn(definition, name="other", capacity=9)
        assert (other.name, other.metrics().mailbox.capacity) == ("other", 9)


async def test_a_supervisor_keeps_its_name_as_it_was_given() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("Desk", children=[child(Counter)]))
        assert s.name == "Desk"
        assert s.child("counter").name == "Desk/counter"


async def test_the_types_of_refs_and_replies_follow_from_what_was_spawned_and_asked() -> None:
    async def typed(inbox: Inbox[Add | Get], start: int) -> None:
        async for letter in inbox:
            if letter.is_ask:
                letter.reply(start)

    async with open_runtime() as runtime:
        assert_type(await runtime.spawn(Counter), ActorRef[Any])
        assert_type(await runtime.spawn(Supervisor("s")), SupervisorRef)
        assert_type(await runtime.spawn(CounterDefinition("abacus")), CounterRef)
        ref = assert_type(await runtime.spawn(typed, 7, name="typed"), ActorRef[Add | Get])
        assert assert_type(await ref.ask(Get()), int) == 7
        await ref.tell(Nap())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("factory", "problem"),
    [
        (Counter(), "is already built; give the class and its arguments"),
        (7, "7 is no Actor class, coroutine function"),
        (lambda: 7, "gave int, which is no Actor"),
    ],
)
async def test_what_is_no_actor_cannot_be_spawned(factory: Any, problem: str) -> None:
    async with open_runtime() as runtime:
        with pytest.raises(InvalidSpec, match=problem):
            await runtime.spawn(factory)
        assert not runtime.metrics().actors


@pytest.mark.parametrize(
    "settings",
    [
        {"capacity": 0},
        {"capacity": -1},
        {"capacity": 1.5},
        {"capacity": True},
        {"overflow": "explode"},
        {"concurrency": 0},
        {"restart": "always"},
        {"grace": -1},
        {"grace": float("inf")},
        {"grace": float("nan")},
        {"name": ""},
        {"name": "a/b"},
    ],
)
async def test_settings_that_make_no_sense_are_refused_and_named(settings: dict[str, Any]) -> None:
    async with open_runtime() as runtime:
        with pytest.raises((InvalidBound, InvalidSpec)) as info:
            await runtime.spawn(Counter, **settings)
        assert next(iter(settings)) in str(info.value)
        assert not runtime.metrics().actors


async def test_an_unknown_setting_is_refused() -> None:
    async with open_runtime() as runtime:
        with pytest.raises(TypeError, match="restarts"):
            await runtime.spawn(Counter, restarts="permanent")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
        assert not runtime.metrics().actors


async def test_a_coroutine_actor_cannot_have_concurrency() -> None:
    async with open_runtime() as runtime:
        with pytest.raises(InvalidSpec, match="a coroutine actor handles one message at a time"):
            await runtime.spawn(counter, concurrency=2)


# Names


async def test_names_are_made_of_the_factorys_and_numbered() -> None:
    async with open_runtime() as runtime:
        names = [(await runtime.spawn(Counter)).name for _ in range(3)]
        names.append((await runtime.spawn(counter)).name)
    assert names == ["counter", "counter-2", "counter-3", "counter-4"]


async def test_a_name_can_be_given_and_is_found() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, name="Abacus")
        assert ref.name == "Abacus"
        assert runtime.find("Abacus") is ref


@pytest.mark.parametrize("factory", [Counter, counter, CounterDefinition("abacus"), Supervisor("abacus")])
async def test_a_given_name_cannot_be_taken_twice(factory: Any) -> None:
    async with open_runtime() as runtime:
        first = await runtime.spawn(Counter, name="abacus")
        with pytest.raises(NameTaken, match="the name 'abacus' is taken by a living actor") as info:
            await runtime.spawn(factory, name="abacus")
        assert info.value.name == "abacus"
        assert runtime.find("abacus") is first
        assert await first.ask(Get()) == 0


async def test_a_name_is_free_once_its_actor_has_stopped() -> None:
    async with open_runtime() as runtime:
        first = await runtime.spawn(Counter, name="abacus")
        await first.stop()
        second = await runtime.spawn(Counter, name="abacus")
        assert runtime.find("abacus") is second
        assert first.state is State.STOPPED


async def test_a_name_is_not_free_while_its_actor_is_stopping() -> None:
    async with open_runtime() as runtime:
        first = await runtime.spawn(Counter, name="abacus")
        await first.tell(Nap(1))
        await settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first.stop)
            await settle()
            with pytest.raises(NameTaken):
                await runtime.spawn(Counter, name="abacus")


async def test_the_same_name_may_live_under_different_supervisors() -> None:
    async with open_runtime() as runtime:
        refs = [await runtime.spawn(Supervisor(name, children=[child(Counter)])) for name in "st"]
        assert [ref.child("counter").name for ref in refs] == ["s/counter", "t/counter"]


async def test_looking_up_an_unknown_name_tells_the_known_ones() -> None:
    async with open_runtime() as runtime:
        await runtime.spawn(Counter)
        with pytest.raises(UnknownActor, match="no actor is named 'abacus'; there are: counter") as info:
            runtime.find("abacus")
        assert (info.value.name, info.value.known) == ("abacus", ("counter",))


@pytest.mark.parametrize("name", ["", "a/b"])
def test_a_supervisors_name_is_checked_as_any_other(name: str) -> None:
    with pytest.raises(InvalidSpec, match="a name is not empty and has no '/'"):
        child(Supervisor(name))


# Starting


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


# Looking on


async def test_the_tree_shows_supervisors_actors_states_and_depths() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("desk", "rest_for_one", children=[child(Counter, name="a"), child(counter)]))
        await s.child("counter").tell(Nap())
        await settle()
        await s.child("counter").tell(Add())

        async def spawn(actor: Counter) -> None:
            await actor.ctx.spawn(Counter, name="kid")

        await s.child("a").ask(Do(spawn))
        assert str(runtime).splitlines() == [
            "runtime [one_for_one] running",
            "  desk [rest_for_one] running",
            "    desk/a [actor] running, 0/1000 queued",
            "      desk/a/kid [actor] running, 0/1000 queued",
            "    desk/counter [coroutine] running, 1/1000 queued, 1 in hand",
        ]
        assert runtime.tree() == str(runtime)
        await s.child("counter").stop()


async def test_the_repr_of_a_runtime_is_a_status_line() -> None:
    async with open_runtime() as runtime:
        await runtime.spawn(Counter)
        await runtime.spawn(Counter)
        assert repr(runtime).startswith("<Runtime open, 2 actors, ")
    assert repr(runtime).startswith("<Runtime closed, 0 actors, ") or "closing" in repr(runtime)


async def test_life_events_are_told_in_order_with_their_time() -> None:
    async with open_runtime() as runtime:
        with runtime.events() as events:
            await trio.sleep(1)
            ref = await runtime.spawn(Counter, name="a")
            await trio.sleep(1)
            await ref.stop()
            told: list[LifeEvent | Lagged] = events.receive_batch_nowait()
    now = trio.current_time()
    mine = [(now - e.at, e.state) for e in told if isinstance(e, LifeEvent) and e.actor == "a"]
    assert mine[-4:] == [(1, "running"), (0, "stopping"), (0, "down"), (0, "stopped")]


async def test_the_events_stream_ends_with_the_runtime() -> None:
    async with trio.open_nursery() as nursery, open_runtime() as runtime:

        @nursery.start_soon
        async def _() -> None:
            with runtime.events() as events:
                assert [event async for event in events]

        await settle()


async def test_the_runtime_is_silent_unless_logging_is_configured_and_names_no_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, logger="actrio"):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter, restart="permanent")
            await crash(ref, "a secret")
            await ref.ask(Get())
            await settle()
            await ref.stop()
    assert [record.name.split(".")[0] for record in caplog.records] == ["actrio"] * len(caplog.records)
    assert "actor counter crashed: ValueError" in caplog.text
    assert "a secret" not in caplog.text


# Ctrl-C


def run_until_interrupted(log: Log, interrupt: Any) -> None:
    """Run a runtime with two actors and a waiting asker; ``interrupt`` says what the actor or the block does then."""

    async def main() -> None:
        async with open_runtime() as runtime:
            await runtime.spawn(Counter, log, "first")
            ref = await runtime.spawn(Counter, log, "second", restart="permanent")
            await interrupt(ref, runtime)

    with pytest.RaisesGroup(KeyboardInterrupt, allow_unwrapped=True, flatten_subgroups=True):
        trio.run(main)
    assert log.lines[-2:] == ["second stopped", "first stopped"]


def test_ctrl_c_in_the_synchronous_code_of_a_handler_unwinds_the_runtime() -> None:
    async def raise_signal(_: Counter) -> None:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it was not interrupted")

    async def interrupt(ref: ActorRef[Any], _: Runtime) -> None:
        await ref.tell(Do(raise_signal))
        await trio.sleep_forever()

    run_until_interrupted(Log(), interrupt)


def test_ctrl_c_in_a_handler_after_it_slept_unwinds_the_runtime() -> None:
    async def raise_signal(_: Counter) -> None:
        await trio.lowlevel.checkpoint()
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it was not interrupted")

    async def interrupt(ref: ActorRef[Any], _: Runtime) -> None:
        await ref.tell(Do(raise_signal))
        await trio.sleep_forever()

    run_until_interrupted(Log(), interrupt)


def test_ctrl_c_in_a_coroutine_actor_unwinds_the_runtime() -> None:
    async def interrupted(_: Inbox[Any]) -> None:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it was not interrupted")

    async def interrupt(_: ActorRef[Any], runtime: Runtime) -> None:
        await runtime.spawn(interrupted)
        await trio.sleep_forever()

    run_until_interrupted(Log(), interrupt)


def test_ctrl_c_while_everybody_waits_unwinds_the_runtime() -> None:
    log = Log()

    async def interrupt(ref: ActorRef[Any], _: Runtime) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ref.ask, Nap())
            await settle()

            @nursery.start_soon
            async def _kill() -> None:
                with trio.CancelScope(shield=True):
                    await trio.lowlevel.checkpoint()
                trio.lowlevel.current_trio_token().run_sync_soon(signal.raise_signal, signal.SIGINT)

            await trio.sleep_forever()

    run_until_interrupted(log, interrupt)
    assert "second awake" in log.lines


@pytest.mark.parametrize("where", ["block", "handler", "waiting"])
def test_an_uncaught_ctrl_c_ends_the_process_after_the_hooks_ran(where: str) -> None:
    """In a process of its own, with the signal from outside."""
    program = f"""
import os, signal, trio, actrio.actors as actors

class A(actors.Actor):
    async def stopped(self):
        print("hook ran", flush=True)
    @actors.handles
    async def text(self, message: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

async def main():
    async with actors.open_runtime() as runtime:
        ref = await runtime.spawn(A)
        if {where!r} == "handler":
            await ref.tell("now")
            await trio.sleep_forever()
        if {where!r} == "block":
            os.kill(os.getpid(), signal.SIGINT)
            await trio.sleep_forever()
        trio.lowlevel.current_trio_token().run_sync_soon(os.kill, os.getpid(), signal.SIGINT)
        await trio.sleep_forever()

trio.run(main)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "hook ran\n"
    assert "KeyboardInterrupt" in done.stderr
    assert done.returncode in (-signal.SIGINT, 128 + signal.SIGINT, 1)


def test_many_random_interrupts_never_hang_the_runtime() -> None:
    for after in range(1, 40):
        log = Log()

        async def main(after: int = after, log: Log = log) -> None:
            async with open_runtime() as runtime:
                refs = [await runtime.spawn(Counter, log, name) for name in "ab"]
                trio.lowlevel.add_instrument(Interrupt(after))
                while True:
                    for ref in refs:
                        await ref.tell(Add())
                        await ref.ask(Get())

        with contextlib.suppress(KeyboardInterrupt):
            try:
                trio.run(main, restrict_keyboard_interrupt_to_checkpoints=after % 2 == 0)
            except BaseExceptionGroup as group:
                interrupts, rest = group.split(KeyboardInterrupt)
                assert interrupts is not None
                assert rest is None or rest.split(ActorStopped)[1] is None
        assert sorted(log.lines) == ["a started", "a stopped", "b started", "b stopped"], after


class Interrupt(trio.abc.Instrument):
    """Raises the signal of a Ctrl-C after so many steps of tasks."""

    def __init__(self, after: int) -> None:
        self.left = after

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
