"""When a provider that keeps failing is left alone, and how it comes back. Pure: the time is given.

Closed, requests go through; so many failures in a row open it. Open, none goes through until it has cooled down. Then
it is half open: one request goes through as a probe, and what becomes of it closes or opens it again. A probe that was
given up, by cancellation for example, has shown nothing, and the next request is one.
"""

from enum import Enum
from math import isfinite
from typing import Final

from attrs import Attribute, field, frozen


def _positive(_: object, attribute: "Attribute[int]", value: int) -> None:
    if value < 1:
        raise ValueError(f"{attribute.name} must be at least 1, not {value!r}")


def _duration(_: object, attribute: "Attribute[float]", value: float) -> None:
    if not (isfinite(value) and value >= 0):
        raise ValueError(f"{attribute.name} is a finite number of seconds, 0 or more, not {value!r}")


@frozen(kw_only=True)
class Breaker:
    """When a provider is left alone for a while.

    Args:
        failures: After how many in a row.
        cooldown_s: For how many seconds.

    Raises:
        ValueError: a number is out of its range; the error says which.
    """

    failures: int = field(default=5, validator=_positive)
    cooldown_s: float = field(default=30.0, validator=_duration)


class CircuitState(Enum):
    """Whether requests go through."""

    CLOSED = "closed"  # all do
    OPEN = "open"  # none does
    HALF_OPEN = "half open"  # the next one does, as a probe
    PROBING = "probing"  # one does, and the others wait for what becomes of it


class Signal(Enum):
    """What happens to a circuit."""

    TRIPPED = "tripped"  # too many failures in a row
    COOLED = "cooled"
    PROBED = "probed"  # a probe went through
    SUCCEEDED = "succeeded"  # the probe did
    FAILED = "failed"
    ABANDONED = "abandoned"


_NEXT: Final = {
    (CircuitState.CLOSED, Signal.TRIPPED): CircuitState.OPEN,
    (CircuitState.OPEN, Signal.COOLED): CircuitState.HALF_OPEN,
    (CircuitState.HALF_OPEN, Signal.PROBED): CircuitState.PROBING,
    (CircuitState.PROBING, Signal.SUCCEEDED): CircuitState.CLOSED,
    (CircuitState.PROBING, Signal.FAILED): CircuitState.OPEN,
    (CircuitState.PROBING, Signal.ABANDONED): CircuitState.HALF_OPEN,
}


def next_state(state: CircuitState, signal: Signal) -> CircuitState:
    """The state after the signal. Raises: ValueError if it cannot come in this state."""
    try:
        return _NEXT[state, signal]
    except KeyError:
        raise ValueError(f"a circuit that is {state.value} cannot be {signal.value}") from None


class Ticket:
    """One request that went through. `probe` says whether the circuit's fate hangs on it."""

    __slots__ = ("era", "probe")

    def __init__(self, era: int, *, probe: bool) -> None:
        self.era = era
        self.probe = probe


class Circuit:
    """The breaker of one provider.

    What becomes of a request counts only while the circuit is as it was when the request went through: one that was
    sent long ago says nothing of how the provider is now. So a ticket counts once, at most.
    """

    __slots__ = ("_breaker", "_era", "_failures", "_open_until", "_state")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._state = CircuitState.CLOSED
        self._era = 0  # how often the state has changed
        # Invariant: 0 unless closed, and less than the breaker's `failures`.
        self._failures = 0
        self._open_until = 0.0

    def state(self, now: float) -> CircuitState:
        """How it is."""
        if self._state is CircuitState.OPEN and now >= self._open_until:
            self._go(Signal.COOLED)
        return self._state

    def open_for_s(self, now: float) -> float:
        """How long until it has cooled down; 0 if it is not open."""
        return self._open_until - now if self.state(now) is CircuitState.OPEN else 0.0

    def ask(self, now: float) -> Ticket | None:
        """A ticket for a request that may go through now; None if it may not. What becomes of it must be told."""
        state = self.state(now)
        if state is CircuitState.HALF_OPEN:
            self._go(Signal.PROBED)
            return Ticket(self._era, probe=True)
        return Ticket(self._era, probe=False) if state is CircuitState.CLOSED else None

    def succeeded(self, ticket: Ticket) -> None:
        """The provider did its part."""
        if self._takes(ticket):
            self._failures = 0
            if self._state is CircuitState.PROBING:
                self._go(Signal.SUCCEEDED)

    def failed(self, ticket: Ticket, now: float) -> None:
        """The provider did not."""
        if not self._takes(ticket):
            return
        if self._state is CircuitState.PROBING:
            self._open(Signal.FAILED, now)
        elif self._failures + 1 >= self._breaker.failures:
            self._open(Signal.TRIPPED, now)
        else:
            self._failures += 1

    def abandoned(self, ticket: Ticket) -> None:
        """Nothing was learned of the provider."""
        if self._takes(ticket) and self._state is CircuitState.PROBING:
            self._go(Signal.ABANDONED)

    def _takes(self, ticket: Ticket) -> bool:
        counts, ticket.era = ticket.era == self._era, -1
        return counts

    def _open(self, signal: Signal, now: float) -> None:
        self._failures = 0
        self._open_until = now + self._breaker.cooldown_s
        self._go(signal)

    def _go(self, signal: Signal) -> None:
        self._state = next_state(self._state, signal)
        self._era += 1
