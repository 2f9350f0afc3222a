"""What the tests of the ledger share."""

from typing import Any

import trio
import trio.testing

from actrio.mailbox import DeadReason, Inbox, Overflow

settle = trio.testing.wait_all_tasks_blocked
Dead = list[tuple[Any, DeadReason]]


def full(overflow: Overflow, *values: str, **settings: Any) -> tuple[Inbox[Any], Dead]:
    """The inbox of "ada", full of these messages, and the dead letters it told of."""
    dead: Dead = []
    inbox: Inbox[Any] = Inbox(
        "ada",
        capacity=len(values),
        overflow=overflow,
        clock=lambda: 0.0,
        on_dead=lambda letter, reason: dead.append((letter.message, reason)),
        **settings,
    )
    for value in values:
        inbox.send_nowait(value)
    return inbox, dead


def rest(inbox: Inbox[Any]) -> list[Any]:
    """What is still queued, taken."""
    return [letter.message for letter in iter(inbox.take, None)]
