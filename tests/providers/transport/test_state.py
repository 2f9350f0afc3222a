from itertools import product

import pytest

from actrio.providers.transport._state import TRANSITIONS, IllegalSignal, Signal, State, after

EXCHANGE = [Signal.REQUEST, Signal.SENT, Signal.HEAD, Signal.ANSWERED]


def test_exchanges_follow_one_another() -> None:
    state = after(State.NEW, Signal.OPENED)
    for signal in EXCHANGE * 2:
        state = after(state, signal)
    assert state is State.IDLE


@pytest.mark.parametrize("state", State)
def test_it_can_be_closed_at_any_time_and_is_closed_for_good(state: State) -> None:
    assert after(state, Signal.CLOSE) is State.CLOSED
    assert set(TRANSITIONS[State.CLOSED]) == {Signal.CLOSE}


def test_what_is_not_in_the_table_is_refused() -> None:
    refused = 0
    for state, signal in product(State, Signal):
        if signal not in TRANSITIONS[state]:
            refused += 1
            with pytest.raises(IllegalSignal, match=f"^{signal.name} cannot happen to .* {state.name}$"):
                after(state, signal)
    assert refused == len(State) * len(Signal) - 11
