"""The program that measures a peer, run by the interpreter of the peer's environment, which has no actrio.

Its argument is the path of an adapter. It prints "ready", then answers each line of its standard input, a JSON list of
a measurement, a size and what else there is to know, with a line of JSON: ``{"value": …}``, ``{"unavailable": why}`` or
``{"failed": why}``. It ends with its input.

An adapter of actors is a module with a function for each measurement, sync or async, that takes a size, does that much
work, asserts that it was done right, and returns the figure; a text in place of a function says why there is none. One
of agents has `opened`, of which `turns.py` makes all measurements; a text with the name of one says why there is none.
"""

import asyncio
import gc
import importlib.util
import inspect
import json
import logging
import os
import signal
import socket
import sys
import tracemalloc
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import process_time

# Standard output is for answers alone: what a library prints goes to standard error.
_answers = os.dup(1)
os.dup2(2, 1)


class CannotDo(Exception):
    """Raised in a measurement: the peer cannot do that. The text says why."""


@contextmanager
def measured_bytes():
    """Count what Python allocates in the block, to the byte; gives a function that says how much is in use."""

    def in_use() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        yield in_use
    finally:
        tracemalloc.stop()


def _answer(adapter, name: str, size: int, rest: dict):
    side = getattr(adapter, name, f"it has no {name}")
    if isinstance(side, str) and not hasattr(adapter, name) and hasattr(adapter, "opened"):
        # After the adapter, so that what it takes to import it is the peer's alone.
        turns = _load(Path(__file__).with_name("turns.py"), "turns")
        side = partial(getattr(turns, name), adapter.opened, rest)
    if isinstance(side, str):
        return {"unavailable": side}
    gc.collect()
    try:
        value = getattr(adapter, "run", _run)(side, size)
    except CannotDo as reason:
        return {"unavailable": str(reason)}
    except Exception as error:  # whatever it is, it is this peer's answer
        return {"failed": f"{type(error).__name__}: {error}"[:200]}
    return {"value": value}


def _run(side, size: int):
    return asyncio.run(side(size)) if inspect.iscoroutinefunction(side) else side(size)


def _stay_on_loopback() -> None:
    """No library that is measured tells anybody about it, nor fetches what it was not given."""

    def refuse(host) -> None:
        if isinstance(host, bytes):
            host = host.decode()
        if host not in (None, "", "localhost", "::1") and not str(host).startswith("127."):
            raise OSError(f"a benchmark connects to this machine alone, not to {host}")

    def checked(connect):
        def connect_here(self, address):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                refuse(address[0])
            return connect(self, address)

        return connect_here

    look_up = socket.getaddrinfo

    def look_up_here(host, *args, **kwargs):
        refuse(host)
        return look_up(host, *args, **kwargs)

    socket.getaddrinfo = look_up_here
    for name in ("connect", "connect_ex"):
        setattr(socket.socket, name, checked(getattr(socket.socket, name)))


def _end_with_owner() -> None:
    """Even in the middle of a measurement, where the end of its input would not be seen."""
    if sys.platform.startswith("linux"):
        import ctypes  # only now: it is no part of what importing a library takes

        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def answer_and_end(value) -> None:
    """Answer what is measured now, and end this process as it is, in the middle of its work."""
    _say({"value": value})
    os._exit(0)


def _say(answer: dict) -> None:
    os.write(_answers, json.dumps(answer).encode() + b"\n")


def main() -> None:
    logging.disable(logging.CRITICAL)
    _stay_on_loopback()
    path = Path(sys.argv[1])
    try:
        adapter = _load(path, f"adapter_{path.stem}")
    except ImportError as error:
        _say({"failed": f"{type(error).__name__}: {error}"})
        return
    imported_s = process_time()
    _end_with_owner()
    _say({"ready": path.stem, "imported_s": imported_s})
    for line in sys.stdin:
        name, size, rest = json.loads(line)
        _say(_answer(adapter, name, size, rest))


def _load(path: Path, name: str):
    if name in sys.modules:
        return sys.modules[name]
    sys.modules["program"] = sys.modules["__main__"]
    # By its path, under a name of its own: an adapter is called as the library it imports.
    spec = importlib.util.spec_from_file_location(name, path)
    loaded = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


if __name__ == "__main__":
    main()
