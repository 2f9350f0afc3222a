"""What can go wrong in a flow, beside what its handlers raise."""

from actrio.mailbox import ActrioError


class FlowSealed(ActrioError):
    """A signal came from outside to a run that takes none any more.

    Attributes: ``flow``, ``life`` ("sealed" or "closed").
    """

    def __init__(self, flow: str, life: str) -> None:
        self.flow = flow
        self.life = life
        super().__init__(
            f"the run of flow {flow!r} is {life} and takes no signals from outside. Emit before seal() and before its "
            f"block ends, or open another run"
        )


class FlowNeverSettles(ActrioError):
    """More signals were emitted than a run may have.

    Attributes: ``flow``, ``max_signals``, ``loop`` (handlers that set each other off, in order; empty if none do).
    """

    def __init__(self, flow: str, max_signals: int, loop: tuple[str, ...]) -> None:
        self.flow = flow
        self.max_signals = max_signals
        self.loop = loop
        found = f": the loop {' -> '.join((*loop, loop[0]))} goes on" if loop else ""
        super().__init__(
            f"the run of flow {flow!r} did not settle within max_signals={max_signals}{found}. Have a handler of it "
            f"stop emitting, or raise max_signals"
        )


class FlowInterrupted(ActrioError):
    """What those get who read a run, or wait for one, that was cancelled. Attribute: ``flow``."""

    def __init__(self, flow: str) -> None:
        self.flow = flow
        super().__init__(f"the run of flow {flow!r} was cancelled before it settled. What it had put before is kept")


class NotWaiting(ActrioError):
    """An answer came for which no handler waits.

    Attributes: ``flow``, ``answer_type``, ``key``, ``waiting`` (what is waited for).
    """

    def __init__(self, flow: str, answer_type: str, key: str, waiting: tuple[tuple[str, str], ...]) -> None:
        self.flow = flow
        self.answer_type = answer_type
        self.key = key
        self.waiting = waiting
        known = ", ".join(f"{kind} for {key!r}" for kind, key in waiting) or "nothing"
        super().__init__(f"no handler of flow {flow!r} waits for {answer_type} for {key!r}; waited for is: {known}")


class FlowDiverged(ActrioError):
    """A restored handler does something else than it did before it was saved.

    Attributes: ``flow``, ``handler``.
    """

    def __init__(self, flow: str, handler: str, did: str, does: str) -> None:
        self.flow = flow
        self.handler = handler
        super().__init__(
            f"handler {handler!r} of flow {flow!r} had {did} at this point before it was saved, and now {does}. "
            f"Restore with the handlers that were saved; before pause_for() they cannot depend on the time or on chance"
        )


class InvalidFlow(ActrioError):
    """A flow that cannot be, or a snapshot that is not this flow's. Attribute: ``flow``."""

    def __init__(self, flow: str, problem: str) -> None:
        self.flow = flow
        super().__init__(f"flow {flow!r}: {problem}")
