"""The life of a connection, as a table.

    state     OPENED   REQUEST   SENT      HEAD      ANSWERED   CLOSE
    NEW       IDLE     -         -         -         -          CLOSED
    IDLE      -        SENDING   -         -         -          CLOSED
    SENDING   -        -         AWAITING  -         -          CLOSED
    AWAITING  -        -         -         READING   -          CLOSED
    READING   -        -         -         -         IDLE       CLOSED
    CLOSED    -        -         -         -         -          CLOSED

A connection is given out by the pool as NEW or IDLE, and taken back as IDLE or CLOSED. ANSWERED is said only if the
body was read to its end and both sides keep the connection; everything else that ends an exchange says CLOSE.
"""

from enum import Enum, auto
from typing import Final


class State(Enum):
    """Where a connection is."""

    NEW = auto()  # not connected yet
    IDLE = auto()  # connected, between two exchanges
    SENDING = auto()  # a request is being sent
    AWAITING = auto()  # the head of the answer has not come yet
    READING = auto()  # the body of the answer has not ended yet
    CLOSED = auto()  # of no use any more; its socket is closed


class Signal(Enum):
    """What happened to it."""

    OPENED = auto()
    REQUEST = auto()
    SENT = auto()
    HEAD = auto()
    ANSWERED = auto()
    CLOSE = auto()


TRANSITIONS: Final = {
    State.NEW: {Signal.OPENED: State.IDLE, Signal.CLOSE: State.CLOSED},
    State.IDLE: {Signal.REQUEST: State.SENDING, Signal.CLOSE: State.CLOSED},
    State.SENDING: {Signal.SENT: State.AWAITING, Signal.CLOSE: State.CLOSED},
    State.AWAITING: {Signal.HEAD: State.READING, Signal.CLOSE: State.CLOSED},
    State.READING: {Signal.ANSWERED: State.IDLE, Signal.CLOSE: State.CLOSED},
    State.CLOSED: {Signal.CLOSE: State.CLOSED},
}


class IllegalSignal(RuntimeError):
    """A connection was told what cannot happen in its state: a mistake of the code that uses it."""

    def __init__(self, state: State, signal: Signal) -> None:
        super().__init__(f"{signal.name} cannot happen to a connection that is {state.name}")
        self.state = state
        self.signal = signal


def after(state: State, signal: Signal) -> State:
    """The state after the signal.

    Raises:
        IllegalSignal: the table has none.
    """
    try:
        return TRANSITIONS[state][signal]
    except KeyError:
        raise IllegalSignal(state, signal) from None
