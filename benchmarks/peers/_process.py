"""A peer at work: a process of its environment that answers one measurement after the other."""

import json
import os
import signal
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from threading import Timer
from typing import Any, Final, cast

from actrio.benchmarks._harness import Unavailable
from actrio.benchmarks.peers._peer import PROGRAM, Peer

# How long one measurement may take before the peer counts as hanging, in seconds.
PATIENCE_S: Final = 100.0

# How long a process whose input was closed may take to end what it started, in seconds.
_ENDING_S: Final = 10.0

# A proxy would stand between a peer and the server on this machine, and what a user has set of a library, or of the
# OpenAI SDK under it, is none of a benchmark's.
_LEFT_OUT: Final = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "OPENAI_",
    "LANGCHAIN_",
    "LANGSMITH_",
    "OTEL_",
    "RAY_",
)

# Nothing is traced or reported, by what each peer documents.
_TOLD: Final = {
    "AUTOGEN_DISABLE_RUNTIME_TRACING": "true",
    "DO_NOT_TRACK": "1",
    "ENABLE_INSTRUMENTATION": "false",  # agent-framework
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "OTEL_SDK_DISABLED": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_LEFT_OUT)} | _TOLD


class Measuring:
    """The process of one adapter. It starts with the first measurement, and anew after one that hung or broke it."""

    def __init__(self, interpreter: Path, adapter: Path, patience_s: float = PATIENCE_S) -> None:
        self._command = [str(interpreter), "-I", str(PROGRAM), str(adapter)]
        self._patience_s = patience_s
        self._process: subprocess.Popen[str] | None = None
        self.imported_s = 0.0  # processor time of the process when it had imported the peer

    def measure(self, what: str, size: int, setup: Mapping[str, Any] | None = None) -> float:
        """One measurement. Nothing else of this program runs meanwhile.

        Args:
            what: Its name in adapters.
            size: How much work.
            setup: What else the adapter has to know.

        Raises:
            Unavailable: the peer cannot do that, or failed; the text says what it said.
        """
        process = self._process or self._start()
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, which reading its answer tells
            process.stdin.write(json.dumps([what, size, setup or {}]) + "\n")
            process.stdin.flush()
        return float(self._read(process)["value"])

    def _start(self) -> "subprocess.Popen[str]":
        self._process = process = subprocess.Popen(  # noqa: S603 - an environment that the user had made, and our own file
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=_environment(),
            start_new_session=True,  # a group of its own, so that what it starts can be ended with it
        )
        self.imported_s = float(self._read(process)["imported_s"])
        return process

    def _read(self, process: "subprocess.Popen[str]") -> dict[str, Any]:
        assert process.stdout is not None
        timer = Timer(self._patience_s, process.kill)
        timer.start()
        try:
            line = process.stdout.readline()
        finally:
            hung = not timer.is_alive()
            timer.cancel()
            timer.join()
        if not line:
            self.close()
            raise Unavailable(f"it took more than {self._patience_s:g} s" if hung else "its process ended")
        answer = cast("dict[str, Any]", json.loads(line))
        for problem in ("unavailable", "failed"):
            if problem in answer:
                if "Error" in answer[problem] and problem == "failed":
                    self.close()
                raise Unavailable(("" if problem == "unavailable" else "it failed: ") + answer[problem])
        return answer

    def close(self) -> None:
        """End the process, if there is one, and all of its group. It has a while to end by itself."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with process:  # waits, and closes the pipes
            with suppress(BrokenPipeError):
                process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING_S)
            if hasattr(os, "killpg"):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()


_at_work: ContextVar[dict[str, Measuring]] = ContextVar("_at_work")


@contextmanager
def at_work() -> Generator[None]:
    """Processes of peers run while the block does, each from its first measurement on."""
    processes: dict[str, Measuring] = {}
    token = _at_work.set(processes)
    try:
        yield
    finally:
        _at_work.reset(token)
        for one in processes.values():
            one.close()


def measure(peer: Peer, what: str, size: int, setup: Mapping[str, Any] | None = None) -> float:
    """One measurement of a peer; see `Measuring.measure`.

    Raises:
        Unavailable: it is not installed, cannot do that, or failed.
    """
    _check_installed(peer)
    processes = _at_work.get()
    if peer.name not in processes:
        processes[peer.name] = Measuring(peer.interpreter, peer.adapter)
    return processes[peer.name].measure(what, size, setup)


def measure_fresh(peer: Peer, what: str, size: int, setup: Mapping[str, Any]) -> tuple[float, float]:
    """The same in a process of its own, which has done nothing else.

    Returns:
        The processor time in seconds that it took until the peer was imported, and the measurement.
    """
    _check_installed(peer)
    process = Measuring(peer.interpreter, peer.adapter)
    try:
        value = process.measure(what, size, setup)
        return process.imported_s, value
    finally:
        process.close()


def _check_installed(peer: Peer) -> None:
    if not peer.installed:
        raise Unavailable(f"not installed; actrio bench peers --install {peer.name}")
