from math import inf
from typing import Literal

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers import Quota, RateLimited
from actrio.providers.policy import Limits
from actrio.providers.policy._limits import Allowance, Taken


def refusal(seconds: float | None = None, code: str = "") -> RateLimited:
    return RateLimited("x", 429, "slow", retry_after_s=seconds, code=code)


def taken_at_once(allowance: Allowance, tokens: int, now: float, most: int = 1000) -> list[Taken]:
    """What is let through in one instant."""
    taken: list[Taken] = []
    while len(taken) < most and not allowance.wait_s(tokens, now):
        taken.append(allowance.take(tokens, now))
    return taken


def test_a_minutes_worth_goes_at_once_and_then_one_after_the_other() -> None:
    allowance = Allowance(Limits(requests_per_minute=30))

    assert len(taken_at_once(allowance, 1, now=100)) == 30
    assert allowance.wait_s(1, 100) == pytest.approx(2)
    assert len(taken_at_once(allowance, 1, now=102)) == 1
    assert len(taken_at_once(allowance, 1, now=112)) == 5
    assert len(taken_at_once(allowance, 1, now=1000)) == 30


def test_tokens_are_counted_as_such() -> None:
    allowance = Allowance(Limits(tokens_per_minute=6000))

    assert len(taken_at_once(allowance, 2500, now=0)) == 2
    assert allowance.tokens_available(0) == 1000
    assert allowance.wait_s(2500, 0) == pytest.approx(15)
    assert allowance.wait_s(1000, 0) == 0


def test_a_request_over_the_whole_bound_goes_when_the_bucket_is_full_and_is_paid_for_after() -> None:
    allowance = Allowance(Limits(tokens_per_minute=600))
    allowance.take(60, now=0)

    assert allowance.wait_s(1800, 0) == pytest.approx(6)
    allowance.take(1800, now=6)
    assert allowance.tokens_available(6) == -1200
    assert allowance.wait_s(1, 6) == pytest.approx(120.1)


@pytest.mark.parametrize(("used", "available"), [(200, 800), (1000, 0), (1500, -500), (0, 1000), (None, 0)])
def test_what_a_request_cost_is_settled_when_it_ends(used: int | None, available: int) -> None:
    allowance = Allowance(Limits(tokens_per_minute=1000))
    taken = allowance.take(1000, now=0)

    allowance.give_back(taken, used, now=0)

    assert allowance.tokens_available(0) == available


def test_tokens_given_back_late_make_no_more_than_a_full_bucket() -> None:
    allowance = Allowance(Limits(tokens_per_minute=1000))
    taken = allowance.take(1000, now=0)

    allowance.give_back(taken, 0, now=300)

    assert allowance.tokens_available(300) == 1000
    assert len(taken_at_once(allowance, 100, now=300)) == 10


def test_only_so_many_are_in_flight_and_the_next_goes_when_one_has_ended() -> None:
    allowance = Allowance(Limits(concurrent_requests=2))
    first, _ = taken_at_once(allowance, 1, now=0)

    assert allowance.wait_s(1, 0) == inf
    allowance.give_back(first, None, now=0)
    assert allowance.wait_s(1, 0) == 0


def test_a_refusal_that_says_for_how_long_closes_to_all_until_then() -> None:
    allowance = Allowance(Limits(requests_per_minute=600))

    allowance.refused(allowance.take(1, 0), refusal(7), now=0)
    allowance.refused(allowance.take(1, 0), refusal(3), now=0)

    assert allowance.wait_s(1, 0) == 7
    assert allowance.wait_s(1, 7) == 0
    assert allowance.pace == 1


def test_the_servers_word_closes_for_a_bounded_time() -> None:
    allowance = Allowance(Limits(max_closed_s=20))

    allowance.refused(allowance.take(1, 0), refusal(3600), now=0)

    assert allowance.wait_s(1, 0) == 20


def test_a_refusal_for_want_of_money_closes_nothing() -> None:
    allowance = Allowance(Limits(requests_per_minute=60))

    allowance.refused(allowance.take(1, 0), refusal(code="insufficient_quota"), now=0)

    assert (allowance.wait_s(1, 0), allowance.pace, allowance.refusals) == (0, 1, 1)


