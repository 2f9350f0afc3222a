"""How much may be asked of a provider at once and in a minute. Pure: the time is given.

A bound per minute is a bucket that holds a minute's worth and fills steadily, which is how the servers themselves
count: after a rest a whole minute's worth may go at once, then one after the other as it fills.
"""

from math import floor, inf
from typing import Final

from attrs import Attribute, field, frozen

from actrio.providers._errors import RateLimited
from actrio.providers.wire._quota import Quota

_MINUTE_S: Final = 60.0

# A wait shorter than this is none: it is about what a clock's floating-point number can tell apart after some days.
_NO_WAIT_S: Final = 1e-6

# The pace after a rate limit that does not say how long to wait, what each answer gives back, and the slowest.
_SLOWER: Final = 0.5
_FASTER: Final = 0.02
_SLOWEST: Final = 1 / 32


def _positive(_: object, attribute: "Attribute[int | None]", value: int | None) -> None:
    if value is not None and value < 1:
        raise ValueError(f"{attribute.name} must be at least 1, or None for no bound, not {value!r}")


def _not_negative(_: object, attribute: "Attribute[float]", value: float) -> None:
    if not 0 <= value < inf:
        raise ValueError(f"{attribute.name} is a finite number of seconds, 0 or more, not {value!r}")


@frozen(kw_only=True)
class Limits:
    """How much is asked of a provider, by all who share its open connection; None for no bound.

    Who waits first goes first: a big request is not overtaken by smaller ones. A place is held from the HTTP call until
    its stream is closed, never during a pause between two tries.

    The server's own word counts too. When it refuses for its rate limit and says for how long, or says with an answer
    that nothing is left, all wait until then. When it refuses and does not say, all bounds are halved, at most once
    for the requests that were under way, and what their buckets held is gone; each answer then gives back a fiftieth.

    Args:
        requests_per_minute: How many requests are sent, tries counted.
        tokens_per_minute: How many tokens are read and written. A request is charged with an estimate when it is sent,
            and with what it cost once that is known. One that is estimated above the whole bound goes when the bucket
            is full, and those after it wait longer.
        concurrent_requests: How many streams are open at once.
        max_closed_s: The longest wait on the server's word. After it the next request asks the server again.

    Raises:
        ValueError: a number is out of its range; the error says which.
    """

    requests_per_minute: int | None = field(default=None, validator=_positive)
    tokens_per_minute: int | None = field(default=None, validator=_positive)
    concurrent_requests: int | None = field(default=None, validator=_positive)
    max_closed_s: float = field(default=60.0, validator=_not_negative)


class Bucket:
    """What may be taken in a minute.

    It is kept as the time at which it is full again. A level would have to be brought up to date on each look.
    """

    __slots__ = ("_full_at", "_per_minute")

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._full_at = -inf

    def cost_s(self, amount: float, pace: float) -> float:
        """How long it takes to fill in this amount."""
        return amount * _MINUTE_S / (self._per_minute * pace)

    def wait_s(self, cost_s: float, now: float) -> float:
        """How long until there is so much in it, or it is full."""
        return self._full_at + min(cost_s, _MINUTE_S) - _MINUTE_S - now

    def take(self, cost_s: float, now: float) -> None:
        """Take so much, into debt if need be. A negative amount is given back."""
        self._full_at = max(self._full_at, now) + cost_s

    def empty(self, now: float) -> None:
        """Take what is in it."""
        self._full_at = max(self._full_at, now + _MINUTE_S)

    def available(self, pace: float, now: float) -> int:
        """How much is in it; negative if it is owed."""
        return floor((_MINUTE_S - max(0.0, self._full_at - now)) / self.cost_s(1, pace) + _NO_WAIT_S)


class Taken:
    """What one request took, until it is given back."""

    __slots__ = ("pace", "token_s", "tokens")

    def __init__(self, tokens: int, token_s: float, pace: float) -> None:
        self.tokens = tokens
        self.token_s = token_s  # what a token cost when it was taken
        self.pace = pace  # at which it was let through


class Allowance:
    """What is left of some limits.

    Invariant: each `take` has one `give_back`; `in_flight` is how many still have none.
    """

    __slots__ = ("_closed_until", "_limits", "_requests", "_tokens", "in_flight", "pace", "refusals")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests = None if limits.requests_per_minute is None else Bucket(limits.requests_per_minute)
        self._tokens = None if limits.tokens_per_minute is None else Bucket(limits.tokens_per_minute)
        self._closed_until = -inf
        self.pace = 1.0  # the share of the limits that is used
        self.in_flight = 0
        self.refusals = 0

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens are bounded, so that it matters how many a request has."""
        return self._tokens is not None

    def wait_s(self, tokens: int, now: float) -> float:
        """How long until such a request may be sent: 0 for now, infinite for when another one has ended."""
        concurrent = self._limits.concurrent_requests
        if concurrent is not None and self.in_flight >= max(1, int(concurrent * self.pace)):
            return inf
        wait = self._closed_until - now
        if self._requests is not None:
            wait = max(wait, self._requests.wait_s(self._requests.cost_s(1, self.pace), now))
        if self._tokens is not None:
            wait = max(wait, self._tokens.wait_s(self._tokens.cost_s(tokens, self.pace), now))
        return wait if wait > _NO_WAIT_S else 0.0

    def take(self, tokens: int, now: float) -> Taken:
        """Take what such a request needs, whether or not it is there."""
        token_s = 0.0
        if self._requests is not None:
            self._requests.take(self._requests.cost_s(1, self.pace), now)
        if self._tokens is not None:
            token_s = self._tokens.cost_s(1, self.pace)
            self._tokens.take(tokens * token_s, now)
        self.in_flight += 1
        return Taken(tokens, token_s, self.pace)

    def give_back(self, taken: Taken, used: int | None, now: float) -> None:
        """The request has ended, having used so many tokens; None if that is not known."""
        self.in_flight -= 1
        if self._tokens is not None and used is not None:
            self._tokens.take((used - taken.tokens) * taken.token_s, now)

    def refused(self, taken: Taken, error: RateLimited, now: float) -> None:
        """The server refused the request for its rate limit."""
        self.refusals += 1
        if error.out_of_credit:
            return
        if error.retry_after_s is not None:
            self._close(error.retry_after_s, now)
        elif taken.pace <= self.pace:
            self.pace = max(_SLOWEST, self.pace * _SLOWER)
            for bucket in (self._requests, self._tokens):
                if bucket is not None:
                    bucket.empty(now)

    def answered(self, quota: Quota | None, now: float) -> None:
        """The server answers the request, and perhaps says what is left of its limits."""
        self.pace = min(1.0, self.pace + _FASTER)
        if quota is None:
            return
        if quota.requests_left == 0 and quota.requests_reset_s is not None:
            self._close(quota.requests_reset_s, now)
        if quota.tokens_left == 0 and quota.tokens_reset_s is not None:
            self._close(quota.tokens_reset_s, now)

    def _close(self, seconds: float, now: float) -> None:
        self._closed_until = max(self._closed_until, now + min(seconds, self._limits.max_closed_s))

    def closed_for_s(self, now: float) -> float:
        """How long all still wait on the server's word; 0 if they do not."""
        return max(0.0, self._closed_until - now)

    def requests_available(self, now: float) -> int | None:
        """How many requests may be sent in this instant; None for no bound."""
        return None if self._requests is None else self._requests.available(self.pace, now)

    def tokens_available(self, now: float) -> int | None:
        """How many tokens may be asked for in this instant, negative if some are owed; None for no bound."""
        return None if self._tokens is None else self._tokens.available(self.pace, now)
