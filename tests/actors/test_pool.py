"""The tasks that run class actors: how many there are, and that none starves another."""

import gc
import itertools
import time
import types
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import pytest
import trio
from attrs import frozen

from actrio.actors import handles, open_runtime
from actrio.mailbox import ActorStopped, Request
from actrio.mailbox._working import workers
from tests.actors.crew import Add, Counter, Do, Get, Nap, ignore, settle


async def test_idle_actors_have_no_task() -> None:
    async with open_runtime() as runtime:
        tasks = trio.lowlevel.current_statistics().tasks_living
        for _ in range(200):
            await runtime.spawn(Counter)
        await settle()
        assert trio.lowlevel.current_statistics().tasks_living - tasks <= 1


async def test_one_task_runs_all_handlers_that_do_not_wait() -> None:
    async with open_runtime() as runtime:
        refs = [await runtime.spawn(Counter) for _ in range(100)]
        for ref in refs:
            for _ in range(10):
                ref.tell_nowait(Add())
        await settle()
        assert [await ref.ask(Get()) for ref in refs] == [10] * 100
        assert runtime.metrics().workers == 1


async def test_every_handler_that_waits_has_a_task_and_few_are_kept() -> None:
    async with open_runtime() as runtime:
        refs = [await runtime.spawn(Counter) for _ in range(100)]
        for ref in refs:
            ref.tell_nowait(Nap(1))
        await settle()
        assert runtime.metrics().totals.in_hand == 100
        assert runtime.metrics().workers >= 100
        await trio.sleep(1)
        await settle()
        assert runtime.metrics().totals.handled == 100
        assert runtime.metrics().workers <= 40


async def test_an_actor_with_endless_mail_does_not_starve_others_or_the_host() -> None:
    async def again(actor: Counter) -> None:
        actor.count += 1
        actor.ctx.ref.tell_nowait(Do(again))

    async with open_runtime() as runtime:
        busy, other = await runtime.spawn(Counter), await runtime.spawn(Counter)
        busy.tell_nowait(Do(again))
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        for number in range(10):
            assert await other.ask(Get()) == number
            await other.tell(Add())
        await busy.stop()


async def test_actors_that_keep_each_other_busy_do_not_starve_the_host() -> None:
    async def pass_on(actor: Counter) -> None:
        with suppress(ActorStopped):
            ring[(int(actor.label) + 1) % 3].tell_nowait(Do(pass_on))

    async with open_runtime() as runtime:
        ring = [await runtime.spawn(Counter, ignore, str(number)) for number in range(3)]
        ring[0].tell_nowait(Do(pass_on))
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        await ring[0].stop()


def test_handlers_that_take_long_without_waiting_let_others_run_in_between() -> None:
    ticks = list[int]()

    async def block(_: Counter) -> None:
        time.sleep(0.006)  # noqa: ASYNC251 - longer than the pool goes on for without a checkpoint
        ticks.append(0)

    async def tick() -> None:
        while True:
            await trio.lowlevel.checkpoint()
            ticks.append(1)

    async def main() -> None:
        async with open_runtime() as runtime, trio.open_nursery() as nursery:
            ref = await runtime.spawn(Counter)
            nursery.start_soon(tick)
            for _ in range(6):
                ref.tell_nowait(Do(block))
            while ticks.count(0) < 6:  # noqa: ASYNC110 - an event would not make it a task that is always ready
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()

    trio.run(main)  # on the system's clock: a mock clock does not see how long something takes
    # Each lets every other task run once; in which order is Trio's choice, so two may meet, but never three.
    assert max(len(list(group)) for tick, group in itertools.groupby(ticks) if tick == 0) <= 2


@frozen
class Fork(Request[int]):
    """Ask two children to do the same, so many levels deep."""

    levels: int


async def test_a_deep_tree_of_asks_is_answered() -> None:
    async def fork(actor: Counter, levels: int) -> int:
        if levels == 0:
            return 1
        results = list[Any]()

        async def ask() -> None:
            ref = await actor.ctx.runtime.spawn(Counter)
            results.append(await ref.ask(Do(lambda other: fork(other, levels - 1))))
            await ref.stop()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
        return sum(results)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        assert await ref.ask(Do(lambda actor: fork(actor, 6))) == 64
        assert runtime.metrics().totals.balanced


