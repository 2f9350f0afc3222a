"""Room for the sockets of a run: systems bound how many files a process may have open, some as low as 256."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def room_for_sockets(wanted: int) -> Generator[None]:
    """Raise the bound while the block runs, as far as the system lets; processes that are started in it inherit it."""
    try:
        import resource
    except ImportError:  # there is no such bound where there is no such module
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < raised:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
