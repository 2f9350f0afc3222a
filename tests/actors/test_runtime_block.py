"""The block of a runtime: what leaves it, and what ends when it is left."""

import contextlib
from typing import Any

import pytest
import trio
import trio.lowlevel

from actrio.actors import ActorRef, InvalidSpec, Runtime, RuntimeClosed, Totals, open_runtime
from actrio.mailbox import ActorStopped, InvalidBound, NotInTrio
from tests.actors.crew import Add, Counter, Do, Factory, Get, Log, Nap, cancelled_at, counter, settle
from tests.actors.unready import ManyAwaits

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


def test_opening_it_outside_of_trio_says_what_to_use_there() -> None:
    async def main() -> None:
        async with open_runtime():
            pass

    with pytest.raises(NotInTrio, match=r"open_runtime\(\) was called outside of Trio.*AsyncioHost.*Host"):
        main().send(None)
