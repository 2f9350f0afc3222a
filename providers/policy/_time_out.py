"""A bound on how long something takes, which raises `ProviderTimeout` and knows itself from its caller's own scopes."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from math import inf

import trio

from actrio.providers._errors import ProviderTimeout, TimeoutPhase


class TimeOut:
    """A bound that can be lifted, once what it bounds is over, though its block goes on."""

    __slots__ = ("_scope",)

    def __init__(self, scope: trio.CancelScope | None) -> None:
        self._scope = scope

    async def lift(self) -> None:
        """Let the block go on for any time. If its time was up by now, this is where that shows."""
        if self._scope is not None:
            self._scope.deadline = inf
            if self._scope.cancel_called:
                await trio.lowlevel.checkpoint()


_unbounded = TimeOut(None)


def _nothing() -> str:
    return ""


@contextmanager
def time_out(
    provider: str, phase: TimeoutPhase, seconds: float | None, received: Callable[[], str] = _nothing
) -> Generator[TimeOut]:
    """Bound the block. Cancellation from outside passes through, also where the time is up as well.

    Args:
        provider: Whom the error names.
        phase: What it says has taken too long.
        seconds: How long it may take; None for any time.
        received: Gives the text that the error keeps.

    Raises:
        ProviderTimeout: it took longer and was cancelled.
    """
    if seconds is None:
        yield _unbounded
        return
    with trio.CancelScope(deadline=trio.current_time() + seconds) as scope:
        yield TimeOut(scope)
    if scope.cancelled_caught:
        raise ProviderTimeout(provider, phase, seconds, received())
