"""The events of a stream handed on, batch by batch, with a bound on each wait."""

from collections.abc import Awaitable, Callable
from math import inf

import trio

from actrio.providers._errors import ConnectionLost, ProviderTimeout, RateLimited
from actrio.providers._events import Arrived, ModelEvent, TextDelta, UsageReported
from actrio.providers._provider import ModelStream
from actrio.providers._stream import EventStream
from actrio.providers.policy._limiter import Place
from actrio.providers.policy._timeouts import Timeouts
from actrio.providers.wire._quota import Quota


class Relay:
    """What is between a provider's stream and the one its reader gets.

    Args:
        provider: Whom errors name.
        source: The stream below.
        timeouts: The bounds of each wait.
        deadline: When the whole call must be over, on Trio's clock.
        place: What is told what the answer cost, and that it was refused on the way; None without limits.
    """

    __slots__ = (
        "_arrived",
        "_between_s",
        "_deadline",
        "_first",
        "_place",
        "_provider",
        "_receive",
        "_source",
        "_total_s",
    )

    def __init__(
        self, provider: str, source: ModelStream, timeouts: Timeouts, deadline: float = inf, place: Place | None = None
    ) -> None:
        self._provider = provider
        self._source: EventStream | _Foreign = source if isinstance(source, EventStream) else _Foreign(provider, source)
        self._receive: Callable[[Arrived], Awaitable[None]] = self._source.receive_into
        self._between_s = inf if timeouts.between_events_s is None else timeouts.between_events_s
        self._total_s = timeouts.total_s
        self._deadline = deadline
        self._place = place
        self._first: list[ModelEvent] = []  # that came before anybody read
        self._arrived: Arrived = self._first.append

    def text(self) -> str:
        """The text that has come."""
        return self._source.received

    def quota(self) -> Quota | None:
        """What the server said is left of its limits."""
        return self._source.quota

    async def begin(self) -> None:
        """Wait for the first event, without a bound. Nothing is given out yet. Raises what the stream does."""
        await self._receive(self._first.append)

    async def more(self, arrived: Arrived) -> None:
        """Wait for the next events and hand over all that are there; see `EventStream`."""
        if self._place is not None:
            self._arrived = arrived
            arrived = self._take
        if self._first:
            for event in self._first:
                arrived(event)
            self._first.clear()
            return
        try:
            if self._between_s == self._deadline == inf:
                await self._receive(arrived)
            else:
                await self._receive_in_time(arrived)
        except RateLimited as error:
            if self._place is not None:
                self._place.refused(error)
            raise

    async def _receive_in_time(self, arrived: Arrived) -> None:
        silent_at = trio.current_time() + self._between_s
        with trio.CancelScope(deadline=min(silent_at, self._deadline)) as waiting:
            await self._receive(arrived)
        if waiting.cancelled_caught:
            if silent_at <= self._deadline:
                raise ProviderTimeout(self._provider, "between events", self._between_s, self.text())
            assert self._total_s is not None
            raise ProviderTimeout(self._provider, "whole call", self._total_s, self.text())

    def _take(self, event: ModelEvent) -> None:
        if isinstance(event, UsageReported) and self._place is not None:
            self._place.cost(event.usage)
        self._arrived(event)


class _Foreign:
    """A stream of somebody else's making, as if it were an `EventStream`."""

    def __init__(self, provider: str, stream: ModelStream) -> None:
        self._provider = provider
        self._stream = stream
        self._text: list[str] = []
        self.quota: Quota | None = None

    @property
    def received(self) -> str:
        return "".join(self._text)

    async def receive_into(self, arrived: Arrived) -> None:
        try:
            event = await anext(self._stream)
        except StopAsyncIteration:
            raise ConnectionLost(self._provider, "it ended without `Finished`", self.received) from None
        if isinstance(event, TextDelta):
            self._text.append(event.text)
        arrived(event)
