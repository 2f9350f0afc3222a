"""A function over many inputs: so many at once, outcomes in order, and no way to hang or to lose one."""

import gc
import tracemalloc
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from actrio.actors import Runtime
from actrio.agents import Agent
from actrio.agents.batch import (
    BatchFull,
    BatchStopped,
    Cancelled,
    Done,
    Failed,
    ItemTimedOut,
    Outcome,
    batch,
    open_batch,
)
from actrio.mailbox import InvalidBound
from actrio.providers import ServerFailed
from actrio.testing import Fail, Say, ScriptedProvider


class Gauge:
    """A function that takes a second, and how many calls of it there were at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.began: list[int] = []

    async def __call__(self, number: int) -> int:
        self.began.append(number)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await trio.sleep(1)
        finally:
            self.now -= 1
        return number * 2


async def test_outcomes_are_in_the_order_of_the_inputs_however_they_end(autojump_clock: MockClock) -> None:
    async def work(seconds: int) -> str:
        await trio.sleep(seconds)
        if seconds == 2:
            raise OSError("two")
        return f"after {seconds}"

    first, second, third = await batch(work, [3, 2, 1])

    assert (first, third) == (Done("after 3"), Done("after 1"))
    assert isinstance(second, Failed)
    assert (repr(second.error), second.index, second.input) == ("OSError('two')", 1, 2)


async def test_never_more_than_max_concurrency_are_at_work_and_never_fewer_while_there_is_work(
    autojump_clock: MockClock,
) -> None:
    gauge = Gauge()
    began = trio.current_time()

    outcomes = await batch(gauge, range(20), max_concurrency=5)

    assert outcomes == [Done(number * 2) for number in range(20)]
    assert (gauge.most, trio.current_time() - began) == (5, 4.0)


async def test_the_more_urgent_go_first_and_of_equals_the_first_to_come(autojump_clock: MockClock) -> None:
    gauge = Gauge()
    await batch(gauge, range(9), max_concurrency=1, priority=lambda number: number % 3)
    assert gauge.began == [2, 5, 8, 1, 4, 7, 0, 3, 6]


async def test_an_iterable_is_read_only_as_far_as_there_is_work_for(autojump_clock: MockClock) -> None:
    read: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1_000):
            read.append(number)
            yield number

    async with open_batch(Gauge(), numbers(), max_concurrency=3) as running:
        await trio.sleep(0.5)
        assert len(read) == 4
        assert (running.progress.running, running.progress.pending) == (3, 1)
        async for outcome in running:
            if outcome.index == 30:
                break
        assert len(read) < 45


async def test_an_async_iterable_is_read_lazily_and_closed(autojump_clock: MockClock) -> None:
    closed: list[int] = []

    async def numbers() -> AsyncGenerator[int]:  # noqa: ASYNC900 - what users may give
        try:
            for number in range(1_000):
                await trio.sleep(0.1)
                yield number
        finally:
            closed.append(number)

    async with open_batch(Gauge(), numbers(), max_concurrency=2) as running:
        seen = [await anext(running) for _ in range(4)]
    assert seen == [Done(0), Done(2), Done(4), Done(6)]
    assert closed[0] < 12


async def test_outcomes_come_as_inputs_end(autojump_clock: MockClock) -> None:
    async def sleep(seconds: int) -> int:
        await trio.sleep(seconds)
        return seconds

    async with open_batch(sleep, [3, 1, 2]) as running:
        assert [(outcome, outcome.index) async for outcome in running] == [(Done(1), 1), (Done(2), 2), (Done(3), 0)]


async def test_a_batch_can_be_added_to_while_it_runs(autojump_clock: MockClock) -> None:
    async with open_batch(Gauge(), [1]) as running:
        seen = []
        async for outcome in running:
            assert isinstance(outcome, Done)
            seen.append(outcome.value)
            if outcome.value < 16:
                running.add(outcome.value)
        assert seen == [2, 4, 8, 16]
        running.add(100)
        assert [outcome async for outcome in running] == [Done(200)]


async def test_a_more_urgent_input_that_is_added_goes_first(autojump_clock: MockClock) -> None:
    gauge = Gauge()
    async with open_batch(gauge, max_concurrency=1) as running:
        for number, priority in [(1, 0), (2, 0), (3, 9)]:
            running.add(number, priority=priority)
        assert len([outcome async for outcome in running]) == 3
    assert gauge.began == [3, 1, 2]


async def test_more_than_may_wait_is_refused() -> None:
    async with open_batch(Gauge(), max_concurrency=1) as running:
        for number in range(10_000):
            running.add(number)
        with pytest.raises(BatchFull, match="10000 inputs wait already"):
            running.add(10_000)
    with pytest.raises(BatchStopped):
        running.add(1)


async def test_progress_tells_how_far_it_is_and_how_long_it_takes(autojump_clock: MockClock) -> None:
    async with open_batch(Gauge(), range(10), max_concurrency=2) as running:
        await trio.sleep(1.6)
        for _ in range(2):
            await anext(running)
        progress = running.progress
        assert (progress.done, progress.running, progress.pending, progress.total) == (2, 2, 6, 10)
        assert (progress.rate, progress.remaining_s) == (1.25, 6.4)
        assert str(progress) == "2 of 10 ended, 2 running, 1.2/s, about 6 s left"
        assert repr(running) == f"<Batch {progress}>"


async def test_the_first_failure_stops_the_others_if_so_wanted(autojump_clock: MockClock) -> None:
    async def work(number: int) -> int:
        await trio.sleep(number)
        if number == 2:
            raise OSError
        return number

    outcomes = await batch(work, [1, 2, 3, 4, 5, 6], max_concurrency=3, on_error="stop")

    assert [type(outcome) for outcome in outcomes] == [Done, Failed, *[Cancelled] * 4]
    assert [outcome.input for outcome in outcomes] == [1, 2, 3, 4, 5, 6]
    assert trio.current_time() == 2.0


async def test_an_input_that_takes_too_long_fails_alone(autojump_clock: MockClock) -> None:
    async def sleep(seconds: float) -> float:
        await trio.sleep(seconds)
        return seconds

    one, other = await batch(sleep, [9, 1], timeout=2, max_concurrency=1)

    assert isinstance(one, Failed)
    assert isinstance(one.error, ItemTimedOut)
    assert (one.error.index, one.error.timeout, other) == (0, 2, Done(1))
    assert trio.current_time() == 3.0


@pytest.mark.parametrize("wrong", [{"max_concurrency": 0}, {"on_error": "ignore"}, {"timeout": -1.0}])
async def test_an_option_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidBound):
        await batch(Gauge(), [], **wrong)  # type: ignore[arg-type]  # wrong on purpose


async def test_what_the_iterable_raises_is_raised_after_all_outcomes(autojump_clock: MockClock) -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    async with open_batch(Gauge(), numbers()) as running:
        assert await anext(running) == Done(2)
        with pytest.raises(OSError, match="no more"):
            await anext(running)


async def test_leaving_the_block_cancels_what_is_at_work(autojump_clock: MockClock) -> None:
    gauge = Gauge()
    async with open_batch(gauge, range(10)):
        await wait_all_tasks_blocked()
        assert gauge.now == 5
    assert gauge.now == 0


async def test_an_error_out_of_the_block_comes_as_it_is() -> None:
    async def fail() -> None:
        async with open_batch(Gauge(), range(10)):
            await wait_all_tasks_blocked()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()


async def test_an_input_whose_priority_fails_is_not_added() -> None:
    async with open_batch(Gauge(), range(1, 2_000), priority=lambda number: 1 / number) as running:
        with pytest.raises(ZeroDivisionError):
            running.add(0)
        assert running.progress.total == 1_999
        running.add(1)
        assert running.progress.total == 2_000


async def test_a_cancelled_reader_loses_no_outcome(autojump_clock: MockClock) -> None:
    async with open_batch(Gauge(), range(3), max_concurrency=1) as running:
        seen: list[Outcome[int]] = []
        while len(seen) < 3:
            with trio.move_on_after(0.3):
                seen.append(await anext(running))
    assert seen == [Done(0), Done(2), Done(4)]


@settings(max_examples=60, deadline=None)
@given(
    crashes=st.sets(st.integers(0, 19)),
    at_end=st.sets(st.integers(0, 19)),
    most=st.integers(1, 7),
    stop=st.booleans(),
    source_fails=st.none() | st.integers(0, 19),
)
def test_a_crash_of_any_input_or_of_the_source_never_hangs_and_loses_no_outcome(
    crashes: set[int], at_end: set[int], most: int, stop: bool, source_fails: int | None
) -> None:
    async def work(number: int) -> int:
        if number in crashes:
            raise OSError
        try:
            await trio.sleep(number % 3)
        finally:
            if number in at_end:
                raise ValueError
        return number

    def numbers() -> Iterator[int]:
        for number in range(20):
            if number == source_fails:
                raise LookupError
            yield number

    async def main() -> None:
        seen: list[int] = []
        with trio.fail_after(1_000):
            async with open_batch(
                work, numbers(), max_concurrency=most, on_error="stop" if stop else "collect"
            ) as running:
                try:
                    async for outcome in running:
                        seen.append(outcome.index)
                        bad = outcome.index in crashes | at_end
                        assert isinstance(outcome, Failed | Cancelled if bad else Done | Cancelled)
                except LookupError:
                    assert source_fails is not None
                assert sorted(seen) == list(range(running.read))
                assert running.stopped or len(seen) == (20 if source_fails is None else source_fails)

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_a_long_batch_takes_no_more_memory_than_a_short_one() -> None:
    async def work(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return number

    total = 0
    gc.collect()
    tracemalloc.start()
    try:
        async with open_batch(work, iter(range(20_000)), max_concurrency=10) as running:
            async for outcome in running:
                total += outcome.index
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == sum(range(20_000))
    assert peak < 300_000


async def test_an_agent_answers_each_in_a_conversation_of_its_own(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(Say("One.", token_s=2), Fail(ServerFailed("scripted", 500, "it broke")), Say("Three."))
    ref = await runtime.spawn(Agent("a", model))

    one, two, three = await ref.batch(["1?", "2?", "3?"], max_concurrency=1)

    assert isinstance(one, Done)
    assert isinstance(two, Failed)
    assert isinstance(three, Done)
    assert (one.value.text, type(two.error), three.value.text) == ("One.", ServerFailed, "Three.")
    assert [len(request.messages) for request in model.requests] == [1, 1, 1]


async def test_the_batch_of_an_agent_can_be_read_as_it_goes(runtime: Runtime, autojump_clock: MockClock) -> None:
    ref = await runtime.spawn(Agent("a", ScriptedProvider("Yes.", "No.")))
    async with ref.open_batch(["1?"]) as running:
        running.add("2?")
        assert {outcome.input async for outcome in running} == {"1?", "2?"}


async def test_cancelling_the_batch_of_an_agent_cancels_its_turns(runtime: Runtime, autojump_clock: MockClock) -> None:
    model = ScriptedProvider(*[Say("Slow as can be.", token_s=10)] * 3)
    ref = await runtime.spawn(Agent("a", model))
    with trio.move_on_after(1):
        await ref.batch(["1?", "2?", "3?"])
    assert model.statistics().streams_open == 0
    assert ref.metrics().turns == {"cancelled": 3}


async def test_the_file_has_what_was_done_before_the_batch_was_cancelled(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    gauge, path = Gauge(), tmp_path / "out.jsonl"
    with trio.move_on_after(2.5):
        await batch(gauge, range(10), max_concurrency=2, resume=path)
    assert gauge.began == [0, 1, 2, 3, 4, 5]
    gauge.began.clear()

    outcomes = await batch(gauge, range(10), max_concurrency=2, resume=path)

    assert outcomes == [Done(number * 2) for number in range(10)]
    assert [outcome.earlier for outcome in outcomes] == [True] * 4 + [False] * 6
    assert gauge.began == [4, 5, 6, 7, 8, 9]


async def test_a_function_that_is_not_async_is_told_so_in_each_outcome() -> None:
    outcomes: list[Any] = await batch(len, ["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert "len() gave int, which cannot be awaited. Make it `async def`" in str(outcomes[0])


@pytest.mark.parametrize(
    ("function", "inputs", "problem"),
    [
        (trio.sleep, 3, "the inputs of a batch are an iterable or an async iterable, not 3"),
        ([1], trio.sleep, "a batch has an async function, not"),
    ],
)
async def test_what_is_no_function_or_no_inputs_is_refused_at_once(function: Any, inputs: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        await batch(function, inputs)