async def test_handlers_wake_in_whatever_order_and_all_end() -> None:
    async with open_runtime() as runtime:
        refs = [await runtime.spawn(Counter) for _ in range(50)]
        async with trio.open_nursery() as nursery:
            for number, ref in enumerate(refs):
                nursery.start_soon(ref.ask, Nap(number * 7 % 50))
                nursery.start_soon(ref.tell, Add())
        assert [await ref.ask(Get()) for ref in refs] == [1] * 50


class RefusedError(Exception):
    """An answer."""


@frozen
class Refuse(Request[int]):
    """Asked: wait, then refuse. Seconds."""

    seconds: float


class Refuser(Counter):
    """Refuses, sooner or later."""

    @handles(raises=(RefusedError,))
    async def refuse(self, message: Refuse) -> int:
        await trio.sleep(message.seconds)
        raise RefusedError


async def test_a_worker_goes_on_after_a_handler_that_waited_and_failed() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Refuser)
        for _ in range(20):
            with pytest.raises(RefusedError):
                await ref.ask(Refuse(1))
            ref.tell_nowait(Add())
        assert await ref.ask(Get()) == 20
        metrics = ref.metrics()
        assert (metrics.mailbox.failed, metrics.handling.count, metrics.handling.max) == (20, 41, 1)
        assert runtime.metrics().workers <= 2


async def test_a_request_that_is_told_is_handled_though_nobody_gets_what_it_returns() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        for message in (Get(), Nap(0), Nap(1), Get()):
            ref.tell_nowait(message)
        await trio.sleep(2)
        assert (ref.metrics().mailbox.handled, ref.metrics().mailbox.failed) == (4, 0)


async def test_a_handler_that_yields_what_trio_does_not_know_is_told_so() -> None:
    @types.coroutine
    def foreign() -> Generator[object, object, str]:
        try:
            yield "not of Trio"
        except TypeError as error:
            return type(error).__name__
        return "went on"

    async def work(_: Counter) -> str:
        await trio.lowlevel.checkpoint()
        return await foreign()

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        assert await ref.ask(Do(work)) == "TypeError"
        assert await ref.ask(Get()) == 0


async def test_the_deadline_of_an_ask_answered_at_once_does_not_cut_off_later_messages() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.fail_after(1):
            await ref.ask(Get())
        await ref.tell(Nap(10))
        await trio.sleep(20)
        assert (ref.metrics().mailbox.handled, ref.metrics().mailbox.failed) == (2, 0)


async def test_who_works_on_what_is_forgotten_with_its_task() -> None:
    async with open_runtime() as runtime:
        for _ in range(3):
            ref = await runtime.spawn(Counter, grace=0)
            await ref.ask(Nap(1))
            await ref.stop()
    assert not workers


@pytest.mark.parametrize("seconds", [0, 1])
async def test_an_error_or_a_cancellation_leaves_no_reference_cycle(seconds: float) -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Refuser)
        with suppress(RefusedError):
            await ref.ask(Refuse(seconds))
        gc.collect()
        gc.disable()
        try:
            with suppress(RefusedError):
                await ref.ask(Refuse(seconds))
            with trio.move_on_after(1):
                await ref.ask(Nap())
            assert gc.collect() == 0
        finally:
            gc.enable()


class Passes(trio.abc.Instrument):
    """Counts passes of Trio's loop."""

    def __init__(self) -> None:
        self.count = 0

    def before_io_wait(self, timeout: float) -> None:
        """A pass has ended."""
        self.count += 1


async def test_many_handlers_that_wait_begin_in_a_few_passes_of_the_loop() -> None:
    passes, begun, all_begun = Passes(), [0], trio.Event()

    async def begin(_: Counter) -> None:
        begun[0] += 1
        if begun[0] == 200:
            all_begun.set()
        await trio.sleep(1)

    async with open_runtime() as runtime:
        one = await runtime.spawn(Counter, concurrency=100)
        others = [await runtime.spawn(Counter) for _ in range(100)]
        for ref in [one] * 100 + others:
            ref.tell_nowait(Do(begin))
        trio.lowlevel.add_instrument(passes)
        try:
            await all_begun.wait()
        finally:
            trio.lowlevel.remove_instrument(passes)
        assert passes.count < 40
        await trio.sleep(1)
        await settle()
        assert runtime.metrics().totals.handled == 200
        assert runtime.metrics().workers <= 40
