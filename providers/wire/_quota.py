"""What a server's headers say of its limits: how long to wait, and what is left. Pure functions of headers and a time.

`retry-after` is RFC 9110, 10.2.3: seconds or a date; `retry-after-ms` is OpenAI's, in milliseconds. What is left is in
OpenAI's `x-ratelimit-*` (times such as "6m0s" or "20ms") or in `anthropic-ratelimit-*` (times as RFC 3339 dates).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Final

from attrs import frozen

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SPAN_WHOLE: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@frozen
class Quota:
    """What a server says is left of its limits. None: it did not say.

    Attributes:
        requests_limit, tokens_limit: How many there are in all, in the server's own period.
        requests_left, tokens_left: How many of them are left.
        requests_reset_s, tokens_reset_s: In how many seconds all of them are there again.
    """

    requests_limit: int | None = None
    requests_left: int | None = None
    requests_reset_s: float | None = None
    tokens_limit: int | None = None
    tokens_left: int | None = None
    tokens_reset_s: float | None = None


def read_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """How many seconds the server asks to wait, at least 0; None if it does not say so in a way that is known.

    Args:
        headers: Of the answer; names in lower case, or a mapping that does not look at case.
        now: The time in seconds since 1970, for dates.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if (said := headers.get(name)) is not None and (seconds := _number(said)) is not None:
            return max(0.0, seconds * unit)
    return _until(headers.get("retry-after", ""), now)


def read_quota(headers: Mapping[str, str], now: float) -> Quota | None:
    """What the headers say of limits; None if nothing. Arguments as for `read_retry_after`."""
    for form in ("x-ratelimit-{1}-{0}", "anthropic-ratelimit-{0}-{1}"):
        quota = Quota(
            requests_limit=_count(headers.get(form.format("requests", "limit"))),
            requests_left=_count(headers.get(form.format("requests", "remaining"))),
            requests_reset_s=_span(headers.get(form.format("requests", "reset")), now),
            tokens_limit=_count(headers.get(form.format("tokens", "limit"))),
            tokens_left=_count(headers.get(form.format("tokens", "remaining"))),
            tokens_reset_s=_span(headers.get(form.format("tokens", "reset")), now),
        )
        if quota != Quota():
            return quota
    return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _count(text: str | None) -> int | None:
    number = None if text is None else _number(text)
    return None if number is None or number < 0 else int(number)


def _span(text: str | None, now: float) -> float | None:
    if text is None:
        return None
    if (number := _number(text)) is not None:
        return max(0.0, number)
    if _SPAN_WHOLE.fullmatch(text):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _SPAN.findall(text))
        return seconds if isfinite(seconds) else None
    return _until(text, now)


def _until(text: str, now: float) -> float | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            date = parse(text)
            if date.tzinfo is None:
                date = date.replace(tzinfo=UTC)
            return max(0.0, date.timestamp() - now)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
