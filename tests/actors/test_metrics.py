"""What is counted and measured."""

from typing import Any

import pytest
import trio

from actrio.actors import RuntimeMetrics, State, Supervisor, Totals, child, handles, open_runtime
from actrio.mailbox import InboxStatistics
from tests.actors.crew import Add, Boom, Counter, Do, Echo, Get, Nap, Unknown, counter, crash, settle


async def test_an_actors_metrics_tell_name_kind_state_and_mailbox() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, capacity=50, overflow="reject")
        await ref.tell(Nap(1))
        await settle()
        for _ in range(3):
            await ref.tell(Add())
        metrics = ref.metrics()
        assert (metrics.name, metrics.kind, metrics.state) == ("counter", "actor", "running")
        assert (metrics.restarts, metrics.last_error) == (0, None)
        expected = InboxStatistics(50, "reject", 4, 0, 0, 0, 0, 3, 1, 3, 0, 0)
        assert metrics.mailbox == expected


async def test_every_kind_of_end_is_counted_as_such() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        await ref.ask(Get())
        await ref.tell(Add())
        await crash(ref)
        await ref.tell(Unknown())
        with trio.move_on_after(1):
            await ref.ask(Nap())
        mailbox = ref.metrics().mailbox
        assert (mailbox.sent, mailbox.handled, mailbox.failed, mailbox.dead, mailbox.abandoned) == (5, 2, 1, 1, 1)


async def test_the_last_error_is_shown_also_if_it_was_declared_and_an_asker_got_it() -> None:
    class Declares(Counter):
        @handles(raises=(ValueError,))
        async def boom(self, message: Boom) -> int:
            raise ValueError(message.text)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Declares)
        with pytest.raises(ValueError, match="boom"):
            await ref.ask(Boom())
        assert (ref.state, ref.metrics().last_error) == (State.RUNNING, "ValueError('boom')")


async def test_handling_and_queueing_times_are_measured_on_trios_clock() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        for _ in range(3):
            ref.tell_nowait(Nap(2))
        await trio.sleep(6)
        await settle()
        handling, queueing = ref.metrics().handling, ref.metrics().queueing
        assert (handling.count, handling.max, queueing.count, queueing.max) == (3, 2.0, 3, 4.0)
        assert [handling.p50, handling.p90, handling.p99] == pytest.approx([2, 2, 2], rel=0.1)
        assert [queueing.p50, queueing.p90, queueing.p99] == pytest.approx([2, 4, 4], rel=0.1)


async def test_a_handler_that_was_cancelled_or_crashed_is_measured_too() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        with trio.move_on_after(3):
            await ref.ask(Nap())
        await crash(ref)
        handling = ref.metrics().handling
        assert (handling.count, handling.max) == (2, 3.0)


async def test_looking_at_the_metrics_from_within_a_handler_loses_no_duration() -> None:
    async def look(actor: Counter) -> None:
        actor.count += actor.ctx.ref.metrics().handling.count

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        for _ in range(100):
            ref.tell_nowait(Do(look))
        assert await ref.ask(Get()) == sum(range(100))
        assert (ref.metrics().handling.count, ref.metrics().queueing.count) == (101, 101)


async def test_asks_in_flight_are_those_the_actor_waits_for() -> None:
    async with open_runtime() as runtime:
        far, near = await runtime.spawn(Counter), await runtime.spawn(Counter)

        async def ask_thrice(_: Counter) -> None:
            async with trio.open_nursery() as nursery:
                for _number in range(3):
                    nursery.start_soon(far.ask, Nap(1))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.ask, Do(ask_thrice))
            await settle()
            assert near.metrics().mailbox.asks_in_flight == 3
            assert far.metrics().mailbox.asks_in_flight == 0
        assert near.metrics().mailbox.asks_in_flight == 0


async def test_waiting_senders_and_the_high_water_mark_are_shown() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, capacity=2)
        async with trio.open_nursery() as nursery:
            for message in (Nap(1), Add(), Add(), Add(), Add()):
                nursery.start_soon(ref.tell, message)
                await settle()
            assert ref.metrics().mailbox.waiting_senders == 2
        await settle()
        assert (ref.metrics().mailbox.waiting_senders, ref.metrics().mailbox.high_water) == (0, 2)


async def test_the_runtimes_metrics_hold_the_living_and_count_the_stopped() -> None:
    async with open_runtime() as runtime:
        first, second = await runtime.spawn(Counter), await runtime.spawn(counter)
        for ref in (first, second):
            for _ in range(3):
                await ref.tell(Add())
            await ref.ask(Get())
        await first.stop()
        metrics = runtime.metrics()
        assert sorted(metrics.actors) == ["counter-2"]
        assert metrics.totals == Totals(sent=8, handled=8)
        assert metrics.totals.balanced
        assert metrics.at == trio.current_time()


async def test_restarts_of_stopped_actors_stay_counted() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        await crash(ref)
        await settle()
        await ref.stop()
        assert runtime.metrics().restarts == 1


async def test_snapshots_are_frozen_values() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        before = ref.metrics()
        await ref.ask(Get())
        assert before.mailbox.sent == 0
        with pytest.raises(AttributeError):
            before.name = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(AttributeError):
            runtime.metrics().workers = 7  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def test_the_metrics_of_a_definition_or_function_name_its_kind_even_while_it_is_down() -> None:
    def make() -> Counter:
        return Counter()

    async with open_runtime() as runtime:
        children = [child(make, name="a")]
        s = await runtime.spawn(Supervisor("s", intensity=9, backoff=9, max_backoff=9, children=children))
        kind = s.child("a").metrics().kind
        for _ in range(2):
            await crash(s.child("a"))
            await settle()
        assert s.child("a").metrics().state == "down"
        assert s.child("a").metrics().kind == kind
        assert s.metrics().kind == "supervisor"


async def test_the_conservation_law_holds_at_every_step_of_a_busy_runtime() -> None:
    broken = list[Totals]()

    class Checks(trio.abc.Instrument):
        def after_task_step(self, task: trio.lowlevel.Task) -> None:
            totals = runtime.metrics().totals
            if not totals.balanced:
                broken.append(totals)

    async with open_runtime() as runtime:
        checks = Checks()
        refs = [await runtime.spawn(Counter, restart="permanent", capacity=3, concurrency=2) for _ in range(3)]
        trio.lowlevel.add_instrument(checks)
        try:
            async with trio.open_nursery() as nursery:
                for ref in refs:
                    for message in (Add(), Nap(1), Unknown(), Add(), Echo(1)):
                        nursery.start_soon(ref.tell, message)
                    with trio.move_on_after(0.5):
                        await ref.ask(Nap(2))
                    await crash(ref)
            await refs[0].stop()
        finally:
            trio.lowlevel.remove_instrument(checks)
    assert not broken
    assert runtime.metrics().totals.balanced
    assert (runtime.metrics().totals.queued, runtime.metrics().totals.in_hand) == (0, 0)


def test_totals_add_up_and_know_the_law() -> None:
    totals = Totals(sent=6, handled=1, failed=1, dead=1, abandoned=1, queued=1, in_hand=1)
    assert totals.balanced
    assert not Totals(sent=1).balanced
    one: Any = InboxStatistics(1, "wait", 3, 2, 0, 0, 0, 1, 0, 1, 0, 0)
    assert totals.plus(one) == Totals(sent=9, handled=3, failed=1, dead=1, abandoned=1, queued=2, in_hand=1)
    assert RuntimeMetrics(at=0.0).totals == Totals()
