"""Providers that stand in for each other."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import attrs
import trio
from attrs import frozen

from actrio.mailbox._nursery import open_nursery
from actrio.providers._errors import (
    AuthenticationFailed,
    ConnectionLost,
    FallbackExhausted,
    KeyMissing,
    ModelNotLoaded,
    NotFound,
    PackageMissing,
    ProtocolViolation,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    RequestRefused,
    ServerFailed,
)
from actrio.providers._events import Arrived
from actrio.providers._names import as_provider
from actrio.providers._provider import Provider
from actrio.providers._request import ModelRequest
from actrio.providers._stream import EventStream
from actrio.providers.policy._breaker import Breaker, Circuit, CircuitState, Ticket
from actrio.providers.policy._relay import Relay
from actrio.providers.policy._standby import Standby, Standbys
from actrio.providers.policy._timeouts import Timeouts

# What speaks of the provider and not of the request. A wrong key or model name is the provider's setting: another
# provider has its own.
_OF_THE_PROVIDER: Final = (
    AuthenticationFailed,
    ConnectionLost,
    FallbackExhausted,
    KeyMissing,
    ModelNotLoaded,
    NotFound,
    PackageMissing,
    ProtocolViolation,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    ServerFailed,
)
_UNBOUNDED: Final = Timeouts(connect_s=None, first_event_s=None, between_events_s=None)


def another_may_do(error: Exception) -> bool:
    """Whether another provider may well answer the request with which one failed like this.

    So it is for whatever speaks of the provider: it cannot be reached or opened, does not answer in time, fails, is at
    its limits, knows no such model, does not take the key, or does not say what is wrong. It is not for what speaks
    of the request: one that is not valid, or whose content is refused.
    """
    return isinstance(error, _OF_THE_PROVIDER) or type(error) is RequestRefused


@frozen(init=False)
class FallbackProvider:
    """Several providers behind one name: the first that works answers.

    A request goes to the first provider. If that fails before the first event of its answer, in a way that says nothing
    against the request (see `another_may_do`), it goes to the next. After the first event it stays where it is: an
    answer that breaks off is raised. A provider that keeps failing is left alone for a while, see `Breaker`.

    Each answers with its own model. What a request says in the terms of one provider, its `model` and its `extra_body`,
    goes to the first alone; the others are sent it without.

    Each is opened when it is first needed. It tries as often, and waits as long, as its own policy says before the
    next one is asked: one without a `Timeouts` that stalls is waited for.

    Args:
        models: Providers in the order in which they are asked, or their names; see :func:`model_named`.
        breaker: When one is left alone, and for how long.
        name: The name that errors and metrics give it. By default the names of the providers.

    Raises:
        ValueError: there is no provider.
        UnknownModel: there is none of that name.
    """

    providers: tuple[Provider, ...]
    breaker: Breaker
    name: str

    def __init__(self, *models: Provider | str, breaker: Breaker | None = None, name: str | None = None) -> None:
        if not models:
            raise ValueError("a fallback needs at least one provider")
        providers = tuple(map(as_provider, models))
        object.__setattr__(self, "providers", providers)
        object.__setattr__(self, "breaker", breaker or Breaker())
        object.__setattr__(self, "name", name or " or ".join(provider.name for provider in providers))

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["FallbackConnection"]:
        """Open it, and none of its providers yet; see `Provider.open`. They are closed in reverse order."""
        async with open_nursery() as nursery:
            standbys = Standbys(nursery)
            members = tuple(_Member(standbys.add(provider), self.breaker) for provider in self.providers)
            connection = FallbackConnection(self.name, members)
            try:
                yield connection
            finally:
                connection.closed = True
                # Bounded by what each provider gets to close.
                with trio.CancelScope(shield=True):
                    await standbys.close()


@frozen
class MemberStatistics:
    """How one provider of a fallback does.

    Attributes:
        provider: Its name.
        state: Whether requests go to it.
        open_for_s: For how long it is still left alone.
        asked: How many requests went to it.
        failed: How many of them it failed, in a way that speaks of it.
    """

    provider: str
    state: CircuitState
    open_for_s: float
    asked: int
    failed: int


class FallbackConnection:
    """The open side of a `FallbackProvider`."""

    def __init__(self, name: str, members: "tuple[_Member, ...]") -> None:
        self._name = name
        self._members = members
        self.closed = False

    def statistics(self) -> tuple[MemberStatistics, ...]:
        """How each provider does, in their order."""
        return tuple(member.statistics() for member in self._members)

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[EventStream]:
        """Stream the answer of the first provider that gives one; see `Connection.stream` and `FallbackProvider`.

        Entering waits until the first event has come.

        Raises:
            FallbackExhausted: on entering: no provider answered.
        """
        if self.closed:
            raise trio.ClosedResourceError(f"provider {self._name!r} is not open any more")
        last: ProviderError | None = None
        for member in self._members:
            asked = request if member is self._members[0] else _in_general(request)
            if (ticket := member.circuit.ask(trio.current_time())) is None:
                continue
            answered = False
            try:
                async with member.answer(asked, ticket) as stream:
                    answered = True
                    yield stream
                    return
            except ProviderError as error:
                if answered or not another_may_do(error):
                    raise
                last = error
        raise self._exhausted() from last

    def _exhausted(self) -> FallbackExhausted:
        now = trio.current_time()
        return FallbackExhausted(
            self._name,
            tuple(member.error for member in self._members if member.error is not None),
            min(member.circuit.open_for_s(now) for member in self._members),
        )


def _in_general(request: ModelRequest) -> ModelRequest:
    """The request without what it says in the terms of one provider."""
    if request.model is None and not request.extra_body:
        return request
    return attrs.evolve(request, model=None, extra_body={})


class _Member:
    """One provider of a fallback."""

    def __init__(self, standby: Standby, breaker: Breaker) -> None:
        self.standby = standby
        self.circuit = Circuit(breaker)
        self.error: ProviderError | None = None  # the last that spoke of it
        self._asked = 0
        self._failed = 0

    def statistics(self) -> MemberStatistics:
        now = trio.current_time()
        return MemberStatistics(
            self.standby.provider.name,
            self.circuit.state(now),
            self.circuit.open_for_s(now),
            self._asked,
            self._failed,
        )

    @asynccontextmanager
    async def answer(self, request: ModelRequest, ticket: Ticket) -> AsyncGenerator[EventStream]:
        """Ask it, and give its answer, of which the first event has come. Tells the breaker what becomes of it."""
        self._asked += 1
        answered = False
        try:
            connection = await self.standby.connection()
            async with connection.stream(request) as source:
                relay = Relay(self.standby.provider.name, source, _UNBOUNDED)
                await relay.begin()
                answered = True
                if ticket.probe:  # it need not wait for the end: the others wait for it
                    self.circuit.succeeded(ticket)
                stream = EventStream(partial(self._more, relay, ticket), received=relay.text, quota=relay.quota)
                try:
                    yield stream
                finally:
                    stream.close()
        except ProviderError as error:
            if not answered:
                self._judge(error, ticket)
            raise
        finally:
            # What was told before stands: a ticket counts once.
            if answered:
                self.circuit.succeeded(ticket)
            else:
                self.circuit.abandoned(ticket)

    async def _more(self, relay: Relay, ticket: Ticket, arrived: Arrived) -> None:
        try:
            await relay.more(arrived)
        except ProviderError as error:
            self._judge(error, ticket)
            raise

    def _judge(self, error: ProviderError, ticket: Ticket) -> None:
        if another_may_do(error):
            self.error = error
            self._failed += 1
            self.circuit.failed(ticket, trio.current_time())
        else:
            self.circuit.succeeded(ticket)
