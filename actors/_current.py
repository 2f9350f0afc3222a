"""Which runtime is open where the running code runs."""

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actrio.actors._runtime import Runtime

# Tasks inherit it, from inside the block of `open_runtime` and from the actors.
opened: ContextVar["Runtime | None"] = ContextVar("actrio_runtime", default=None)


def current_runtime() -> "Runtime | None":
    """The runtime in whose block, or in one of whose actors, this is called: the innermost. None: in none."""
    return opened.get()
