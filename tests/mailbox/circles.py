"""Inboxes and actors that wait for one another."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing

from actrio.mailbox import ActrioError, Envelope, Inbox, WaitCycleError, ask
from tests.mailbox.mailroom import Body, Question, consume

settle = trio.testing.wait_all_tasks_blocked
Clock = trio.testing.MockClock


def inboxes(names: str, **settings: Any) -> tuple[Inbox[Any], ...]:
    """One for each letter."""
    return tuple(Inbox(name, **settings) for name in names)


@asynccontextmanager
async def acting(actors: dict[Inbox[Any], Body]) -> AsyncGenerator[None]:
    """These actors, for the time of the block. Whoever would wait for ever gives a TooSlowError."""
    with trio.fail_after(1_000):
        async with trio.open_nursery() as nursery:
            for inbox, body in actors.items():
                nursery.start_soon(consume, inbox, body)
            yield
            nursery.cancel_scope.cancel()


def replying(work: Callable[[Envelope[Any]], Awaitable[Any]]) -> Body:
    """An actor that answers each ask with what the work on it gives or raises, and works on what is told, too."""

    async def body(inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            with letter.work():
                try:
                    reply = await work(letter)
                except ActrioError as error:
                    letter.fail(error)
                else:
                    if letter.is_ask:
                        letter.reply(reply)

    return body


def asks(target: Inbox[Any]) -> Body:
    """An actor that passes each ask on and answers with the answer."""
    return replying(lambda _: ask(target, Question()))


async def yes(_: Envelope[Any]) -> str:
    """Work that takes a second."""
    await trio.sleep(1)
    return "yes"


def ring(error: WaitCycleError) -> str:
    """The names on the cycle, from the least on."""
    *names, last = error.cycle
    assert last == names[0]
    start = names.index(min(names))
    return "".join(names[start:] + names[:start])


async def fill(inbox: Inbox[Any]) -> None:
    """Let everybody wait, then fill the mailbox."""
    await settle()
    while inbox.queued < inbox.capacity:
        inbox.send_nowait("in the way")


def told(work: Callable[[Envelope[Any]], Awaitable[Any]]) -> Body:
    """An actor that does this for each letter, and nothing more once its peer has stopped."""

    async def body(inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            try:
                await work(letter)
            except trio.BrokenResourceError:
                return

    return body
