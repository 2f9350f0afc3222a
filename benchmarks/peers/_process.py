"""A peer at work: a process of its environment that answers one measurement after the other."""

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Timer
from typing import Any, Final, cast

from actrio.benchmarks._harness import Unavailable
from actrio.benchmarks.peers._peer import PROGRAM, Peer

# How long one measurement may take before the peer counts as hanging, in seconds.
PATIENCE_S: Final = 60.0


class Measuring:
    """The process of one adapter. It starts with the first measurement, and anew after one that hung or broke it."""

    def __init__(self, interpreter: Path, adapter: Path, patience_s: float = PATIENCE_S) -> None:
        self._command = [str(interpreter), "-I", str(PROGRAM), str(adapter)]
        self._patience_s = patience_s
        self._process: subprocess.Popen[str] | None = None

    def measure(self, what: str, size: int) -> float:
        """One measurement. Nothing else of this program runs meanwhile.

        Raises:
            Unavailable: the peer cannot do that, or failed; the text says what it said.
        """
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - an environment that the user had made, and our own file
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            self._read(self._process)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, size]) + "\n")
        self._process.stdin.flush()
        return float(self._read(self._process)["value"])

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
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            with process:  # closes the pipes and waits
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


def measure(peer: Peer, what: str, size: int) -> float:
    """One measurement of a peer.

    Raises:
        Unavailable: it is not installed, cannot do that, or failed.
    """
    if not peer.installed:
        raise Unavailable(f"not installed; actrio bench peers --install {peer.name}")
    processes = _at_work.get()
    if peer.name not in processes:
        processes[peer.name] = Measuring(peer.interpreter, peer.adapter)
    return processes[peer.name].measure(what, size)
