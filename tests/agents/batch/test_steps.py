"""Named steps, each given what the one before it made."""

import pytest
import trio
from trio.testing import MockClock

from actrio.agents.batch import StepReport, Steps, StepsFailed
from actrio.providers.policy import Backoff


async def fetch(topic: str) -> list[str]:
    await trio.sleep(2)
    return [topic, "sea"]


def count(words: list[str]) -> int:
    return sum(map(len, words))


REPORT = Steps("report", str).then("fetch", fetch).then("count", count)


async def test_the_value_is_passed_on_from_step_to_step(autojump_clock: MockClock) -> None:
    run = await REPORT.run("rain")
    total: int = run.result()
    assert (total, run.completed) == (7, True)
    assert run.reports == (StepReport("fetch", "done", 1, 2.0), StepReport("count", "done", 1, 0.0))


async def test_a_step_whose_condition_does_not_hold_is_skipped_and_the_value_passed_on() -> None:
    def shorten(text: str) -> str:
        return text[:3]

    steps = Steps("trim", str).then("short", shorten, when=lambda text: len(text) > 4).then("upper", str.upper)
    long, short = await steps.run("nursery"), await steps.run("rain")
    assert (long.result(), long.status("short")) == ("NUR", "done")
    assert (short.result(), short.status("short"), short.status("upper")) == ("RAIN", "skipped", "done")


async def test_the_first_failure_ends_it_with_what_there_is(autojump_clock: MockClock) -> None:
    def fail(words: list[str]) -> int:
        raise OSError("no words")

    run = await Steps("report", str).then("fetch", fetch).then("fail", fail).then("last", str).run("rain")

    assert [report.status for report in run.reports] == ["done", "failed", "pending"]
    assert run.value == ["rain", "sea"]
    with pytest.raises(StepsFailed, match="step 'fail' of 'report' failed: OSError: no words") as failed:
        run.result()
    assert (failed.value.step, failed.value.__cause__) == ("fail", run.error)


async def test_a_condition_that_raises_fails_its_step() -> None:
    run = await Steps("s", int).then("one", str, when=lambda number: bool(1 / number)).run(0)
    assert (run.status("one"), type(run.error)) == ("failed", ZeroDivisionError)


async def test_a_step_is_tried_again_as_its_own_policy_says(autojump_clock: MockClock) -> None:
    tried: list[float] = []

    def flaky(number: int) -> int:
        tried.append(trio.current_time())
        if len(tried) < 3:
            raise OSError
        return number

    policy = Backoff(attempts=3, delay_s=1, jitter=0)
    run = await Steps("s", int).then("flaky", flaky, retry=policy, on=OSError).run(1)

    assert run.reports == (StepReport("flaky", "done", 3, 3.0),)
    assert tried == [0, 1, 3]


async def test_a_cancelled_step_is_not_tried_again(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1) as scope:
        await Steps("s", str).then("fetch", fetch, retry=Backoff(attempts=9)).run("rain")
    assert scope.cancelled_caught


def test_two_steps_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="have a step 'fetch' already"):
        REPORT.then("fetch", str)
