"""The table and the JSON."""

import json

from actrio.benchmarks._report import heading, legend, line, noise_note, to_json, verdict
from actrio.benchmarks._row import Goal, Row

STEADY = Row("ask", "asks/s", actrio=105_000.4, baseline=100_000.0, ratio=1.05, min=1.0, max=1.1)
SHORT = Row("spawn", "µs", actrio=20.04, baseline=30.0, ratio=1.5, min=1.0, max=2.0)


def test_a_line_shows_the_ratio_beside_the_one_to_reach() -> None:
    cells = ["ask", "asks/s", "105,000", "100,000", "1.05", "1.00", "1.10", "0.95", "reached"]
    assert line(STEADY, Goal(0.95)).split() == cells
    assert line(SHORT, Goal(1.8)).split() == ["spawn", "µs", "20.0", "30.0", "1.50", "1.00", "2.00", "1.80", "short"]


def test_a_line_shows_the_bound_on_actrio_after_the_ratio() -> None:
    assert line(SHORT, Goal(at_most=20)).split()[-2:] == ["≤20", "short"]
    assert line(SHORT, Goal(1.5, at_most=21)).split()[-3:] == ["1.50", "≤21", "reached"]


def test_a_line_without_anything_to_reach_ends_with_the_figures() -> None:
    assert line(STEADY, Goal()).endswith("1.10")


def test_the_legend_tells_of_bounds_only_where_there_are_some() -> None:
    assert "≤" not in legend([Goal(0.95), Goal()])
    assert "≤: what actrio itself should not be above" in legend([Goal(0.95), Goal(at_most=4)])


def test_columns_stand_under_their_names() -> None:
    names, rule = heading().split("\n")
    assert set(rule) == {"-"}
    assert line(STEADY, Goal(0.95))[: len(names)].rstrip().endswith("0.95")
    assert names.endswith("to reach")


def test_the_verdict_counts_and_names_what_falls_short() -> None:
    goals = [(STEADY, Goal(0.95)), (SHORT, Goal(1.8)), (SHORT, Goal())]
    assert verdict(goals) == "Reached 1 of 2. Short: spawn 1.50 of 1.8."
    said = verdict([(SHORT, Goal(1.8, at_most=4))])
    assert said == "Reached 0 of 1. Short: spawn 1.50 of 1.8 and 20 µs of at most 4."
    assert verdict([(STEADY, Goal(0.95))]) == "Reached 1 of 1."
    assert not verdict([(STEADY, Goal())])


def test_noise_is_pointed_out_by_name_and_silence_means_none() -> None:
    assert noise_note([STEADY, SHORT]).startswith("Noisy: spawn.")
    assert not noise_note([STEADY])


def test_json_has_exactly_the_promised_keys_and_unrounded_numbers() -> None:
    report = json.loads(to_json("kernel", {"python": "CPython"}, [STEADY]))
    assert report == {
        "suite": "kernel",
        "environment": {"python": "CPython"},
        "rows": [
            {
                "scenario": "ask",
                "unit": "asks/s",
                "actrio": 105_000.4,
                "baseline": 100_000.0,
                "ratio": 1.05,
                "min": 1.0,
                "max": 1.1,
            }
        ],
    }
