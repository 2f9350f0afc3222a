"""What the tests of inboxes share: a message, consumers that count as actors, asks that note their end, cancelling."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from math import inf
from typing import Any

import trio
import trio.testing
from attrs import frozen

from actrio.mailbox import Envelope, Inbox, Request, Stage, ask
from actrio.mailbox._working import current_inbox, workers

Body = Callable[[Inbox[Any]], Awaitable[object]]


@frozen
class Question(Request[str]):
    """Asked, and answered with a text."""

    text: str = "?"


def messages(letters: list[Envelope[Any]]) -> list[Any]:
    """What the letters say."""
    return [letter.message for letter in letters]


async def consume(inbox: Inbox[Any], body: Body) -> None:
    """Run ``body`` as the actor the inbox belongs to, as the runtime runs a coroutine actor: in a task of its own."""
    async with trio.open_nursery() as nursery:  # noqa: ASYNC112 - not redundant: the task has its own context variables
        nursery.start_soon(_consume, inbox, body)


async def _consume(inbox: Inbox[Any], body: Body) -> None:
    current_inbox.set(inbox)
    task = trio.lowlevel.current_task()
    workers[task] = inbox
    inbox.aside = Envelope(None, inbox, None, inbox.clock(), stage=Stage.IN_HAND)
    try:
        await body(inbox)
        inbox.settle_in_hand()
    finally:
        for letter in tuple(inbox.in_hand):
            letter.cut("its consumer ended")
        inbox.aside = None
        del workers[task]


class Asked:
    """An ask in a task of its own. Cancelled by its ``scope``; notes each end it has in ``ends``."""

    def __init__(self, deadline: float = inf) -> None:
        self.scope = trio.CancelScope(deadline=deadline)
        self.ends: list[object] = []

    async def run(self, inbox: Inbox[Any], message: Request[Any], *, detached: bool = False) -> None:
        with self.scope:
            try:
                self.ends.append(await ask(inbox, message, detached=detached))
            except trio.Cancelled:
                self.ends.append(trio.Cancelled)
                raise
            except Exception as error:  # noqa: BLE001 - an end like any other, for the test to look at
                self.ends.append(error)

    @property
    def end(self) -> Any:
        """The one end it had."""
        assert len(self.ends) == 1, f"an ask ends exactly once, and this one has ended as {self.ends}"
        return self.ends[0]


async def start_ask(
    nursery: trio.Nursery, inbox: Inbox[Any], *, detached: bool = False, deadline: float = inf
) -> Asked:
    """Ask in a task of the nursery, and let it wait."""
    asked = Asked(deadline)
    nursery.start_soon(partial(asked.run, inbox, Question(), detached=detached))
    await trio.testing.wait_all_tasks_blocked()
    return asked


@asynccontextmanager
async def ask_in_hand(inbox: Inbox[Any], **settings: Any) -> AsyncGenerator[tuple[Asked, Envelope[Any]]]:
    """An ask that waits, and its letter in the hand of its actor. Leaving waits for the end of the ask."""
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, inbox, **settings)
        letter = inbox.receive_nowait()
        try:
            yield asked, letter
        finally:
            letter.cut("the test is over")  # an end for the asker of a test that failed


class CancelAt(trio.abc.Instrument):
    """Cancels an operation once it has been suspended ``after`` times; before its start for 0.

    Attributes: ``came``, whether it lasted long enough to be cancelled.
    """

    def __init__(self, after: int) -> None:
        self._left = after
        self._scope = trio.CancelScope()
        self._task: trio.lowlevel.Task | None = None

    @property
    def came(self) -> bool:
        return self._scope.cancel_called

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()

    async def __call__(self, operation: Callable[[], Awaitable[object]]) -> bool:
        """True if the cancellation came out of it."""
        self._task = trio.lowlevel.current_task()
        if self._left == 0:
            self._scope.cancel()
        trio.lowlevel.add_instrument(self)
        try:
            with self._scope:
                await operation()
        finally:
            trio.lowlevel.remove_instrument(self)
        return self._scope.cancelled_caught


async def cancel_at_each_await(scenario: Callable[[CancelAt], Awaitable[object]]) -> int:
    """Run the scenario with its operation cancelled before it, then at its first await, its second, and so on.

    Gives how often, so that a test can say how many awaits there are at least.
    """
    after = 0
    while True:
        cancel = CancelAt(after)
        await scenario(cancel)
        if not cancel.came:
            return after
        after += 1
