"""Every scenario of the hosts suite does its work right on all sides. Each checks that itself."""

import threading

import pytest
import trio

from actrio.actors import Actor, handles
from actrio.agents import Agent
from actrio.benchmarks._harness import Scenario, Side, run_figures, together
from actrio.benchmarks.hosts import SUITE, _calls, _streams
from actrio.benchmarks.hosts._measure import CLOCK, PROCESSOR, Costs, in_thread
from actrio.benchmarks.kernel._work import Double
from actrio.providers import ScriptedProvider

GROUPS = [group for _, group in together(SUITE.scenarios, quick=False)]
WAYS = ("blocking", "asyncio", "guest", "loop")


def sides(stream: str) -> list[Side]:
    """Those of the rows about it, without what they are compared with."""
    return [group[0].actrio for group in GROUPS if group[0].name.startswith(stream)]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0].name)
def test_a_tiny_round_does_the_work_right_on_all_sides(group: list[Scenario]) -> None:
    for side in (group[0].actrio, *(one.baseline for one in group)):
        found = run_figures(side, 20)
        assert not isinstance(found, float)
        assert set(found) == {CLOCK, PROCESSOR}
        assert found[CLOCK] > 0


def test_every_measurement_that_the_suite_promises_is_there() -> None:
    both = ("", "-cpu")
    calls = {f"{called}-{way}{time}": 1.8 for called in ("ask", "noop") for way in WAYS for time in both}
    items = {f"{stream}-{way}-item{time}": 30 for stream in ("text", "channel") for way in WAYS[:3] for time in both}
    plain = {"ask-native", "text-native-item"}
    portal = {f"{stream}-blocking-portal{time}" for stream in ("text", "channel") for time in both}
    assert {one.name: one.reach for one in SUITE.scenarios if one.reach} == calls
    assert {one.name: one.at_most for one in SUITE.scenarios if one.at_most} == items
    assert {one.name for one in SUITE.scenarios} == plain | portal | set(calls) | set(items)
    assert all((one.figure == PROCESSOR) is one.name.endswith("-cpu") for one in SUITE.scenarios)


def test_the_question_of_a_row_states_its_unit_and_which_time_it_is() -> None:
    for one in SUITE.scenarios:
        assert one.question.count("?") == 1
        assert one.question.endswith("? On the clock, µs." if one.figure == CLOCK else "? Processor time, µs.")


@pytest.mark.parametrize("side", sides("ask"))
def test_a_wrong_answer_fails_a_call(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tripler(Actor):
        @handles
        async def triple(self, message: Double) -> int:
            return 3 * message.number

    monkeypatch.setattr(_calls, "Doubler", Tripler)
    with pytest.raises(AssertionError, match="5 answers add up to 30, not to 20"):
        run_figures(side, 5)


@pytest.mark.parametrize("side", sides("text"))
def test_a_wrong_word_fails_a_text(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    def muddled(size: int) -> Agent:
        return Agent("writer", model=ScriptedProvider("w0 w1 nonsense"))

    monkeypatch.setattr(_streams, "writer", muddled)
    with pytest.raises(AssertionError, match="3 items came, of 3, or others"):
        run_figures(side, 3)


@pytest.mark.parametrize("side", sides("channel"))
def test_a_lost_item_fails_a_stream(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    async def leaving_out_the_last(send: "trio.MemorySendChannel[object]", size: int) -> None:
        async with send:
            for number in range(size - 1):
                await send.send(number)

    monkeypatch.setattr(_streams, "_fill", leaving_out_the_last)
    with pytest.raises(AssertionError, match="2 items came, of 3"):
        run_figures(side, 3)


def test_a_program_that_hangs_does_not_hang_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def hangs(size: int) -> Costs:
        done.wait()
        return {}

    monkeypatch.setattr("actrio.benchmarks.hosts._measure.PATIENCE_S", 0.01)
    try:
        with pytest.raises(trio.TooSlowError):
            run_figures(in_thread(hangs), 1)
    finally:
        done.set()
