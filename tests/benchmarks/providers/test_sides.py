"""Driving a client, and what is made of its times."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actrio.benchmarks.providers._sides import drive, percentile


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=50), st.floats(0, 100))
def test_a_percentile_is_the_least_value_that_so_many_percent_are_not_above(
    values: list[float], percent: float
) -> None:
    found = percentile(values, percent)
    enough = percent / 100 * len(values)
    assert found in values
    assert sum(value <= found for value in values) >= enough
    assert sum(value < found for value in values) < max(enough, 1)


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (1, 1), (50, 50), (99, 99), (100, 100)])
def test_percentiles_of_a_hundred_values_are_their_ranks(percent: float, expected: float) -> None:
    assert percentile([*map(float, reversed(range(1, 101)))], percent) == expected


@pytest.mark.parametrize(("size", "at_once", "peak"), [(10, 3, 3), (2, 100, 2), (5, 1, 1)])
async def test_so_many_are_asked_and_never_more_at_once_than_said(
    size: int, at_once: int, peak: int, autojump_clock: trio.testing.MockClock
) -> None:
    now, most = 0, 0

    async def ask() -> float:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await trio.sleep(1)
        now -= 1
        return 2.0

    assert await drive(ask, size, at_once) == [2.0] * size
    assert most == peak
