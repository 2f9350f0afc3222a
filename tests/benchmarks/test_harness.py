"""Running both sides of a scenario."""

import gc

import pytest
import trio
from attrs import evolve

from actrio.benchmarks._harness import Scenario, Side, Unavailable, measure, run_side, together
from actrio.benchmarks._row import Absent, Row


def scenario(actrio: Side, baseline: Side, *, name: str = "made-up", quick: int | None = 10) -> Scenario:
    return Scenario(
        name=name,
        question="Which?\n\nMore.",
        unit="1/s",
        kind="rate",
        actrio=actrio,
        baseline=baseline,
        full=100,
        quick=quick,
    )


def measured(*scenarios: Scenario, rounds: int, size: int) -> list[Row]:
    rows = measure(scenarios, rounds=rounds, size=size)
    assert all(isinstance(row, Row) for row in rows)
    return [row for row in rows if isinstance(row, Row)]


def test_both_sides_take_turns_after_one_round_that_does_not_count() -> None:
    calls: list[tuple[str, int]] = []

    async def actrio(size: int) -> float:
        await trio.lowlevel.checkpoint()
        calls.append(("A", size))
        return float(len(calls))

    async def baseline(size: int) -> float:
        await trio.lowlevel.checkpoint()
        calls.append(("B", size))
        return 1.0

    (row,) = measured(scenario(actrio, baseline), rounds=3, size=7)
    assert calls == [("A", 7), ("B", 7)] * 4
    assert (row.scenario, row.unit, row.actrio, row.ratio, row.min, row.max) == ("made-up", "1/s", 5.0, 5.0, 3.0, 7.0)


def counting(calls: list[str], name: str, result: float) -> Side:
    async def side(size: int) -> float:
        await trio.lowlevel.checkpoint()
        calls.append(name)
        return result

    return side


def test_one_measurement_of_actrio_a_round_serves_all_its_baselines() -> None:
    calls: list[str] = []
    actrio = counting(calls, "A", 6.0)
    pair = [scenario(actrio, counting(calls, str(n), n), name=str(n)) for n in (2, 3)]
    rows = measured(*pair, rounds=2, size=1)
    assert calls == ["A", "2", "3"] * 3
    assert [(row.scenario, row.actrio, row.baseline, row.ratio) for row in rows] == [
        ("2", 6.0, 2.0, 3.0),
        ("3", 6.0, 3.0, 2.0),
    ]


def test_neighbours_with_the_same_actrio_side_and_size_are_measured_together() -> None:
    one, other = counting([], "one", 1.0), counting([], "other", 1.0)
    scenarios = [scenario(one, other), scenario(one, one), scenario(other, one), scenario(one, other)]
    groups = together(scenarios, quick=False)
    assert [(size, len(group)) for size, group in groups] == [(100, 2), (100, 1), (100, 1)]
    assert [each for _, group in groups for each in group] == scenarios


def test_a_scenario_without_a_quick_size_is_left_out_when_it_should_be_quick() -> None:
    side = counting([], "any", 1.0)
    scenarios = [scenario(side, side, name="long", quick=None), scenario(side, side)]
    assert [(size, group[0].name) for size, group in together(scenarios, quick=True)] == [(10, "made-up")]
    assert [size for size, _ in together(scenarios, quick=False)] == [100]


def test_each_side_runs_in_a_trio_run_of_its_own() -> None:
    roots: list[trio.lowlevel.Task | None] = []

    async def side(size: int) -> float:
        await trio.lowlevel.checkpoint()
        roots.append(trio.lowlevel.current_root_task())
        return 1.0

    measure([scenario(side, side)], rounds=1, size=1)
    assert len(set(roots)) == 4


def test_garbage_is_collected_before_a_measurement_and_the_collector_stays_on() -> None:
    collections = gc.get_stats()[2]["collections"]

    async def side(size: int) -> float:
        await trio.lowlevel.checkpoint()
        return 1.0 if gc.isenabled() and gc.get_stats()[2]["collections"] == collections + 1 else 0.0

    assert run_side(side, 1) == 1.0


def test_work_done_wrong_fails_the_measurement() -> None:
    async def wrong(size: int) -> float:
        await trio.lowlevel.checkpoint()
        raise AssertionError

    with pytest.raises(AssertionError):
        measure([scenario(wrong, wrong)], rounds=1, size=1)


def test_a_question_is_the_first_line_of_what_is_given() -> None:
    async def side(size: int) -> float:
        await trio.lowlevel.checkpoint()
        return 1.0

    assert scenario(side, side).question == "Which?"


def test_one_measurement_may_give_several_figures_a_row_for_each() -> None:
    calls: list[str] = []

    async def both(size: int) -> dict[str, float]:
        await trio.lowlevel.checkpoint()
        calls.append("A")
        return {"time": 2.0, "memory": 8.0}

    async def one(size: int) -> dict[str, float]:
        await trio.lowlevel.checkpoint()
        calls.append("B")
        return {"time": 1.0, "memory": 2.0}

    of_it = [evolve(scenario(both, one, name=name), figure=name) for name in ("time", "memory")]
    rows = measured(*of_it, rounds=2, size=1)
    assert [(row.scenario, row.actrio, row.baseline) for row in rows] == [("time", 2.0, 1.0), ("memory", 8.0, 2.0)]
    assert calls == ["A", "B"] * 3
    assert run_side(both, 1, "memory") == 8.0


def test_a_baseline_that_is_unavailable_is_not_asked_again_and_others_go_on() -> None:
    calls: list[str] = []

    async def gone(size: int) -> float:
        await trio.lowlevel.checkpoint()
        calls.append("gone")
        raise Unavailable("not installed")

    side = counting([], "any", 1.0)
    absent, row = measure([scenario(side, gone, name="one"), scenario(side, side, name="two")], rounds=3, size=1)
    assert absent == Absent("one", "not installed")
    assert isinstance(row, Row)
    assert calls == ["gone"]


def test_a_scenario_may_have_fewer_rounds_and_a_smaller_one_to_warm_up() -> None:
    sizes: list[int] = []

    async def side(size: int) -> float:
        await trio.lowlevel.checkpoint()
        sizes.append(size)
        return 1.0

    long = evolve(scenario(side, counting([], "any", 1.0)), rounds=2, warm_up=3)
    measure([long], rounds=5, size=100)
    assert sizes == [3, 100, 100]
