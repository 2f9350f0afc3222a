"""The load suite: each scenario does its work, and what is made of its rows."""

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.benchmarks._harness import run_figures, run_side
from actrio.benchmarks._row import summarise
from actrio.benchmarks.load import REFERENCES, SUITE, _live, _model, _turns
from actrio.benchmarks.load._growth import exponent, growth_lines, series
from actrio.benchmarks.load._model import drive_model, progress_line, report, run_model
from actrio.benchmarks.load._setting import loaded_server, paced_models
from actrio.providers import RateLimited
from actrio.testing import Fail, ScriptedProvider


@pytest.fixture
def server() -> Generator[None]:
    with loaded_server():
        yield


@pytest.mark.usefixtures("server")
def test_agents_alive_are_counted_and_their_turns_answered() -> None:
    found = run_figures(_live.live, 100)
    assert not isinstance(found, float)
    assert set(found) == {"spawn", "turn"}
    assert all(figure > 0 for figure in found.values())
    assert 500 < run_side(_live.idle_bytes, 100) < 20_000


@pytest.mark.usefixtures("server")
def test_turns_at_once_are_answered_in_their_own_time_and_lateness_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actrio.benchmarks.load._setting._FIRST_MS", (20.0, 0.1))
    monkeypatch.setattr("actrio.benchmarks.load._setting._PACE_MS", (2.0, 0.1))
    found = run_figures(_turns.turns, 8)
    assert not isinstance(found, float)
    assert set(found) == {"turn", "p50", "p99", "p99.9"}
    assert found["p50"] <= found["p99"] <= found["p99.9"]


@pytest.mark.usefixtures("server")
def test_the_models_answers_are_the_same_in_every_run_and_unlike_each_other() -> None:
    first, second = paced_models(), paced_models()
    assert first == second
    assert len({model.base_url for model, _ in first}) == len(first)


def test_names_of_rows_have_their_series_and_number() -> None:
    for scenario in SUITE.scenarios:
        what, _, number = scenario.name.rpartition("-")
        assert what in REFERENCES
        assert int(number) == scenario.full


@given(st.floats(-1, 2), st.floats(0.1, 1e3))
def test_the_exponent_of_a_power_is_found(power: float, factor: float) -> None:
    assert exponent({n: factor * n**power for n in (10, 100, 1_000)}) == pytest.approx(power, abs=1e-6)


@pytest.mark.parametrize("points", [{}, {10: 1.0}, {10: 1.0, 100: 0.0}])
def test_a_growth_needs_two_points_above_zero(points: dict[int, float]) -> None:
    with pytest.raises(ValueError, match="two points"):
        exponent(points)


def test_a_series_begins_with_its_reference() -> None:
    rows = [summarise(f"spawn-{n}", "µs", "cost", [(float(n), 2.0)]) for n in (1_000, 10_000)]
    assert series(rows, REFERENCES) == {"spawn": {100: 2.0, 1_000: 1_000.0, 10_000: 10_000.0}}
    assert "spawn" in growth_lines(rows, REFERENCES)
    assert not growth_lines([], REFERENCES)


async def test_a_load_on_a_model_counts_replies_and_errors() -> None:
    model = ScriptedProvider("One.", "Two.", Fail(RateLimited("made-up", 429, "slow down")), "Four.")
    told: list[tuple[int, int]] = []
    load = await drive_model(model, agents=2, turns=2, progress=lambda *so_far: told.append(so_far))
    assert len(load.replies) == 3
    assert load.errors == {"RateLimited": 1}
    assert told[-1] == (4, 1)
    said = report(load)
    assert "4 in " in said
    assert "3 answered" in said
    assert "RateLimited: 1" in said


def test_the_progress_line_is_a_bar() -> None:
    assert progress_line(15, 0, 30) == f"[{'#' * 15}{'.' * 15}] 15 of 30 turns"
    assert progress_line(30, 2, 30).endswith("30 of 30 turns, 2 failed")


def test_a_model_that_is_not_known_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_model("nonsense", agents=1, turns=1) == 2
    assert "nonsense" in capsys.readouterr().err


def test_a_load_that_nobody_answered_is_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ScriptedProvider(Fail(RateLimited("made-up", 429, "slow down")))
    monkeypatch.setattr(_model, "as_provider", lambda _: model)
    assert run_model("made:up", agents=1, turns=1) == 1
    assert "errors           RateLimited: 1" in capsys.readouterr().out
