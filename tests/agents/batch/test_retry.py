"""Trying again: exactly so often, never past the deadline, never for a cancellation."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actrio.actors import open_runtime
from actrio.agents.batch import retry


class Flaky:
    """Fails so many times, and knows when it was tried."""

    def __init__(self, failures: int, error: type[Exception] = OSError) -> None:
        self.failures = failures
        self.error = error
        self.tried: list[float] = []

    async def __call__(self, word: str) -> str:
        self.tried.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if len(self.tried) <= self.failures:
            raise self.error(f"try {len(self.tried)}")
        return word


async def test_it_is_tried_exactly_so_often_with_growing_pauses(autojump_clock: MockClock) -> None:
    flaky = Flaky(99)
    with pytest.raises(OSError, match="try 4"):
        await retry(attempts=4, delay=1, backoff=2, jitter=0)(flaky)("rain")
    assert flaky.tried == [0, 1, 3, 7]


async def test_what_succeeds_is_given_at_once(autojump_clock: MockClock) -> None:
    flaky = Flaky(1)
    assert await retry(attempts=5, delay=1, jitter=0)(flaky)("rain") == "rain"
    assert flaky.tried == [0, 1]


async def test_no_pause_is_begun_that_would_end_past_the_deadline(autojump_clock: MockClock) -> None:
    flaky = Flaky(99)
    with trio.fail_after(2.5), pytest.raises(OSError, match="try 2"):
        await retry(attempts=9, delay=1, backoff=2, jitter=0)(flaky)("rain")
    assert (flaky.tried, trio.current_time()) == ([0, 1], 1)


async def test_a_cancellation_is_never_tried_again(autojump_clock: MockClock) -> None:
    tried: list[int] = []

    @retry(attempts=9, delay=0, on=lambda _: True)
    async def slow() -> None:
        tried.append(1)
        await trio.sleep_forever()

    with trio.move_on_after(1) as scope:
        await slow()
    assert (scope.cancelled_caught, tried) == (True, [1])


@pytest.mark.parametrize(
    ("on", "times"), [(LookupError, 1), ((LookupError, OSError), 3), (lambda error: "try 1" in str(error), 2)]
)
async def test_only_what_is_named_is_tried_again(on: type[Exception], times: int, autojump_clock: MockClock) -> None:
    flaky = Flaky(99)
    with pytest.raises(OSError, match=f"try {times}"):
        await retry(attempts=3, on=on)(flaky)("rain")
    assert len(flaky.tried) == times


async def test_the_jitter_is_that_of_the_seeded_runtime(autojump_clock: MockClock) -> None:
    times: list[list[float]] = []
    for _ in range(2):
        flaky = Flaky(99)
        async with open_runtime(seed=7):
            with pytest.raises(OSError, match="try 3"):
                await retry(attempts=3, delay=1, jitter=0.5)(flaky)("rain")
        times.append([one - flaky.tried[0] for one in flaky.tried])
    assert times[0] == pytest.approx(times[1])
    assert 0.5 < times[0][1] < 1


def test_a_number_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="attempts counts the first try too"):
        retry(attempts=0)


@pytest.mark.parametrize("on", ["OSError", int, (OSError, "KeyError")])
def test_what_is_tried_again_is_said_by_error_classes_or_a_function(on: Any) -> None:
    with pytest.raises(TypeError, match="is no class of errors"):
        retry(on=on)


def test_a_function_that_is_not_async_is_refused_where_it_is_decorated() -> None:
    def fetch() -> None: ...

    with pytest.raises(TypeError, match="fetch must be `async def`, to be tried again"):
        retry()(fetch)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
