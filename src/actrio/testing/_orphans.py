"""What a block left behind: tasks, threads, sockets."""

import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import trio
from attrs import frozen

# How long a thread may take to end, in seconds: one that has done its work needs the processor to leave.
GRACE_S: Final = 0.5

_DESCRIPTORS: Final = Path("/proc/self/fd")


class OrphansLeft(AssertionError):
    """Something was left behind. Attribute: ``orphans``, a text for each."""

    def __init__(self, orphans: Iterable[str]) -> None:
        self.orphans: tuple[str, ...] = tuple(orphans)
        super().__init__("left behind: " + "; ".join(self.orphans))


@contextmanager
def assert_no_orphans() -> Generator[None]:
    """Fail if what the block began is still there when it has ended: Trio tasks, threads, sockets.

        with assert_no_orphans():
            async with open_runtime() as runtime:
                ...

    It may stand in a Trio program, or around ``trio.run``. What was there before is not blamed; what other tasks of
    the program begin meanwhile is. A thread that is ending gets half a second. Trio's own idle worker threads, which
    it keeps for later, do not count. Sockets are found on Linux alone. An exception out of the block comes out as it
    is, and nothing is looked at.

    Not a checkpoint. Raises: OrphansLeft, an AssertionError, which names each.
    """
    before = look_round()
    yield
    # A socket that nothing refers to any more is closed by the collector; that it had to be is told by Python itself.
    gc.collect()
    if orphans := orphans_since(before):
        raise OrphansLeft(orphans)


@frozen
class Seen:
    """What there was at one moment: the tasks of this Trio run, threads at work, each where it is, and sockets."""

    tasks: frozenset[trio.lowlevel.Task]
    threads: dict[threading.Thread, FrameType]
    sockets: dict[str, int]


def look_round() -> Seen:
    """What there is now."""
    return Seen(frozenset(_tasks()), _threads(), _sockets())


def orphans_since(before: Seen) -> list[str]:
    """A text for each that is there now and was not then. Blocks for half a second at most, while threads end."""
    now = look_round()
    patience = time.monotonic() + GRACE_S
    while now.threads.keys() - before.threads.keys() and time.monotonic() < patience:
        time.sleep(0.001)
        now = look_round()
    return [
        *(f"task {task.name}" for task in now.tasks - before.tasks),
        *(_describe_thread(*one) for one in now.threads.items() if one[0] not in before.threads),
        *(_describe_socket(*one) for one in now.sockets.items() if one[0] not in before.sockets),
    ]


def _tasks() -> Generator[trio.lowlevel.Task]:
    if not trio.lowlevel.in_trio_run():
        return
    root = trio.lowlevel.current_root_task()
    waiting = [] if root is None else [root]
    while waiting:
        task = waiting.pop()
        yield task
        waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]


def _threads() -> dict[threading.Thread, FrameType]:
    """The threads that run Python code, each with its innermost frame; not Trio's cached workers that wait for work."""
    frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]  # documented, and the only way to ask
    return {
        thread: frames[thread.ident]
        for thread in threading.enumerate()
        if thread.ident in frames and not _is_idle_worker(thread, frames[thread.ident])
    }


def _is_idle_worker(thread: threading.Thread, frame: FrameType) -> bool:
    # The names are those of trio/_core/_thread_cache.py; a worker that is at work is inside a call of that loop.
    return (
        thread.name.startswith("Trio thread ")
        and frame.f_code.co_name == "_work"
        and Path(frame.f_code.co_filename).name == "_thread_cache.py"
    )


def _describe_thread(thread: threading.Thread, frame: FrameType) -> str:
    return f"thread {thread.name} in {frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"


def _sockets() -> dict[str, int]:
    """The open sockets of this process, `{"socket:[inode]": descriptor}`; none where the system has no /proc."""
    found: dict[str, int] = {}
    if not _DESCRIPTORS.is_dir():
        return found
    for descriptor in _DESCRIPTORS.iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue  # the descriptor with which the folder itself was read
        if target.startswith("socket:"):
            found[target] = int(descriptor.name)
    return found


def _describe_socket(name: str, descriptor: int) -> str:
    with socket.socket(fileno=os.dup(descriptor)) as left:
        try:
            peer = f" to {left.getpeername()}"
        except OSError:
            peer = ""
        return f"{name}, descriptor {descriptor}, {left.family.name} {left.getsockname()}{peer}"
