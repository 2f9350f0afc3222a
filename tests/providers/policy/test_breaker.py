from itertools import product
from math import inf

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from actrio.providers.policy import Breaker, CircuitState
from actrio.providers.policy._breaker import Circuit, Signal, Ticket, next_state

CLOSED, OPEN, HALF_OPEN, PROBING = CircuitState


def opened(failures: int = 1, cooldown_s: float = 10) -> Circuit:
    """A circuit that opened at 0."""
    circuit = Circuit(Breaker(failures=failures, cooldown_s=cooldown_s))
    for _ in range(failures):
        circuit.failed(ask(circuit, 0), 0)
    return circuit


def ask(circuit: Circuit, now: float) -> Ticket:
    ticket = circuit.ask(now)
    assert ticket is not None
    return ticket


def test_a_signal_that_cannot_come_is_refused() -> None:
    legal = {(CLOSED, "TRIPPED"), (OPEN, "COOLED"), (HALF_OPEN, "PROBED")}
    legal |= {(PROBING, "SUCCEEDED"), (PROBING, "FAILED"), (PROBING, "ABANDONED")}

    for state, signal in product(CircuitState, Signal):
        if (state, signal.name) in legal:
            next_state(state, signal)
        else:
            with pytest.raises(ValueError, match=f"is {state.value} cannot be {signal.value}"):
                next_state(state, signal)


def test_so_many_failures_in_a_row_open_it() -> None:
    circuit = Circuit(Breaker(failures=3, cooldown_s=10))
    for _ in range(2):
        circuit.failed(ask(circuit, 0), 0)
    circuit.succeeded(ask(circuit, 0))
    for _ in range(2):
        circuit.failed(ask(circuit, 0), 0)
    assert circuit.state(0) is CLOSED

    circuit.failed(ask(circuit, 5), 5)

    assert circuit.state(5) is OPEN
    assert circuit.ask(14.9) is None
    assert circuit.open_for_s(6) == 9


def test_when_it_has_cooled_down_one_goes_through_as_a_probe() -> None:
    circuit = opened()

    assert ask(circuit, 10).probe
    assert circuit.ask(10) is None
    assert circuit.ask(1000) is None


def test_a_probe_that_succeeds_closes_it() -> None:
    circuit = opened(failures=2)
    circuit.succeeded(ask(circuit, 10))

    assert circuit.state(10) is CLOSED
    circuit.failed(ask(circuit, 10), 10)
    assert circuit.state(10) is CLOSED


def test_a_probe_that_fails_opens_it_for_as_long_again() -> None:
    circuit = opened(failures=5)
    circuit.failed(ask(circuit, 12), 13)

    assert circuit.ask(22.9) is None
    assert ask(circuit, 23).probe


def test_after_a_probe_that_was_given_up_the_next_request_is_one() -> None:
    circuit = opened()
    circuit.abandoned(ask(circuit, 10))

    assert ask(circuit, 10).probe


def test_what_was_sent_before_it_opened_says_nothing_later() -> None:
    circuit = Circuit(Breaker(failures=1, cooldown_s=10))
    early, other, first = ask(circuit, 0), ask(circuit, 0), ask(circuit, 0)
    circuit.failed(first, 0)
    circuit.succeeded(early)
    assert circuit.state(0) is OPEN

    ask(circuit, 10)
    circuit.failed(other, 11)
    assert circuit.state(11) is PROBING


def test_a_ticket_counts_once() -> None:
    circuit = Circuit(Breaker(failures=2))
    ticket = ask(circuit, 0)
    circuit.failed(ticket, 0)
    circuit.failed(ticket, 0)
    circuit.succeeded(ticket)
    assert circuit.state(0) is CLOSED

    circuit.failed(ask(circuit, 0), 0)
    assert circuit.state(0) is OPEN


class Circuits(RuleBasedStateMachine):
    """A circuit beside a model that is nothing but the list of what has counted."""

    tickets: Bundle[tuple[Ticket, int]] = Bundle("tickets")

    @initialize(failures=st.integers(1, 4), cooldown_s=st.integers(0, 5))
    def begin(self, failures: int, cooldown_s: int) -> None:
        self.breaker = Breaker(failures=failures, cooldown_s=cooldown_s)
        self.circuit = Circuit(self.breaker)
        self.now = 0
        self.epoch = 0  # how often it was opened, closed, or its probe sent or given up
        self.in_a_row = 0
        self.opened_at = -inf
        self.is_open = False
        self.probe: Ticket | None = None

    @rule(seconds=st.integers(0, 6))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(target=tickets)
    def ask(self) -> tuple[Ticket, int]:
        ticket = self.circuit.ask(self.now)
        cooled = self.now >= self.opened_at + self.breaker.cooldown_s
        assert (ticket is not None) is (not self.is_open or (cooled and self.probe is None))
        if ticket is None:
            return Ticket(-1, probe=False), -1
        assert ticket.probe is self.is_open
        if ticket.probe:
            self.probe = ticket
            self.epoch += 1
        return ticket, self.epoch

    @rule(asked=consumes(tickets))
    def fail(self, asked: tuple[Ticket, int]) -> None:
        ticket, epoch = asked
        self.circuit.failed(ticket, self.now)
        if epoch != self.epoch:
            return
        self.in_a_row += 1
        if self.is_open or self.in_a_row == self.breaker.failures:
            self.change(is_open=True)

    @rule(asked=consumes(tickets))
    def succeed(self, asked: tuple[Ticket, int]) -> None:
        ticket, epoch = asked
        self.circuit.succeeded(ticket)
        if epoch == self.epoch:
            self.in_a_row = 0
            if self.is_open:
                self.change(is_open=False)

    @rule(asked=consumes(tickets))
    def abandon(self, asked: tuple[Ticket, int]) -> None:
        ticket, epoch = asked
        self.circuit.abandoned(ticket)
        if epoch == self.epoch and self.is_open:
            self.probe = None
            self.epoch += 1

    def change(self, *, is_open: bool) -> None:
        self.is_open, self.probe, self.in_a_row = is_open, None, 0
        self.opened_at = self.now if is_open else -inf
        self.epoch += 1

    @invariant()
    def its_state_is_what_has_happened_to_it(self) -> None:
        if not self.is_open:
            expected = CLOSED
        elif self.probe is not None:
            expected = PROBING
        else:
            expected = HALF_OPEN if self.now >= self.opened_at + self.breaker.cooldown_s else OPEN
        assert self.circuit.state(self.now) is expected


TestCircuits = Circuits.TestCase


@pytest.mark.parametrize(("setting", "value"), [("failures", 0), ("cooldown_s", -1), ("cooldown_s", inf)])
def test_a_number_out_of_its_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=setting):
        Breaker(**{setting: value})  # type: ignore[arg-type]  # the numbers are wrong on purpose
