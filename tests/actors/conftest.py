"""Every async test in this folder runs on a clock of its own that jumps ahead whenever all tasks wait."""

from collections.abc import Awaitable, Callable, Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
import trio

HERE = Path(__file__).parent


def run_on_mock_clock(
    async_fn: Callable[[], Awaitable[Any]], clock: trio.abc.Clock | None, instruments: Sequence[trio.abc.Instrument]
) -> object:
    """As `trio.run`, on a `MockClock` unless the test has a fixture that is another clock."""
    return trio.run(
        async_fn, clock=clock or trio.testing.MockClock(autojump_threshold=0), instruments=instruments
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the runner before the one that `trio_mode` gives, which has no clock."""
    for item in items:
        if isinstance(item, pytest.Function) and HERE in item.path.parents and iscoroutinefunction(item.obj):
            item.add_marker(pytest.mark.trio(run=run_on_mock_clock), append=False)
