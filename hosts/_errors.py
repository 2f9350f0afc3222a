"""The errors of crossing between a host program and its runtime."""

from actrio.mailbox import ActrioError


class RuntimeStopped(ActrioError):
    """The host's runtime has ended, or did before it could answer. Its ``__cause__`` is what made it end, if anything.

    Attributes: ``reason`` (one line).
    """

    def __init__(self, reason: str) -> None:
        self.reason: str = reason
        super().__init__(
            f"the host's runtime does not run: {reason}. Calls go inside `with Host() as host:`, or between "
            f"host.start() and host.stop()"
        )


class WrongHost(ActrioError, RuntimeError):
    """A call was made where it would block an event loop, or where that host cannot wait. Nothing was sent.

    Attributes: ``called`` (the name of what was called), ``problem`` (where, and what to use there).
    """

    def __init__(self, called: str, problem: str) -> None:
        self.called: str = called
        self.problem: str = problem
        super().__init__(f"{called}(): {problem}")
