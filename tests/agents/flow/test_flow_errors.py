"""Errors in a flow: who gets them, and what they end."""

from collections.abc import Awaitable, Callable

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from actrio.agents.flow import Flow, FlowInterrupted, FlowRun, collect
from tests.agents.flow.drafts import Fact, Topic


async def test_an_error_of_a_handler_ends_the_run_and_reaches_whoever_waits(autojump_clock: MockClock) -> None:
    flow = Flow("f")
    cancelled: list[bool] = []

    @flow.on(Topic)
    async def slow(topic: Topic, run: FlowRun) -> None:
        try:
            await run.put("begun")
            await trio.sleep_forever()
        except trio.Cancelled:
            cancelled.append(True)
            raise

    @flow.on(Topic)
    async def broken(topic: Topic, run: FlowRun) -> None:
        await trio.sleep(1)
        raise LookupError(topic.name)

    got: list[object] = []

    async def outside(wait: Callable[[], Awaitable[object]]) -> None:
        try:
            await wait()
        except LookupError as error:
            got.append(str(error))

    async def read(run: FlowRun) -> None:
        with run.subscribe() as items:
            got.append(await items.receive())
            await items.receive()

    async def use(nursery: trio.Nursery) -> None:
        async with flow.open() as run:
            nursery.start_soon(outside, lambda: read(run))
            nursery.start_soon(outside, lambda: run.emit(Topic("rain")))
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        with pytest.raises(LookupError, match="rain"):
            await use(nursery)
    assert (sorted(map(str, got)), cancelled) == (["begun", "rain", "rain"], [True])
    with pytest.raises(LookupError, match="sea"):
        await flow.start(Topic("sea"))


async def test_an_emit_in_the_block_raises_the_error_itself_and_the_block_cannot_hide_it() -> None:
    flow = Flow("f")

    @flow.on(int)
    async def broken(number: int, run: FlowRun) -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError(number)

    seen: list[Exception] = []

    async def use() -> None:
        async with flow.open() as run:
            try:
                await run.emit(1)
            except LookupError as error:
                seen.append(error)

    with pytest.raises(LookupError, match="1"):
        await use()
    assert len(seen) == 1


async def test_errors_of_handler_and_block_come_together() -> None:
    flow = Flow("f")

    @flow.on(int)
    async def broken(number: int, run: FlowRun) -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError(number)

    async def use() -> None:
        async with flow.open(1):
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError("mine")

    with pytest.RaisesGroup(pytest.RaisesExc(KeyError, match="mine"), pytest.RaisesExc(LookupError, match="1")):
        await use()


async def test_leaving_the_block_by_an_error_or_a_cancellation_cancels_the_handlers(autojump_clock: MockClock) -> None:
    flow = Flow("f")
    ended: list[int] = []

    @flow.on(int)
    async def wait(number: int, run: FlowRun) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(number)

    async def fail() -> None:
        async with flow.open(1):
            await wait_all_tasks_blocked()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    with trio.move_on_after(1):
        async with flow.open(2) as run:
            await trio.sleep_forever()
    assert ended == [1, 2]
    with run.subscribe() as items, pytest.raises(FlowInterrupted):
        await items.receive()


async def drain(flow: Flow, signal: object) -> None:
    async with flow.open(signal) as run:
        async for _ in run.items():
            pass


@settings(max_examples=100, deadline=None)
@given(
    crashes=st.sets(st.tuples(st.sampled_from(["split", "work", "join"]), st.integers(0, 6)), max_size=3),
    waits=st.integers(0, 2),
    awaited=st.booleans(),
    limit=st.sampled_from([None, 1, 2]),
)
def test_a_crash_at_any_point_of_any_handler_never_hangs(
    crashes: set[tuple[str, int]], waits: int, awaited: bool, limit: int | None
) -> None:
    flow = Flow("f")
    calls = {"split": 0, "work": 0, "join": 0}

    async def step(name: str) -> None:
        number = calls[name]
        calls[name] += 1
        await trio.sleep(waits)
        if (name, number) in crashes:
            raise OSError(name)

    @flow.on(int, concurrency=limit)
    async def split(number: int, run: FlowRun) -> None:
        await step("split")
        for at in range(number):
            await (run.emit(str(at)) if awaited else run.put(at))
            if not awaited:
                run.emit_nowait(str(at))

    @flow.on(str, concurrency=limit)
    async def work(text: str, run: FlowRun) -> Fact:
        await step("work")
        await run.put(text)
        return Fact(text)

    @flow.on(collect(Fact, 2), concurrency=limit)
    async def join(facts: tuple[Fact, ...], run: FlowRun) -> None:
        await step("join")

    async def main() -> None:
        failed = False
        try:
            with trio.fail_after(1_000):
                await drain(flow, 6)
        except* OSError:
            failed = True
        happened = {crash for crash in crashes if crash[1] < calls[crash[0]]}
        assert bool(happened) == failed
        assert failed or calls == {"split": 1, "work": 6, "join": 3}

    trio.run(main, clock=MockClock(autojump_threshold=0))
