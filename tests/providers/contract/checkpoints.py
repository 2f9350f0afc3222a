"""Cancelling at the n-th checkpoint of a piece of code, for every n."""

from collections.abc import Awaitable, Callable

import trio


class _CancelAt(trio.abc.Instrument):
    """Cancels a scope when a task has come to its n-th wait."""

    def __init__(self, task: trio.lowlevel.Task, scope: trio.CancelScope, checkpoint: int) -> None:
        self._task = task
        self._scope = scope
        self._left = checkpoint

    @property
    def reached(self) -> bool:
        return self._left <= 0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()


async def cancel_at(checkpoint: int, work: Callable[[], Awaitable[None]]) -> bool:
    """Do the work, but cancel it at this checkpoint, counted from 1. False if it has not so many."""
    with trio.CancelScope() as scope:
        instrument = _CancelAt(trio.lowlevel.current_task(), scope, checkpoint)
        trio.lowlevel.add_instrument(instrument)
        try:
            await work()
        finally:
            trio.lowlevel.remove_instrument(instrument)
    return instrument.reached


async def cancel_everywhere(work: Callable[[], Awaitable[None]], step: int = 1) -> int:
    """Do the work again and again, cancelled at a later checkpoint each time, until it has no more. Gives how many."""
    checkpoint = 1
    while await cancel_at(checkpoint, work):
        checkpoint += step
    return checkpoint - 1
