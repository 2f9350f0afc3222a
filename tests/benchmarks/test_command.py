"""The command line: what it prints and writes, and what it makes of bad arguments."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from actrio.benchmarks._command import QUICK_ROUNDS, main
from actrio.benchmarks._harness import Scenario, Suite
from actrio.benchmarks._suites import SUITES

FULL_DISK = Path("/dev/full")

calls: list[int] = []
settings: list[str] = []


async def once(size: int) -> float:
    await trio.lowlevel.checkpoint()
    return 1.0


def made_up(name: str, reach: float | None, quick: int | None = 10) -> Scenario:
    async def twice(size: int) -> float:
        await trio.lowlevel.checkpoint()
        calls.append(size)
        return 2.0

    return Scenario(
        name=name,
        question=f"How is {name}? 1/s.",
        unit="1/s",
        kind="rate",
        actrio=twice,
        baseline=once,
        full=100,
        quick=quick,
        reach=reach,
    )


@contextmanager
def setting() -> Generator[None]:
    settings.append("entered")
    try:
        yield
    finally:
        settings.append("left")


@pytest.fixture(autouse=True)
def suite(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    settings.clear()
    kernel = Suite(
        name="kernel",
        beside="nothing",
        scenarios=(made_up("first", 3.0), made_up("second", None), made_up("long", None, quick=None)),
        setting=setting,
        rounds=6,
        notes="Said of the suite.",
    )
    monkeypatch.setitem(SUITES, "kernel", lambda: kernel)


def test_a_run_prints_a_row_for_each_scenario_and_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel"]) == 0
    out = capsys.readouterr().out
    assert "first" in out
    assert "second" in out
    assert "Reached 0 of 1. Short: first 2.00 of 3." in out
    assert "actrio beside nothing, 6 rounds." in out
    assert "Said of the suite." in out
    assert calls == [100] * (1 + 6) * 3


def test_quick_does_less_work_in_fewer_rounds_and_leaves_out_what_takes_long() -> None:
    assert main(["kernel", "--quick"]) == 0
    assert calls == [10] * (1 + QUICK_ROUNDS) * 2


def test_rounds_and_only_are_heeded() -> None:
    assert main(["kernel", "--rounds", "8", "--only", "second"]) == 0
    assert len(calls) == 1 + 8


def test_the_suites_setting_is_entered_once_around_all_measurements_and_left_when_one_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main(["kernel", "--quick"])
    assert settings == ["entered", "left"]

    def broken(*_: object, **__: object) -> None:
        assert settings[2:] == ["entered"]
        raise AssertionError

    monkeypatch.setattr("actrio.benchmarks._command.measure", broken)
    with pytest.raises(AssertionError):
        main(["kernel", "--quick"])
    assert settings[2:] == ["entered", "left"]


def test_json_holds_the_rows_in_order(tmp_path: Path) -> None:
    target = tmp_path / "rows.json"
    assert main(["kernel", "--quick", "--json", str(target)]) == 0
    report = json.loads(target.read_text(encoding="utf-8"))
    assert set(report) == {"suite", "rows"}
    assert [row["scenario"] for row in report["rows"]] == ["first", "second"]
    assert all(set(row) == {"scenario", "unit", "actrio", "baseline", "ratio", "min", "max"} for row in report["rows"])


@pytest.mark.parametrize("arguments", [["--list"], ["kernel", "--list"]])
def test_list_shows_questions_and_runs_nothing(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    assert "How is second? 1/s." in capsys.readouterr().out
    assert not calls
    assert not settings


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say which suite to run: kernel, providers"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["kernel", "--rounds", "4"], "4 is too few"),
        (["kernel", "--rounds", "many"], "'many' is not a whole number"),
        (["kernel", "--only", "third", "first"], "no scenario third in kernel; there are first, second, long"),
        (["kernel", "--quick", "--only", "long"], "it leaves out long, so nothing is left"),
        (["kernel", "--only"], "expected at least one argument"),
        (["kernel", "--json", "no/such/folder/rows.json"], "cannot write no/such/folder/rows.json: No such file"),
        (["kernel", "--json", "."], "cannot write .: Is a directory"),
        (["kernel", "--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert not calls


@pytest.mark.skipif(not FULL_DISK.exists(), reason="needs a device that is always full")
def test_json_that_could_not_be_written_in_the_end_is_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel", "--quick", "--json", str(FULL_DISK)]) == 1
    said = capsys.readouterr()
    assert "Reached 0 of 1." in said.out
    assert said.err == "actrio bench: cannot write /dev/full: No space left on device\n"
