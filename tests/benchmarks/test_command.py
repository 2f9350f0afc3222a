"""The command line: what it prints and writes, and what it makes of bad arguments."""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from attrs import evolve

from actrio.benchmarks._command import WORSE, main
from actrio.benchmarks._harness import Scenario, Suite, Unavailable
from actrio.benchmarks._options import QUICK_ROUNDS
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
    assert set(report) == {"suite", "environment", "rows"}
    assert "CPython" in report["environment"]["python"]
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
        (["kernel", "--compare", "no-such-run"], "no run 'no-such-run' of kernel"),
        (["kernel", "--save", "a/b"], "'a/b' cannot be a run's name"),
        (["kernel", "--svg", "no/such/folder.svg"], "cannot write no/such/folder.svg"),
        (["kernel", "--install", "pykka"], "argument --install: it goes with peers alone"),
        (["kernel", "--model", "openai:gpt-5-mini"], "argument --model: it goes with load alone"),
        (["load", "--model", "x", "--agents", "0"], "0 is too few: at least 1"),
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


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_a_saved_run_compared_with_itself_is_the_same(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel", "--quick", "--save", "before"]) == 0
    assert main(["kernel", "--quick", "--compare", "before"]) == 0
    assert "Nothing is worse." in capsys.readouterr().out
    assert (cache / "actrio" / "runs" / "kernel-before.json").is_file()


def test_a_regression_made_on_purpose_is_named_and_is_status_3(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kernel", "--quick", "--save", "before"]) == 0

    async def slower(size: int) -> float:
        await trio.lowlevel.checkpoint()
        return 1.7

    suite = SUITES["kernel"]()
    first, *others = suite.scenarios
    slow = evolve(suite, scenarios=(evolve(first, actrio=slower), *others))
    monkeypatch.setitem(SUITES, "kernel", lambda: slow)
    assert main(["kernel", "--quick", "--compare", "before"]) == WORSE
    assert "Worse: first." in capsys.readouterr().out


@pytest.mark.usefixtures("cache")
def test_rows_that_were_not_asked_for_are_not_called_gone(capsys: pytest.CaptureFixture[str]) -> None:
    main(["kernel", "--quick", "--save", "before"])
    assert main(["kernel", "--quick", "--only", "second", "--compare", "before"]) == 0
    assert "gone" not in capsys.readouterr().out


def test_only_takes_all_that_begin_alike() -> None:
    assert main(["kernel", "--quick", "--only", "f*", "sec*"]) == 0
    assert len(calls) == (1 + QUICK_ROUNDS) * 2


def test_charts_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    page, svg, png = (tmp_path / f"run.{kind}" for kind in ("html", "svg", "png"))
    assert main(["kernel", "--quick", "--html", str(page), "--svg", str(svg), "--png", str(png)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert b"<svg" in svg.read_bytes()
    assert png.read_bytes().startswith(b"\x89PNG")


def test_charts_without_the_library_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "actrio.benchmarks._charts", raising=False)
    with pytest.raises(SystemExit):
        main(["kernel", "--quick", "--svg", str(tmp_path / "run.svg")])
    assert "pip install 'actrio[bench]'" in capsys.readouterr().err
    assert not calls


def test_a_baseline_that_is_not_there_is_a_row_that_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def gone(size: int) -> float:
        await trio.lowlevel.checkpoint()
        raise Unavailable("not installed")

    suite = SUITES["kernel"]()
    first, *others = suite.scenarios
    monkeypatch.setitem(
        SUITES, "kernel", lambda: evolve(suite, scenarios=(evolve(first, baseline=gone, reach=9.0), *others))
    )
    target = tmp_path / "rows.json"
    assert main(["kernel", "--quick", "--json", str(target)]) == 0
    assert "not measured: not installed" in capsys.readouterr().out
    assert json.loads(target.read_text(encoding="utf-8"))["rows"][0] == {
        "scenario": "first",
        "reason": "not installed",
    }
