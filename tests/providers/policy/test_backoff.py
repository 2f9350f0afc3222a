from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers.policy import Backoff

backoffs = st.builds(
    Backoff,
    attempts=st.integers(1, 50),
    delay_s=st.floats(0, 1e300),
    backoff=st.floats(1, 1e300),
    max_delay_s=st.floats(0, 1e300),
    jitter=st.floats(0, 1),
)


def pauses(backoff: Backoff) -> list[float | None]:
    return [backoff.pause(attempt, Random(1), now=0, deadline=inf) for attempt in range(1, backoff.attempts + 1)]


def test_pauses_grow_up_to_their_bound_and_there_is_one_less_than_tries() -> None:
    backoff = Backoff(attempts=6, delay_s=0.5, backoff=3, max_delay_s=10, jitter=0)

    assert pauses(backoff) == [0.5, 1.5, 4.5, 10, 10, None]


@given(backoffs, st.integers(1, 60), st.integers(), st.floats(0, 1e300), st.floats(0, 1e300) | st.just(inf))
def test_a_pause_is_in_its_bounds_and_ends_before_the_deadline(
    backoff: Backoff, attempt: int, seed: int, now: float, deadline: float
) -> None:
    pause = backoff.pause(attempt, Random(seed), now=now, deadline=deadline)

    if pause is not None:
        assert attempt < backoff.attempts
        assert 0 <= pause <= backoff.max_delay_s
        assert now + pause < deadline
        unjittered = backoff.pause(attempt, Random(seed), now=0, deadline=inf, least_s=0)
        assert pause == unjittered


def test_the_random_part_is_taken_off_and_is_as_large_as_said() -> None:
    backoff, random = Backoff(delay_s=8, jitter=0.25), Random(1)
    drawn = [backoff.pause(1, random, now=0, deadline=inf) for _ in range(1000)]

    assert all(pause is not None and 6 <= pause <= 8 for pause in drawn)
    assert min(filter(None, drawn)) < 6.1
    assert max(filter(None, drawn)) > 7.9


def test_the_same_seed_gives_the_same_pauses() -> None:
    def drawn(seed: int) -> list[float | None]:
        random = Random(seed)
        return [Backoff().pause(1, random, now=0, deadline=inf) for _ in range(10)]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


def test_the_least_pause_may_be_over_the_longest() -> None:
    assert Backoff(max_delay_s=1).pause(1, Random(1), now=0, deadline=inf, least_s=20) == 20


def test_a_pause_that_would_end_at_the_deadline_is_not_begun() -> None:
    backoff = Backoff(delay_s=2, jitter=0)

    assert backoff.pause(1, Random(1), now=10, deadline=12) is None
    assert backoff.pause(1, Random(1), now=10, deadline=12.1) == 2


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("attempts", 0),
        ("delay_s", -1),
        ("delay_s", inf),
        ("backoff", 0.5),
        ("max_delay_s", float("nan")),
        ("jitter", 1.1),
        ("jitter", -0.1),
    ],
)
def test_a_number_out_of_its_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=setting):
        Backoff(**{setting: value})  # type: ignore[arg-type]  # the numbers are wrong on purpose
