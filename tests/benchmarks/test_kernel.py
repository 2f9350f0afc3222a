"""Every scenario of the kernel suite does its work right on both sides. Each checks that itself."""

import pytest

from actrio.actors import Actor, handles
from actrio.benchmarks._harness import Scenario, measure, run_side
from actrio.benchmarks.kernel import SCENARIOS, _ask, _ring
from actrio.benchmarks.kernel._work import Double

SIZES = {
    "ring": _ring.ACTORS + 10,
    "100-asks": 2,
    "broadcast": 1,
    "fan-in": 2,
    "tell-nowait": 2,
    "idle-bytes": 100,
    "cancel": 1,
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[one.name for one in SCENARIOS])
def test_a_tiny_round_does_the_work_right_on_both_sides(scenario: Scenario) -> None:
    size = SIZES.get(scenario.name, 20)
    assert run_side(scenario.actrio, size) > 0
    assert run_side(scenario.baseline, size) > 0


def test_every_measurement_that_the_suite_promises_is_there() -> None:
    assert {one.name: one.reach for one in SCENARIOS} == {
        "tell-nowait": 3.0,
        "tell-await": 1.0,
        "fan-in": 3.0,
        "ask": 0.95,
        "100-asks": 1.1,
        "spawn": 1.8,
        "ring": 1.5,
        "idle-bytes": 1.4,
        "restart": None,
        "broadcast": 2.0,
        "cancel": 0.5,
    }


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[one.name for one in SCENARIOS])
def test_the_first_line_of_a_scenario_states_question_and_unit(scenario: Scenario) -> None:
    assert scenario.question.count("?") == 1
    assert scenario.question.endswith(f"{scenario.unit}.")


def test_a_wrong_answer_fails_the_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tripler(Actor):
        @handles
        async def triple(self, message: Double) -> int:
            return 3 * message.number

    monkeypatch.setattr(_ask, "Doubler", Tripler)
    with pytest.raises(AssertionError):
        measure([_ask.SCENARIO], rounds=1, size=5)
