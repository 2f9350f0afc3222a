"""Durations in buckets: what quantiles say, and how exactly."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.actors._histogram import BOUNDS, FRESH, Durations, Histogram, Timings

durations = st.lists(st.floats(min_value=1e-6, max_value=3_600), min_size=1, max_size=200)


def recorded(seconds: list[float]) -> Durations:
    histogram = Histogram()
    for one in seconds:
        histogram.record(one)
    return histogram.snapshot()


def test_no_durations_are_all_zero() -> None:
    assert Histogram().snapshot() == Durations(0, 0.0, 0.0, 0.0, 0.0)


@given(durations)
def test_quantiles_are_within_a_tenth_and_count_and_max_are_exact(seconds: list[float]) -> None:
    snapshot = recorded(seconds)
    in_order = sorted(seconds)
    for part, given_quantile in ((0.5, snapshot.p50), (0.9, snapshot.p90), (0.99, snapshot.p99)):
        exact = in_order[ceil(len(in_order) * part) - 1]
        assert given_quantile == pytest.approx(exact, rel=0.1)
    assert (snapshot.count, snapshot.max) == (len(seconds), in_order[-1])


@given(durations)
def test_quantiles_are_in_order(seconds: list[float]) -> None:
    snapshot = recorded(seconds)
    assert 0 < snapshot.p50 <= snapshot.p90 <= snapshot.p99 <= snapshot.max


@given(st.lists(st.one_of(st.sampled_from(BOUNDS), st.floats(min_value=0, max_value=20_000)), max_size=200))
def test_counting_many_at_once_is_counting_each(seconds: list[float]) -> None:
    together, each = Histogram(), Histogram()
    together.record_all(list(seconds))
    for one in seconds:
        each.record(one)
    assert together.snapshot() == each.snapshot()


@given(durations)
def test_looking_on_changes_nothing(seconds: list[float]) -> None:
    histogram = Histogram()
    for one in seconds:
        histogram.record(one)
        histogram.snapshot()
    assert histogram.snapshot() == recorded(seconds)


def test_recording_adds_to_what_is_there() -> None:
    histogram = Histogram()
    for one in (1.0, 2.0, 3.0):
        histogram.record(one)
    histogram.record_all([])
    assert (histogram.snapshot().count, histogram.snapshot().max) == (3, 3.0)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=100))
def test_timings_are_two_histograms_whenever_they_are_sorted_in(pairs: list[tuple[float, float]]) -> None:
    timings = Timings()
    for pair in pairs:
        timings.fresh.extend(pair)
        if len(timings.fresh) >= FRESH:
            timings.sort_in()
    assert timings.snapshots() == (recorded([one for one, _ in pairs]), recorded([other for _, other in pairs]))
    assert timings.snapshots()[0].count == len(pairs)


def test_durations_below_a_microsecond_share_a_bucket_and_none_is_lost() -> None:
    snapshot = recorded([0.0, 1e-9, 9e-7])
    assert snapshot.count == 3
    assert snapshot.p50 <= 1e-6
    assert snapshot.max == 9e-7


def test_durations_beyond_the_last_bound_are_counted_and_their_max_is_exact() -> None:
    snapshot = recorded([BOUNDS[-1], 1e9])
    assert (snapshot.count, snapshot.max) == (2, 1e9)
    assert BOUNDS[-1] * 0.9 <= snapshot.p50 <= 1e9


def test_an_only_duration_is_never_exceeded_by_its_quantiles() -> None:
    snapshot = recorded([1.0])
    assert 0.9 <= snapshot.p50 == snapshot.p90 == snapshot.p99 <= snapshot.max == 1.0


def test_histograms_share_no_counts() -> None:
    one, other = Histogram(), Histogram()
    one.record(1.0)
    assert other.snapshot().count == 0
