"""How many restarts in which time are too many, and the pauses between them."""

import itertools
from typing import Any

import pytest
import trio

from actrio.actors import RestartsExceeded, State, Supervisor, child, open_runtime
from actrio.mailbox import Inbox
from tests.actors.crew import Boom, Counter, Get, Log, crash, settle
from tests.actors.desks import three


async def crashes_at(times: list[float], **settings: Any) -> State:
    """The state of a supervisor whose child crashed at these times."""
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("s", children=[child(Counter, name="a")], backoff=0, **settings))
        ref = s.child("a")
        start = trio.current_time()
        for time in times:
            await trio.sleep_until(start + time)
            await crash(ref)
            await settle()
        state = s.state
        if state is State.STOPPED:
            raise AssertionError("its error did not end the runtime")
    return state


async def test_as_many_restarts_as_the_intensity_in_a_period_are_done() -> None:
    assert await crashes_at([0, 1, 2], intensity=3, period=5) is State.RUNNING


async def test_one_restart_more_than_the_intensity_in_a_period_is_too_many() -> None:
    with pytest.RaisesGroup(RestartsExceeded):
        await crashes_at([0, 1, 2, 4.9], intensity=3, period=5)


async def test_a_restart_exactly_a_period_ago_counts_no_more() -> None:
    assert await crashes_at([0, 1, 2, 5, 6, 7, 10], intensity=3, period=5) is State.RUNNING


async def test_intensity_zero_never_restarts() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(RestartsExceeded, match="more than 0 restarts in 5 s")):
        await crashes_at([0], intensity=0)


async def test_restarts_of_all_children_are_counted_together() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(RestartsExceeded, match="'s/c' crashed")):
        async with open_runtime() as runtime:
            s = await runtime.spawn(three(Log(), intensity=2))
            for name in "abc":
                await crash(s.child(name))
                await trio.sleep(1)


async def test_crashes_that_are_mended_together_are_counted_each() -> None:
    with pytest.RaisesGroup(RestartsExceeded):
        async with open_runtime() as runtime:
            s = await runtime.spawn(three(Log(), "one_for_all", intensity=2))
            for name in "abc":
                s.child(name).tell_nowait(Boom())
            await trio.sleep_forever()


async def restart_times(seed: int) -> list[float]:
    """When a child that crashes at once after every start is started."""
    times = list[float]()

    async def fails(_: Inbox[Any]) -> None:
        times.append(trio.current_time())
        raise ValueError

    supervisor = Supervisor("s", intensity=12, period=100, children=[child(fails)], backoff=0.1, max_backoff=2.0)
    start = trio.current_time()
    with pytest.RaisesGroup(RestartsExceeded):
        async with open_runtime(seed=seed) as runtime:
            await runtime.spawn(supervisor)
            await trio.sleep_forever()
    return [time - start for time in times]


async def test_backoff_doubles_up_to_its_most_with_jitter_of_at_most_half() -> None:
    times = await restart_times(seed=1)
    waits = [after - before for before, after in itertools.pairwise(times)]
    assert waits[0] == pytest.approx(0.0)
    for wait, full in zip(waits[1:], [0.1, 0.2, 0.4, 0.8, 1.6, *[2.0] * 6], strict=True):
        assert full / 2 - 1e-9 <= wait <= full + 1e-9


async def test_backoff_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    first = await restart_times(seed=1)
    assert await restart_times(seed=1) == pytest.approx(first)
    assert await restart_times(seed=2) != pytest.approx(first)


async def test_one_for_one_children_that_crash_together_do_not_wait_for_each_other() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(three(Log(), intensity=9, backoff=10, max_backoff=10))
        await crash(s.child("a"))
        await settle()
        await crash(s.child("a"))  # waits at least 5 s
        await s.child("b").stop()
        await settle()
        assert s.child("a").state is State.DOWN
        assert await s.child("c").ask(Get()) == 0