@pytest.mark.parametrize(
    ("quota", "wait"),
    [
        (Quota(requests_left=0, requests_reset_s=5), 5),
        (Quota(tokens_left=0, tokens_reset_s=9, requests_left=0, requests_reset_s=5), 9),
        (Quota(requests_left=1, requests_reset_s=5, tokens_left=1, tokens_reset_s=9), 0),
        (Quota(requests_left=0), 0),
        (Quota(requests_reset_s=5), 0),
        (None, 0),
    ],
)
def test_an_answer_that_says_nothing_is_left_closes_until_there_is(quota: Quota | None, wait: float) -> None:
    allowance = Allowance(Limits())

    allowance.answered(quota, now=0)

    assert allowance.wait_s(1, 0) == wait


def test_a_bare_refusal_halves_the_bounds_once_for_all_that_were_under_way() -> None:
    allowance = Allowance(Limits(requests_per_minute=60, concurrent_requests=8))
    sent = taken_at_once(allowance, 1, now=0)
    assert len(sent) == 8

    for taken in sent:
        allowance.refused(taken, refusal(), now=0)
        allowance.give_back(taken, 0, now=0)

    assert allowance.pace == 0.5
    assert allowance.wait_s(1, 0) == pytest.approx(2)  # half the rate, and nothing in the bucket
    assert len(taken_at_once(allowance, 1, now=60)) == 4


def test_the_pace_comes_back_by_and_by() -> None:
    allowance = Allowance(Limits(requests_per_minute=60))
    allowance.refused(allowance.take(1, 0), refusal(), now=0)

    for _ in range(24):
        allowance.answered(None, now=0)
    assert allowance.pace == pytest.approx(0.98)
    allowance.answered(None, now=0)
    allowance.answered(None, now=0)
    assert allowance.pace == 1


def test_there_is_always_some_pace() -> None:
    allowance = Allowance(Limits(requests_per_minute=60, concurrent_requests=1))

    for now in range(0, 100_000, 1000):
        taken = allowance.take(1, now)
        allowance.refused(taken, refusal(), now)
        allowance.give_back(taken, 0, now)

    assert allowance.wait_s(1, 99_000) == pytest.approx(32)


@frozen
class Step:
    after_s: float
    tokens: int
    ends: Literal["used", "unknown", "refused", "never"]
    used: int


steps = st.lists(
    st.builds(
        Step,
        after_s=st.sampled_from([0.0, 0.0, 0.1, 1.0, 7.0, 100.0]),
        tokens=st.integers(1, 700),
        ends=st.sampled_from(["used", "unknown", "refused", "never"]),
        used=st.integers(0, 900),
    ),
    max_size=60,
)


@given(steps, st.integers(1, 40), st.integers(1, 600))
def test_however_it_is_used_no_span_of_time_gets_more_than_its_share(
    schedule: list[Step], requests: int, tokens: int
) -> None:
    allowance = Allowance(Limits(requests_per_minute=requests, tokens_per_minute=tokens))
    now, in_flight = 0.0, 0
    spent: list[tuple[float, float]] = []  # when a request was sent, and what it cost in the end, beyond the overdraft
    for step in schedule:
        now += step.after_s
        now += allowance.wait_s(step.tokens, now)
        assert allowance.wait_s(step.tokens, now) == 0, "after the wait it may go"
        taken = allowance.take(step.tokens, now)
        in_flight += 1
        cost = float(step.tokens)
        if step.ends != "never":
            in_flight -= 1
            if step.ends == "refused":
                allowance.refused(taken, refusal(), now)
            allowance.give_back(taken, step.used if step.ends == "used" else None, now)
            cost = step.used if step.ends == "used" else cost
        spent.append((now, cost))
        assert allowance.in_flight == in_flight

    for index, (begin, _) in enumerate(spent):
        for end_index in range(index, len(spent)):
            span_s = spent[end_index][0] - begin
            share = 1 + span_s / 60
            assert end_index - index + 1 <= requests * share + 1e-3
            # The last may be over its estimate, and over the bound; what came before it is paid.
            assert sum(cost for _, cost in spent[index:end_index]) <= tokens * share + 900 + 1e-3


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("requests_per_minute", 0),
        ("tokens_per_minute", -1),
        ("concurrent_requests", 0),
        ("max_closed_s", inf),
        ("max_closed_s", -1),
    ],
)
def test_a_bound_that_lets_nothing_through_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=setting):
        Limits(**{setting: value})  # type: ignore[arg-type]  # the numbers are wrong on purpose
