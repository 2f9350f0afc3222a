from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers.wire import Quota, read_quota, read_retry_after

# RFC 9110, 5.6.7: one moment in the three forms a date may have.
NOW = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp()
DATES = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("20", 20), ("0", 0), ("1.5", 1.5), (" 7 ", 7), ("-3", 0), ("1e9", 1e9), ("inf", None), ("nan", None)],
)
def test_retry_after_in_seconds_is_never_below_0_and_always_finite(said: str, seconds: float | None) -> None:
    assert read_retry_after({"retry-after": said}, NOW) == seconds


@pytest.mark.parametrize("said", ["", "soon", "9" * 400, "1 2", "Sun, 99 Nov 1994 08:49:37 GMT", "0000-00-00", "٣s"])
def test_a_retry_after_that_is_neither_is_none(said: str) -> None:
    assert read_retry_after({"retry-after": said}, NOW) is None


@pytest.mark.parametrize("date", DATES)
def test_retry_after_as_a_date_of_any_form_is_the_time_until_then(date: str) -> None:
    assert read_retry_after({"retry-after": date}, NOW - 30) == 30


@pytest.mark.parametrize("date", DATES)
def test_a_date_that_has_passed_is_no_wait(date: str) -> None:
    assert read_retry_after({"retry-after": date}, NOW + 30) == 0


@given(st.datetimes(datetime(1970, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)), st.integers(0, 10**6))  # noqa: DTZ001
def test_every_date_that_the_library_writes_is_read(now: datetime, seconds: int) -> None:
    now = now.replace(microsecond=0)
    date = format_datetime(now + timedelta(seconds=seconds), usegmt=True)

    assert read_retry_after({"retry-after": date}, now.timestamp()) == seconds


def test_milliseconds_go_before_seconds_unless_they_are_none() -> None:
    assert read_retry_after({"retry-after-ms": "1500", "retry-after": "2"}, NOW) == 1.5
    assert read_retry_after({"retry-after-ms": "?", "retry-after": "2"}, NOW) == 2
    assert read_retry_after({"retry-after-ms": "?", "retry-after": DATES[0]}, NOW - 5) == 5
    assert read_retry_after({}, NOW) is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("6m0s", 360),
        ("20ms", 0.02),
        ("1h2m3.5s", 3723.5),
        ("1d", 86400),
        ("12", 12),
        ("-1", 0),
        ("1994-11-06T08:50:07Z", 30),
        ("1994-11-06T09:50:07+01:00", 30),
        ("1994-11-06T08:49:07Z", 0),
        ("9" * 400 + "s", None),
        ("1m 2s", None),
        ("m", None),
        ("", None),
    ],
)
def test_the_time_until_a_reset_is_a_span_a_number_or_a_date(said: str, seconds: float | None) -> None:
    quota = read_quota({"x-ratelimit-remaining-tokens": "1", "x-ratelimit-reset-tokens": said}, NOW)

    assert quota is not None
    assert quota.tokens_reset_s == (None if seconds is None else pytest.approx(seconds))


def test_openais_headers_are_read() -> None:
    headers = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1m",
    }

    assert read_quota(headers, NOW) == Quota(500, 499, 0.12, 30000, 0, 60)


def test_anthropics_headers_are_read() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "1994-11-06T08:50:37Z",
    }

    assert read_quota(headers, NOW) == Quota(requests_limit=50, requests_left=0, requests_reset_s=60)


def test_without_such_headers_there_is_no_quota() -> None:
    assert read_quota({"content-type": "text/event-stream"}, NOW) is None


# What is nearly right breaks more than what is wholly wrong.
NEARLY = st.one_of(
    st.text(),
    st.from_regex(r"(-?\d{0,400}(\.\d{0,5})?(ms|s|m|h|d|e|_)?){0,4}", fullmatch=True),
    st.from_regex(r"\d{1,5}-\d{1,3}-\d{1,3}([T ]\d{1,3}:\d{1,3}(:\d{1,3})?([+-]\d{1,3}:?\d{0,3}|Z)?)?", fullmatch=True),
    st.from_regex(r"([A-Z][a-z]{2,8},? )?\d{0,3}[ -]Nov[ -]\d{0,6} [\d:]{0,9}( [A-Z+-]{0,4}\d{0,9})?", fullmatch=True),
)


@given(NEARLY, NEARLY)
def test_no_header_whatever_it_says_raises_or_gives_what_is_no_wait(one: str, other: str) -> None:
    seconds = read_retry_after({"retry-after": one, "retry-after-ms": other}, NOW)
    quota = read_quota(
        {
            "x-ratelimit-remaining-requests": one,
            "x-ratelimit-reset-requests": other,
            "x-ratelimit-limit-tokens": other,
            "x-ratelimit-reset-tokens": one,
        },
        NOW,
    )

    waits = [seconds] if quota is None else [seconds, quota.requests_reset_s, quota.tokens_reset_s]
    assert all(wait is None or (isfinite(wait) and wait >= 0) for wait in waits)
