"""Retry, limits and time-outs, put together around a connection."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from math import inf
from random import Random
from typing import Final

import trio
from attrs import field, frozen
from attrs.validators import instance_of, optional

from actrio.providers._provider import Connection, Provider
from actrio.providers._request import ModelRequest
from actrio.providers._stream import EventStream
from actrio.providers.policy._limiter import Limiter, LimiterStatistics
from actrio.providers.policy._limits import Limits
from actrio.providers.policy._restarting import restarting
from actrio.providers.policy._retry import Retry
from actrio.providers.policy._time_out import time_out
from actrio.providers.policy._timeouts import Timeouts
from actrio.providers.policy._tries import Tries

_UNBOUNDED: Final = Timeouts(connect_s=None, first_event_s=None, between_events_s=None)
_ONCE: Final = Retry(attempts=1)


def govern(
    name: str,
    connection: Connection,
    *,
    retry: Retry | None,
    limits: Limits | None,
    timeouts: Timeouts | None,
    seed: int | None = None,
) -> Connection:
    """A connection that keeps to a policy.

    Entering a stream of it waits until the first event of the answer has come, so that what fails before can be tried
    again; an error before that is raised on entering. Leaving it closes the stream below before it returns, and gives
    back its place under the limits.

    From outside in: the bound of the whole call; the tries, with the pauses between; the place under the limits, held
    from when a try is sent until its stream is closed; the bound until the first event; the bound of each further wait.

    Args:
        name: The provider that errors name.
        connection: What is governed. Where no policy is given it is what comes back.
        retry: When a request is sent again; None for never.
        limits: How much is asked at once and in a minute, by all who use what comes back; None for no bound.
        timeouts: How long it may take; None for no bound. `connect_s` is for who made the connection.
        seed: Makes the jitter of pauses repeatable.
    """
    if retry is None and limits is None and timeouts in (None, _UNBOUNDED):
        return connection
    return GovernedConnection(name, connection, retry or _ONCE, limits, timeouts or _UNBOUNDED, Random(seed))  # noqa: S311 - jitter, not secrets


@frozen
class GovernedStatistics:
    """What a policy has done so far.

    Attributes:
        requests: How many were asked.
        tries: How often one was sent, or waits to be.
        limits: How full the limits are; None if there are none.
    """

    requests: int
    tries: int
    limits: LimiterStatistics | None


class GovernedConnection:
    """A connection that keeps to a policy; see `govern`."""

    def __init__(
        self, name: str, connection: Connection, retry: Retry, limits: Limits | None, timeouts: Timeouts, random: Random
    ) -> None:
        limiter = None if limits is None else Limiter(limits)
        self._tries = Tries(name, connection, retry, limiter, timeouts, random)
        self._requests = 0

    def statistics(self) -> GovernedStatistics:
        """The counts at this instant."""
        tries = self._tries
        return GovernedStatistics(
            self._requests, tries.begun, None if tries.limiter is None else tries.limiter.statistics()
        )

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[EventStream]:
        """Stream the model's answer, sending the request as often as need be; see `Connection.stream` and `govern`.

        Raises:
            ProviderTimeout: on entering, and by the stream: a bound of the policy has passed.
        """
        self._requests += 1
        stream = restarting if self._tries.retry.after_events else _stream
        async with stream(self._tries, request) as answer:
            try:
                yield answer
            finally:
                answer.close()


@asynccontextmanager
async def _stream(tries: Tries, request: ModelRequest) -> AsyncGenerator[EventStream]:
    total_s = tries.timeouts.total_s
    deadline = inf if total_s is None else trio.current_time() + total_s
    with time_out(tries.name, "whole call", total_s) as whole:
        async with tries.until_answered(request, deadline) as relay:
            await whole.lift()  # from here on each wait is bounded for itself
            yield EventStream(relay.more, received=relay.text, quota=relay.quota)


@frozen
class GovernedProvider:
    """Another provider with a policy around it: for one that has none of its own.

    Args:
        provider: Whose name, models and errors it has.
        retry: When a request is sent again; None for never.
        limits: How much is asked at once and in a minute, by all who share it; None for no bound.
        timeouts: How long it may take. `connect_s` says nothing here: the provider below connects.
        seed: Makes the jitter of pauses repeatable.
    """

    provider: Provider
    retry: Retry | None = field(default=None, kw_only=True, validator=optional(instance_of(Retry)))
    limits: Limits | None = field(default=None, kw_only=True, validator=optional(instance_of(Limits)))
    timeouts: Timeouts | None = field(default=None, kw_only=True, validator=optional(instance_of(Timeouts)))
    seed: int | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        """The name that errors and metrics give it: that of the provider below."""
        return self.provider.name

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Connection]:
        """Open the provider below; see `Provider.open` and `govern`."""
        async with self.provider.open() as connection:
            yield govern(
                self.name,
                connection,
                retry=self.retry,
                limits=self.limits,
                timeouts=self.timeouts,
                seed=self.seed,
            )
