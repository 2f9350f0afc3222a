"""The program that measures a peer, run by the interpreter of the peer's environment, which has no actrio.

Its arguments are the path of an adapter and a list of folders to import from. It prints "ready", then answers each line
of its standard input, a JSON list of a measurement and a size, with a line of JSON: ``{"value": …}``,
``{"unavailable": why}`` or ``{"failed": why}``. It ends with its input.

An adapter is a module with a function for each measurement, sync or async, that takes a size, does that much work,
asserts that it was done right, and returns the figure; a text in place of a function says why there is none.
"""

import asyncio
import gc
import importlib.util
import inspect
import json
import logging
import os
import sys
import tracemalloc
from contextlib import contextmanager
from pathlib import Path


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


def _answer(adapter, name: str, size: int):
    side = getattr(adapter, name, f"it has no {name}")
    if isinstance(side, str):
        return {"unavailable": side}
    gc.collect()
    try:
        value = getattr(adapter, "run", _run)(side, size)
    except Exception as error:  # whatever it is, it is this peer's answer
        return {"failed": f"{type(error).__name__}: {error}"[:200]}
    return {"value": value}


def _run(side, size: int):
    return asyncio.run(side(size)) if inspect.iscoroutinefunction(side) else side(size)


def main() -> None:
    # Standard output is for answers alone: what a library prints goes to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    logging.disable(logging.CRITICAL)
    path = Path(sys.argv[1])
    try:
        adapter = _load(path)
    except ImportError as error:
        print(json.dumps({"failed": f"{type(error).__name__}: {error}"}), file=answers, flush=True)
        return
    print(json.dumps({"ready": path.stem}), file=answers, flush=True)
    for line in sys.stdin:
        name, size = json.loads(line)
        print(json.dumps(_answer(adapter, name, size)), file=answers, flush=True)


def _load(path: Path):
    sys.modules["program"] = sys.modules["__main__"]
    # By its path, under a name of its own: an adapter is called as the library it imports.
    spec = importlib.util.spec_from_file_location(f"adapter_{path.stem}", path)
    adapter = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(adapter)
    return adapter


if __name__ == "__main__":
    main()
