"""What the tests of the inbox share."""

from collections.abc import Callable
from typing import Any

import trio
import trio.testing

from actrio.mailbox import Inbox

settle = trio.testing.wait_all_tasks_blocked


def filled(*values: str, capacity: int | None = None) -> Inbox[str]:
    """The inbox of "ada" with these messages queued; full unless the capacity says otherwise."""
    inbox: Inbox[str] = Inbox("ada", capacity=capacity or max(len(values), 1), clock=lambda: 0.0)
    for value in values:
        inbox.send_nowait(value)
    return inbox


def drain(inbox: Inbox[Any]) -> list[Any]:
    """What the queue holds, taken and settled."""
    taken: list[Any] = []
    while (letter := inbox.take()) is not None:
        taken.append(letter.message)
        letter.settle()
    return taken


async def settle_then(do: Callable[[], object]) -> None:
    """Do it once everybody waits."""
    await settle()
    do()
