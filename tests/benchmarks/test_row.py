"""What measurements come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.benchmarks._row import Goal, Kind, Row, ratio, summarise

measurement = st.floats(min_value=1e-6, max_value=1e12)
rounds = st.lists(st.tuples(measurement, measurement), min_size=1, max_size=20)


@pytest.mark.parametrize(("kind", "expected"), [("rate", 2.0), ("cost", 0.5)])
def test_a_ratio_above_one_means_actrio_is_better(kind: Kind, expected: float) -> None:
    assert ratio(kind, 200.0, 100.0) == expected


def test_a_row_holds_medians_their_ratio_and_the_extremes_of_single_rounds() -> None:
    row = summarise("ask", "asks/s", "rate", [(10.0, 10.0), (30.0, 10.0), (20.0, 40.0), (20.0, 10.0), (50.0, 10.0)])
    assert row == Row("ask", "asks/s", actrio=20.0, baseline=10.0, ratio=2.0, min=0.5, max=5.0)


def test_a_cost_is_better_when_lower() -> None:
    row = summarise("spawn", "µs", "cost", [(10.0, 40.0), (10.0, 30.0), (20.0, 20.0)])
    assert (row.ratio, row.min, row.max) == (3.0, 1.0, 4.0)


@given(kind=st.sampled_from(["rate", "cost"]), rounds=rounds)
def test_the_ratio_lies_between_the_extremes_of_single_rounds(kind: Kind, rounds: list[tuple[float, float]]) -> None:
    row = summarise("any", "1/s", kind, rounds)
    slack = 1 + 1e-9  # the medians of an even number of rounds are rounded
    assert row.min / slack <= row.ratio <= row.max * slack


def test_a_goal_is_reached_at_its_very_ratio_and_bound_and_says_by_how_much_it_is_not() -> None:
    row = Row("token", "µs", actrio=4.0, baseline=8.0, ratio=2.0, min=2.0, max=2.0)
    assert Goal(2.0, at_most=4.0).shortfalls(row) == []
    assert Goal(2.1, at_most=3.9).shortfalls(row) == ["2.00 of 2.1", "4 µs of at most 3.9"]


def test_a_goal_that_asks_nothing_is_false_and_shows_nothing() -> None:
    assert not Goal()
    assert not str(Goal())
    assert [str(one) for one in (Goal(3.0), Goal(at_most=4.0), Goal(1 / 1.3, 12.5)) if one] == [
        "3.00",
        "≤4",
        "0.77 ≤12.5",
    ]


def test_a_row_is_noisy_when_its_best_round_is_far_from_its_worst() -> None:
    assert not Row("ask", "asks/s", 1.0, 1.0, 1.0, min=0.9, max=1.3).noisy
    assert Row("ask", "asks/s", 1.0, 1.0, 1.0, min=0.9, max=1.4).noisy


@pytest.mark.parametrize("wrong", [[], [(0.0, 1.0)], [(1.0, -1.0)], [(1.0, 1.0), (float("nan"), 1.0)]])
def test_what_cannot_be_a_measurement_is_refused_by_name(wrong: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match=r"^ask: "):
        summarise("ask", "asks/s", "rate", wrong)
