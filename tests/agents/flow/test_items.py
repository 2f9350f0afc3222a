"""Readers of a run's items: one that goes away does not hold up the run."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actrio.agents.flow import Flow, FlowRun


def counting(keep: int) -> Flow:
    """A flow that puts as many numbers as it is given."""
    flow = Flow("f", keep=keep)

    @flow.on(int)
    async def count(number: int, run: FlowRun) -> None:
        for at in range(number):
            await run.put(at)

    return flow


async def test_a_reader_that_was_given_up_holds_up_put_until_it_is_closed(autojump_clock: MockClock) -> None:
    async with counting(keep=2).open(50) as run:
        items = run.items()
        assert await anext(items) == 0
        with trio.move_on_after(60) as held_up:
            await run.settled()
        assert held_up.cancelled_caught
        items.close()
        items.close()
        with trio.fail_after(1):
            await run.settled()
        with pytest.raises(StopAsyncIteration):
            await anext(items)


async def test_leaving_the_block_of_a_reader_closes_it(autojump_clock: MockClock) -> None:
    async with counting(keep=2).open(50) as run:
        with run.items() as items:
            async for item in items:
                if item == 3:
                    break
        with trio.fail_after(1):
            await run.settled()


async def test_closing_ends_the_iteration_of_another_task(autojump_clock: MockClock) -> None:
    flow = Flow("f")
    got: list[object] = []

    @flow.on(int)
    async def put_one(number: int, run: FlowRun) -> None:
        await run.put(number)
        await trio.sleep(60)

    async with flow.open(7) as run:
        items = run.items()

        async def read() -> None:
            got.extend([item async for item in items])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.sleep(1)
            items.close()
            await wait_all_tasks_blocked()
            assert got == [7]


async def test_closed_readers_are_not_kept(autojump_clock: MockClock) -> None:
    async with counting(keep=4).open() as run:
        for _ in range(100):
            with run.items() as items:
                assert [item async for item in items] == []
        assert len(run._readers) == 0
