"""The life-cycle table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.actors._lifecycle import TRANSITIONS, IllegalSignal, Signal, State, advance


def test_an_uneventful_life_with_one_restart_follows_the_table() -> None:
    state = State.NEW
    story = ["START", "STARTED", "CRASH", "STOP", "ENDED", "START", "STARTED", "STOP", "ENDED", "RETIRE"]
    for signal in story:
        state = advance(state, Signal[signal])
    assert state is State.STOPPED


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("signal", Signal)
def test_every_signal_that_is_not_in_the_table_is_refused_with_those_that_are(state: State, signal: Signal) -> None:
    if (state, signal) in TRANSITIONS:
        assert advance(state, signal) is TRANSITIONS[state, signal]
        return
    with pytest.raises(IllegalSignal) as info:
        advance(state, signal)
    assert (info.value.state, info.value.signal) == (state, signal)
    for at, taken in TRANSITIONS:
        if at is state:
            assert taken.value in str(info.value).split("takes: ")[1]


def test_nothing_leads_out_of_stopped_and_nothing_but_a_first_start_leads_out_of_new() -> None:
    assert not [signal for state, signal in TRANSITIONS if state is State.STOPPED]
    assert State.NEW not in TRANSITIONS.values()
    with pytest.raises(IllegalSignal, match="an actor that is stopped takes no signal 'start'; it takes: none"):
        advance(State.STOPPED, Signal.START)


@pytest.mark.parametrize("state", State)
def test_an_actor_can_be_retired_from_every_state(state: State) -> None:
    reached, todo = {state}, [state]
    while todo:
        at = todo.pop()
        following = {after for (before, _), after in TRANSITIONS.items() if before is at} - reached
        reached |= following
        todo += following
    assert State.STOPPED in reached


@given(st.lists(st.sampled_from(Signal)))
def test_only_a_start_that_was_told_to_be_over_leads_to_running(signals: list[Signal]) -> None:
    state = State.NEW
    for signal in signals:
        try:
            after = advance(state, signal)
        except IllegalSignal:
            continue
        assert (after is State.RUNNING) == (state is State.STARTING and signal is Signal.STARTED)
        state = after
