"""The mock server of the suite: a process of its own, so that what it costs is not counted, and its address."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from actrio.benchmarks._sockets import room_for_sockets

_PROGRAM: Final = Path(__file__).with_name("_server_program.py")

# How long a server whose input was closed may take to end, in seconds.
_ENDING_S: Final = 5.0

# Sockets that a thousand streams need on either side, with room for those of the run before that still close.
_SOCKETS: Final = 4096

_address: ContextVar[str] = ContextVar("_address")


@contextmanager
def serving() -> Generator[None]:
    """Run the server while the block runs; `address` says where. It ends with the block, or with this process.

    Raises:
        RuntimeError: it did not start; what it had to say is on standard error.
    """
    with room_for_sockets(_SOCKETS), _started() as address:
        token = _address.set(address)
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


@contextmanager
def _started() -> Generator[str]:
    # -I: nothing but Python's own modules is needed, nor the folder of the program.
    command = [sys.executable, "-I", str(_PROGRAM)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own file
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip().decode()
            if not port:
                raise RuntimeError("the benchmark's server did not start; what it had to say is above")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING_S)
            process.kill()
