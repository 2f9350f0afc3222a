"""The mock server of the suite: a process of its own, so that what it costs is not counted, and its address."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from actrio.benchmarks._program import running
from actrio.benchmarks._sockets import room_for_sockets

_PROGRAM: Final = Path(__file__).with_name("_server_program.py")

# Sockets that a thousand streams need on either side, with room for those of the run before that still close.
_SOCKETS: Final = 4096

_address: ContextVar[str] = ContextVar("_address")


@contextmanager
def serving() -> Generator[None]:
    """Run the server while the block runs; `address` says where. It ends with the block, or with this process.

    Raises:
        RuntimeError: it did not start; what it had to say is on standard error.
    """
    with room_for_sockets(_SOCKETS), running(_PROGRAM) as (port,):
        token = _address.set(f"http://127.0.0.1:{port}")
        try:
            yield
        finally:
            _address.reset(token)


def address(tokens: int, pace_ms: int = 0) -> str:
    """Where the running server gives answers of so many tokens, at that pace; see `_server_program`.

    Raises:
        LookupError: no server runs.
    """
    return f"{_address.get()}/{tokens}/{pace_ms}/v1"
