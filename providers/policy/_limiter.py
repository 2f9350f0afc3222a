"""Waiting for a place under limits: first come, first served, and no trace of who left."""

import trio
from attrs import frozen

from actrio.providers._errors import RateLimited
from actrio.providers._events import Usage
from actrio.providers._request import ModelRequest
from actrio.providers.policy._estimate import cost_of, estimate_tokens
from actrio.providers.policy._limits import Allowance, Limits, Taken
from actrio.providers.wire._quota import Quota


@frozen
class LimiterStatistics:
    """How full some limits are, and what they have cost.

    Attributes:
        waiting: How many requests wait to be sent.
        in_flight: How many have been sent, and their streams not been closed.
        requests_available: How many could be sent in this instant; None for no bound.
        tokens_available: How many tokens could be asked for in this instant, below 0 if some are owed; None for no
            bound.
        closed_for_s: For how long all still wait because the server said so.
        pace: The share of the limits that is used; below 1 after the server refused without saying how long to wait.
        waits: How many requests had to wait, with those that wait now.
        waited_s: How long they waited, added up, without those that wait now.
        refusals: How often the server refused for its rate limit.
    """

    waiting: int
    in_flight: int
    requests_available: int | None
    tokens_available: int | None
    closed_for_s: float
    pace: float
    waits: int
    waited_s: float
    refusals: int


class Limiter:
    """Limits, shared by all who ask over one open connection.

    Only the first in the queue waits for the limits; the others wait for their turn.
    """

    def __init__(self, limits: Limits) -> None:
        self._allowance = Allowance(limits)
        self._turn = trio.StrictFIFOLock()
        self._changed = trio.lowlevel.ParkingLot()  # where the first in the queue waits
        self._waiting = 0
        self._waits = 0
        self._waited_s = 0.0

    def statistics(self) -> LimiterStatistics:
        """The counts at this instant."""
        allowance, now = self._allowance, trio.current_time()
        return LimiterStatistics(
            waiting=self._waiting,
            in_flight=allowance.in_flight,
            requests_available=allowance.requests_available(now),
            tokens_available=allowance.tokens_available(now),
            closed_for_s=allowance.closed_for_s(now),
            pace=allowance.pace,
            waits=self._waits,
            waited_s=self._waited_s,
            refusals=allowance.refusals,
        )

    @property
    def counts_tokens(self) -> bool:
        """Whether the usage of a request should be told to its place."""
        return self._allowance.counts_tokens

    async def enter(self, request: ModelRequest) -> "Place":
        """Wait until the request may be sent, and give it a place, which must be left.

        Cancelled, it takes no place, and the next in the queue goes on at once. It is a checkpoint only if it waits.
        """
        allowance = self._allowance
        tokens = estimate_tokens(request) if allowance.counts_tokens else 0
        # Invariant: from the last look at the limits until the place is taken nothing is awaited.
        now = trio.current_time()
        if not self._waiting and not allowance.wait_s(tokens, now):
            return Place(self, allowance.take(tokens, now))
        self._waiting += 1
        self._waits += 1
        try:
            async with self._turn:
                while wait := allowance.wait_s(tokens, trio.current_time()):
                    with trio.move_on_after(wait):
                        await self._changed.park()
                return Place(self, allowance.take(tokens, trio.current_time()))
        finally:
            self._waiting -= 1
            self._waited_s += trio.current_time() - now

    def answered(self, quota: Quota | None) -> None:
        """The server answers a request, and perhaps says what is left of its limits."""
        self._allowance.answered(quota, trio.current_time())
        self._look_again()

    def refused(self, taken: Taken, error: RateLimited) -> None:
        """The server refused a request for its rate limit."""
        self._allowance.refused(taken, error, trio.current_time())

    def leave(self, taken: Taken, used: int | None) -> None:
        """A request has ended, having used so many tokens; None if that is not known."""
        self._allowance.give_back(taken, used, trio.current_time())
        self._look_again()

    def _look_again(self) -> None:
        """Have the first in the queue look whether it may go sooner than it thought."""
        if self._waiting:
            self._changed.unpark()


class Place:
    """One request under limits, from when it is sent until its stream is closed."""

    __slots__ = ("_limiter", "_taken", "_used")

    def __init__(self, limiter: Limiter, taken: Taken) -> None:
        self._limiter = limiter
        self._taken = taken
        self._used: int | None = 0

    def refused(self, error: RateLimited) -> None:
        """The server refused it for its rate limit."""
        self._limiter.refused(self._taken, error)

    def answered(self, quota: Quota | None) -> None:
        """Its answer has begun. From now on it costs what was estimated, until it is known what it does cost."""
        self._used = None
        self._limiter.answered(quota)

    def cost(self, usage: Usage) -> None:
        """What it cost is known."""
        self._used = cost_of(usage)

    def leave(self) -> None:
        """Its stream is closed. If no answer had begun, it has cost no tokens."""
        self._limiter.leave(self._taken, self._used)
