"""Functions whose calls a runtime counts, and its report."""

import pytest
import trio
from trio.testing import MockClock

from actrio.actors import Actor, current_runtime, handles, open_runtime, track


@track
async def sleep(seconds: float) -> float:
    if seconds < 0:
        raise ValueError("negative")
    await trio.sleep(seconds)
    return seconds


@track(name="double")
def double(number: int) -> int:
    return number * 2


class Sleeper(Actor):
    @handles
    async def sleep(self, message: float) -> None:
        await sleep(message)


async def test_calls_errors_and_times_are_counted_in_the_open_runtime(autojump_clock: MockClock) -> None:
    async with open_runtime() as runtime:
        assert await sleep(4) == 4
        for _ in range(8):
            await sleep(2)
        with pytest.raises(ValueError, match="negative"):
            await sleep(-1)
        with trio.move_on_after(1):
            await sleep(9)
        one = runtime.metrics().functions["sleep"]
    assert (one.calls, one.errors, one.cancelled, one.running) == (11, 1, 1, 0)
    assert (one.min, one.max) == (0, 4)
    assert one.p50 == pytest.approx(2, rel=0.1)
    assert one.p99 == pytest.approx(4, rel=0.1)


async def test_what_actors_and_threads_call_counts_in_their_runtime(autojump_clock: MockClock) -> None:
    async with open_runtime() as runtime:
        sleeper = await runtime.spawn(Sleeper)
        await sleeper.tell(1.0)
        await trio.sleep(0.5)
        assert runtime.metrics().functions["sleep"].running == 1
        await trio.sleep(1)
        assert runtime.metrics().functions["sleep"].calls == 1


async def test_a_function_in_a_worker_thread_counts() -> None:
    async with open_runtime() as runtime:
        assert await trio.to_thread.run_sync(double, 2) == 4
        assert runtime.metrics().functions["double"].calls == 1


async def test_where_no_runtime_is_open_nothing_is_counted() -> None:
    assert double(2) == 4
    async with open_runtime() as outer:
        async with open_runtime() as inner:
            assert current_runtime() is inner
            double(1)
        assert current_runtime() is outer
    assert current_runtime() is None
    assert inner.metrics().functions["double"].calls == 1
    assert outer.metrics().functions == {}


async def test_the_report_is_a_table(autojump_clock: MockClock) -> None:
    async with open_runtime() as runtime:
        assert runtime.report() == "no actors, and no tracked functions"
        sleeper = await runtime.spawn(Sleeper)
        await sleeper.tell(0.25)
        await trio.sleep(1)
        actors, functions = runtime.report().split("\n\n")
    assert [line.split() for line in functions.splitlines()] == [
        ["function", "calls", "errors", "cancelled", "p50", "p90", "p99", "min", "max"],
        ["sleep", "1", "0", "0", *["250.0", "ms"] * 5],
    ]
    assert actors.splitlines()[1].split()[:6] == ["sleeper", "running", "1", "0", "0", "0"]
    assert len({len(line) for line in actors.splitlines()}) == 1
