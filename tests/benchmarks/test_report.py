"""The table and the JSON."""

import json

from actrio.benchmarks._report import heading, line, noise_note, to_json, verdict
from actrio.benchmarks._row import Row

STEADY = Row("ask", "asks/s", actrio=105_000.4, baseline=100_000.0, ratio=1.05, min=1.0, max=1.1)
SHORT = Row("spawn", "µs", actrio=20.04, baseline=30.0, ratio=1.5, min=1.0, max=2.0)


def test_a_line_shows_the_ratio_beside_the_one_to_reach() -> None:
    cells = ["ask", "asks/s", "105,000", "100,000", "1.05", "1.00", "1.10", "0.95", "reached"]
    assert line(STEADY, 0.95).split() == cells
    assert line(SHORT, 1.8).split() == ["spawn", "µs", "20.0", "30.0", "1.50", "1.00", "2.00", "1.80", "short"]


def test_a_line_without_a_ratio_to_reach_ends_with_the_figures() -> None:
    assert line(STEADY, None).endswith("1.10")


def test_columns_stand_under_their_names() -> None:
    names, rule = heading().split("\n")
    assert set(rule) == {"-"}
    assert line(STEADY, 0.95)[: len(names)].rstrip().endswith("0.95")
    assert names.endswith("to reach")


def test_the_verdict_counts_and_names_what_falls_short() -> None:
    assert verdict([(STEADY, 0.95), (SHORT, 1.8), (SHORT, None)]) == "Reached 1 of 2. Short: spawn 1.50 of 1.8."
    assert verdict([(STEADY, 0.95)]) == "Reached 1 of 1."
    assert not verdict([(STEADY, None)])


def test_noise_is_pointed_out_by_name_and_silence_means_none() -> None:
    assert noise_note([STEADY, SHORT]).startswith("Noisy: spawn.")
    assert not noise_note([STEADY])


def test_json_has_exactly_the_promised_keys_and_unrounded_numbers() -> None:
    report = json.loads(to_json("kernel", [STEADY]))
    assert report == {
        "suite": "kernel",
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
