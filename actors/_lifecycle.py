"""The life of an actor as a table. No clock, no task, no I/O.

======== =========================================================================================
NEW      has a name and a mailbox; messages queue
STARTING an instance is being built, its ``started`` hook runs; messages queue
RUNNING  messages are handled
CRASHED  an error ended the instance; messages queue, nothing is handled
STOPPING the instance is being ended: what is in hand gets its grace, then ``stopped`` runs
DOWN     there is no instance; messages queue, another instance may be started
STOPPED  for good: the mailbox is closed, the name is free
======== =========================================================================================
"""

from collections.abc import Callable
from enum import Enum

from actrio.mailbox import ActrioError


class State(Enum):
    """Where an actor is in its life."""

    NEW = "new"
    STARTING = "starting"
    RUNNING = "running"
    CRASHED = "crashed"
    STOPPING = "stopping"
    DOWN = "down"
    STOPPED = "stopped"

    # Members are single, and Enum's own takes several times as long.
    __hash__: Callable[["State"], int] = object.__hash__  # type: ignore[assignment]  # mypy: wants it bound


class Signal(Enum):
    """What moves it."""

    START = "start"  # build an instance
    STARTED = "started"  # the instance is ready
    CRASH = "crash"  # an error nobody answered for
    STOP = "stop"  # end the instance, whether for good or for a restart
    ENDED = "ended"  # the instance is gone
    RETIRE = "retire"  # never start another

    __hash__: Callable[["Signal"], int] = object.__hash__  # type: ignore[assignment]  # as State's


class IllegalSignal(ActrioError):
    """A signal that the state does not take; nothing changed. Attributes: ``state``, ``signal``."""

    def __init__(self, state: State, signal: Signal) -> None:
        self.state = state
        self.signal = signal
        takes = ", ".join(s.value for (at, s) in TRANSITIONS if at is state) or "none"
        super().__init__(f"an actor that is {state.value} takes no signal {signal.value!r}; it takes: {takes}")


TRANSITIONS: dict[tuple[State, Signal], State] = {
    (State.NEW, Signal.START): State.STARTING,
    (State.NEW, Signal.RETIRE): State.STOPPED,
    (State.STARTING, Signal.STARTED): State.RUNNING,
    (State.STARTING, Signal.CRASH): State.CRASHED,
    (State.STARTING, Signal.STOP): State.STOPPING,
    (State.RUNNING, Signal.CRASH): State.CRASHED,
    (State.RUNNING, Signal.STOP): State.STOPPING,
    (State.CRASHED, Signal.STOP): State.STOPPING,
    (State.STOPPING, Signal.ENDED): State.DOWN,
    (State.DOWN, Signal.START): State.STARTING,
    (State.DOWN, Signal.RETIRE): State.STOPPED,
}


def advance(state: State, signal: Signal) -> State:
    """The state after a signal. Raises: IllegalSignal."""
    try:
        return TRANSITIONS[state, signal]
    except KeyError:
        raise IllegalSignal(state, signal) from None
