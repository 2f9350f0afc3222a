"""One request, sent as often as its policy says, up to the first event of its answer."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random

import trio

from actrio.providers._errors import RateLimited
from actrio.providers._provider import Connection
from actrio.providers._request import ModelRequest
from actrio.providers.policy._limiter import Limiter, Place
from actrio.providers.policy._relay import Relay
from actrio.providers.policy._retry import Retry
from actrio.providers.policy._time_out import time_out
from actrio.providers.policy._timeouts import Timeouts


class Tries:
    """A connection with what its policy consists of, for all requests over it."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        retry: Retry,
        limiter: Limiter | None,
        timeouts: Timeouts,
        random: Random,
    ) -> None:
        self.name = name
        self.retry = retry
        self.limiter = limiter
        self.timeouts = timeouts
        self.begun = 0  # tries, of all requests
        self._connection = connection
        self._random = random

    @asynccontextmanager
    async def until_answered(self, request: ModelRequest, deadline: float) -> AsyncGenerator[Relay]:
        """Send the request until an answer begins, and give that. Raises what the last try failed with."""
        attempt, answered = 1, False
        while True:
            try:
                async with self.once(request, deadline) as relay:
                    answered = True
                    yield relay
                    return
            except Exception as error:
                pause = None if answered else self.next_pause(attempt, error)
                if pause is None:
                    raise
            await trio.sleep(pause)
            attempt += 1

    def next_pause(self, attempt: int, error: Exception) -> float | None:
        """How long to wait before the next try; None for no other try. See `Retry.next_pause`."""
        deadline = trio.current_effective_deadline()
        return self.retry.next_pause(attempt, error, now=trio.current_time(), deadline=deadline, random=self._random)

    @asynccontextmanager
    async def once(self, request: ModelRequest, deadline: float) -> AsyncGenerator[Relay]:
        """Send the request once, when the limits allow it, and give its answer, of which the first event has come.

        Args:
            request: What is asked.
            deadline: When the whole call must be over, on Trio's clock. Only waits after the first event look at it.
        """
        self.begun += 1
        if self.limiter is None:
            async with self._answer(request, deadline, None) as relay:
                yield relay
            return
        place = await self.limiter.enter(request)
        try:
            async with self._answer(request, deadline, place) as relay:
                yield relay
        finally:
            place.leave()

    @asynccontextmanager
    async def _answer(self, request: ModelRequest, deadline: float, place: Place | None) -> AsyncGenerator[Relay]:
        answered = False
        with time_out(self.name, "first event", self.timeouts.first_event_s) as opening:
            try:
                async with self._connection.stream(request) as source:
                    relay = Relay(self.name, source, self.timeouts, deadline, place)
                    await relay.begin()
                    await opening.lift()
                    answered = True
                    if place is not None:
                        place.answered(relay.quota())
                    yield relay
            except RateLimited as error:
                if place is not None and not answered:
                    place.refused(error)
                raise
