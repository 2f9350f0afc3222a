"""A pytest plugin: a test that leaves a Trio task, a thread, a socket or an unraisable exception behind fails.

Each of them is looked for after the test's own fixtures are torn down, and the failure names what was found. What
existed before the test, such as the server of a fixture with a wider scope, is not blamed on it.

The cyclic garbage a test leaves is collected at its end, while it can still be blamed on the right test. That would
cost 20 to 60 ms a test, nearly all of it to look at imported libraries; so everything older than the test is frozen,
and it costs 0.1 ms. For a test this means that `gc.get_objects()` holds only what was made since the test began.
"""

import gc
import sys
from collections.abc import Callable, Coroutine, Generator
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final

import pytest
import trio

from actrio.testing._orphans import look_round, orphans_since


class LeftTasks(trio.abc.Instrument):
    """Names the tasks that still run in a Trio run when its main task, with all fixtures of the test, has exited.

    Trio cancels them then, so nothing would ever tell of them.
    """

    def __init__(self) -> None:
        self.names: list[str] = []

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        root = trio.lowlevel.current_root_task()
        if root is None or len(root.child_nurseries) < 2:
            return  # before the main task is there, or after it is gone
        # Invariant of trio's `Runner.init`: the outermost nursery holds the task that serves `run_sync_soon`, the one
        # inside it the system tasks, the innermost the main task alone.
        _, *system, main = root.child_nurseries
        if task.parent_nursery is main:
            self.names += [f"task {left.name}" for nursery in system for left in nursery.child_tasks]


_left_tasks: Final = LeftTasks()


def _watched(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
    @wraps(test)
    async def watched(*args: object, **kwargs: object) -> None:
        trio.lowlevel.add_instrument(_left_tasks)
        await test(*args, **kwargs)

    return watched


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Put the instrument into the Trio run of an async test, before pytest-trio makes that run of the function."""
    if isinstance(item, pytest.Function):
        hypothesis = getattr(item.obj, "hypothesis", None)
        if hypothesis is None and iscoroutinefunction(item.obj):
            item.obj = _watched(item.obj)
        elif hypothesis is not None and iscoroutinefunction(hypothesis.inner_test):
            hypothesis.inner_test = _watched(hypothesis.inner_test)
    yield


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Generator[None]:
    """Fail the test if a task, thread, socket or unraisable exception of its own is left when it is over."""
    _left_tasks.names.clear()
    gc.freeze()
    before, in_guest_run = look_round(), trio.lowlevel.in_trio_run()
    yield
    found = [*_left_tasks.names, *_unraisable_in_garbage()]
    if trio.lowlevel.in_trio_run() and not in_guest_run:
        found.append("a Trio run in guest mode")
    found += orphans_since(before)
    if found:
        pytest.fail("left behind: " + "; ".join(found), pytrace=False)


def pytest_unconfigure() -> None:
    """Give pytest's own last collection everything to look at."""
    gc.unfreeze()


def _unraisable_in_garbage() -> list[str]:
    found: list[str] = []

    def note(unraisable: "sys.UnraisableHookArgs") -> None:
        found.append(f"unraisable exception {unraisable.exc_value!r} in {unraisable.object!r}")

    before, sys.unraisablehook = sys.unraisablehook, note
    try:
        gc.collect()
    finally:
        sys.unraisablehook = before
    return found
