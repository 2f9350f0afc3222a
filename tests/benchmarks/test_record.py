"""Saved runs."""

import json
from pathlib import Path

import pytest

from actrio.benchmarks._environment import environment, environment_line
from actrio.benchmarks._record import Record, RecordError, from_text, load, record_path, to_text
from actrio.benchmarks._row import summarise

RECORD = Record(
    "kernel",
    "plain Trio",
    {"python": "CPython 3.11"},
    (summarise("ask", "asks/s", "rate", [(2.0, 1.0), (4.0, 1.0)]), summarise("spawn", "µs", "cost", [(1.0, 3.0)])),
)


def test_a_record_is_read_as_it_was_written() -> None:
    again = from_text(to_text(RECORD))
    assert again == RECORD
    assert [row.rounds for row in again.rows] == [row.rounds for row in RECORD.rows]


def test_the_file_has_the_promised_shape() -> None:
    found = json.loads(to_text(RECORD))
    assert set(found) == {"format", "suite", "beside", "environment", "rows"}
    assert found["rows"][0] == {"scenario": "ask", "unit": "asks/s", "kind": "rate", "rounds": [[2.0, 1.0], [4.0, 1.0]]}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', to_text(RECORD).replace('"kind"', '"sort"')])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        from_text(text)


def test_a_name_is_kept_in_the_cache_and_a_path_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert record_path("kernel", "v1.2") == tmp_path / "actrio" / "runs" / "kernel-v1.2.json"
    assert record_path("kernel", "runs/mine.json") == Path("runs/mine.json")


def test_a_run_of_another_suite_is_not_taken_for_this_one(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    target.write_text(to_text(RECORD), encoding="utf-8")
    assert load("kernel", str(target)) == RECORD
    with pytest.raises(RecordError, match="is a run of kernel, not of peers"):
        load("peers", str(target))


def test_the_environment_says_what_figures_depend_on() -> None:
    found = environment()
    assert {"python", "actrio", "trio", "system", "processor", "garbage collector", "load before"} <= set(found)
    assert found["garbage collector"].startswith("on, ")
    assert found["python"] in environment_line(found)
