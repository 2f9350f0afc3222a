"""A run at one moment."""

from typing import Any

from attrs import field, frozen


@frozen
class FlowSnapshot:
    """A run at one moment, as `Flow.start` gives it at the end.

    Attributes:
        flow: The name of the flow.
        paused: Whether handlers wait for answers from outside; then ``saved`` is what to restore it from.
        state: As the handlers left it.
        signals: How many were emitted.
        waiting: What is waited for: (name of the answer's type, key).
        saved: Plain data, see `FlowRun.save`; None if nothing is left to do.
    """

    flow: str
    paused: bool
    state: dict[str, Any]
    signals: int
    waiting: tuple[tuple[str, str], ...] = ()
    saved: dict[str, Any] | None = field(default=None, repr=False)
