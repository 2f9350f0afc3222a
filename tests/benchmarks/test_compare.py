"""Whether a run differs from an earlier one by more than noise."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.benchmarks._compare import Judgement, changes_table, compare, median_interval
from actrio.benchmarks._row import Kind, Row, summarise

STEADY = (1.00, 1.01, 0.99, 1.02, 0.98)
WIDE = (1.0, 0.6, 1.5, 0.8, 1.2)


def row(ratios: Sequence[float], *, name: str = "ask", kind: Kind = "rate") -> Row:
    rounds = [(ratio, 1.0) if kind == "rate" else (1.0, ratio) for ratio in ratios]
    return summarise(name, "1/s", kind, rounds)


def scaled(ratios: Sequence[float], factor: float) -> list[float]:
    return [one * factor for one in ratios]


@pytest.mark.parametrize("kind", ["rate", "cost"])
@pytest.mark.parametrize(
    ("before", "now", "judged"),
    [
        (STEADY, scaled(STEADY, 0.8), "worse"),
        (STEADY, scaled(STEADY, 1.25), "better"),
        (STEADY, scaled(STEADY, 0.97), "same"),  # steady, but two runs differ by as much
        (STEADY, STEADY, "same"),
        (WIDE, scaled(WIDE, 0.8), "same"),  # the rounds differ by more
        (WIDE, scaled(WIDE, 0.3), "worse"),
    ],
)
def test_only_what_is_beyond_the_noise_of_both_runs_is_a_change(
    before: Sequence[float], now: Sequence[float], judged: Judgement, kind: Kind
) -> None:
    (change,) = compare([row(before, kind=kind)], [row(now, kind=kind)])
    assert change.judgement == judged


def test_a_machine_that_was_slower_throughout_is_no_change() -> None:
    before = summarise("ask", "1/s", "rate", [(100.0 + n, 50.0) for n in range(5)])
    now = summarise("ask", "1/s", "rate", [(30.0 + 0.3 * n, 15.0) for n in range(5)])
    assert [one.judgement for one in compare([before], [now])] == ["same"]


def test_rows_that_only_one_run_has_are_new_or_gone() -> None:
    changes = compare([row(STEADY, name="old"), row(STEADY)], [row(STEADY), row(STEADY, name="young")])
    assert [(one.scenario, one.judgement) for one in changes] == [("ask", "same"), ("young", "new"), ("old", "gone")]


@pytest.mark.parametrize(("count", "left_out"), [(1, 0), (3, 0), (5, 0), (9, 1), (15, 3)])
def test_the_interval_of_a_median_leaves_out_as_many_as_chance_allows(count: int, left_out: int) -> None:
    assert median_interval([float(n) for n in range(count)]) == (left_out, count - 1 - left_out)


@given(st.lists(st.floats(0.01, 100), min_size=5, max_size=30))
def test_a_run_is_never_a_change_from_itself(ratios: list[float]) -> None:
    (change,) = compare([row(ratios)], [row(ratios)])
    assert change.judgement == "same"
    assert change.factor == 1.0


def test_the_table_names_what_is_worse() -> None:
    before = [row(STEADY, name="ask"), row(STEADY, name="ring")]
    changes = compare(before, [row(scaled(STEADY, 0.5), name="ask"), row(STEADY, name="ring")])
    table = changes_table("yesterday", changes)
    assert table.startswith("Beside yesterday")
    assert table.endswith("Worse: ask.")
    assert "0.50  worse" in table
    assert changes_table("yesterday", changes[1:]).endswith("Nothing is worse.")
