"""The outcome that all parked tasks are woken with."""

from collections.abc import AsyncGenerator, Generator
from typing import cast

import trio
import trio.testing

from actrio.mailbox._woken import WOKEN


async def test_one_wakes_any_number_of_tasks() -> None:
    woken: list[None] = []

    async def park() -> None:
        parked.append(trio.lowlevel.current_task())
        woken.append(await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED))

    parked: list[trio.lowlevel.Task] = []
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(park)
        await trio.testing.wait_all_tasks_blocked()
        for task in parked:
            trio.lowlevel.reschedule(task, WOKEN)
    assert woken == [None, None, None]


async def test_it_sends_none_to_generators_as_any_outcome_does() -> None:
    def echo() -> Generator[str, None, None]:
        yield "started"
        got = yield "sent to"
        assert got is None

    generator = echo()
    assert [WOKEN.send(generator), WOKEN.send(generator)] == ["started", "sent to"]
    generator.close()
    assert await WOKEN.asend(cast("AsyncGenerator[str, None]", Echo())) == "sent to with None"


class Echo:
    """As much of an asynchronous generator as an outcome needs."""

    async def asend(self, value: object) -> str:
        return f"sent to with {value}"
