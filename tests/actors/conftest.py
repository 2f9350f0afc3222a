"""Every async test in this folder runs on a clock of its own that jumps ahead whenever all tasks wait."""

from collections.abc import Awaitable, Callable, Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import outcome
import pytest
import trio

HERE = Path(__file__).parent
FOR_EVER = 1e12  # seconds of a clock that jumps: nothing but a test that hangs gets there


def run_on_mock_clock(
    async_fn: Callable[[], Awaitable[Any]], clock: trio.abc.Clock | None, instruments: Sequence[trio.abc.Instrument]
) -> object:
    """As `trio.run`, on a `MockClock` unless the test has a fixture that is another clock. What hangs fails."""

    async def main() -> object:
        result: outcome.Outcome[Any] = outcome.Error(AssertionError("it hangs: all tasks wait for one another"))

        async def test() -> None:
            nonlocal result
            result = await outcome.acapture(async_fn)
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(test)
            # No deadline, which the test would see: a sleeping task at the end of which all is cancelled.
            await trio.sleep(FOR_EVER)
            nursery.cancel_scope.cancel()
        return result.unwrap()

    clock = clock or trio.testing.MockClock(autojump_threshold=0)
    return trio.run(main, clock=clock, instruments=instruments)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the runner before the one that `trio_mode` gives, which has no clock."""
    for item in items:
        if isinstance(item, pytest.Function) and HERE in item.path.parents and iscoroutinefunction(item.obj):
            item.add_marker(pytest.mark.trio(run=run_on_mock_clock), append=False)
