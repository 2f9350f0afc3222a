"""Messages and actors that the tests of this folder share, and the helper that cancels at every await."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

import trio
from attrs import field, frozen

from actrio.actors import Actor, ActorRef, Down, handles
from actrio.mailbox import Inbox, Request


@frozen
class Add:
    """Told: add to what a Counter counts."""

    n: int = 1


@frozen
class Get(Request[int]):
    """Asked: what it counted."""


@frozen
class Boom(Request[int]):
    """Asked or told: crash."""

    text: str = "boom"


@frozen
class Nap(Request[str]):
    """Asked or told: sleep, then answer. Seconds."""

    seconds: float = float("inf")


@frozen
class Late(Request[int]):
    """Asked or told: sleep, then crash. Seconds."""

    seconds: float = 1.0


@frozen
class Echo(Request[Any]):
    """Asked: give it back."""

    value: Any = None


@frozen
class Do(Request[Any]):
    """Asked or told: await what this makes of the actor."""

    work: Callable[[Any], Awaitable[Any]]


@frozen
class Unknown(Request[int]):
    """Nobody handles this."""


@frozen
class Log:
    """What happened, in order."""

    lines: list[str] = field(factory=list[str])

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def take(self) -> list[str]:
        """What happened since this was last called."""
        lines = list(self.lines)
        self.lines.clear()
        return lines


def ignore(_: str) -> None:
    """No log."""


class Counter(Actor):
    """Counts, crashes and sleeps on demand; tells its log of the steps of its life."""

    def __init__(self, log: Callable[[str], None] = ignore, label: str = "counter") -> None:
        self.log = log
        self.label = label
        self.count = 0

    async def started(self) -> None:
        self.log(f"{self.label} started")

    async def stopped(self) -> None:
        self.log(f"{self.label} stopped")

    @handles
    async def add(self, message: Add) -> None:
        self.count += message.n

    @handles
    async def get(self, _: Get) -> int:
        return self.count

    @handles
    async def boom(self, message: Boom) -> int:
        raise ValueError(message.text)

    @handles
    async def nap(self, message: Nap) -> str:
        self.log(f"{self.label} naps")
        try:
            await trio.sleep(message.seconds)
        finally:
            self.log(f"{self.label} awake")
        return "rested"

    @handles
    async def late(self, message: Late) -> int:
        await trio.sleep(message.seconds)
        raise ValueError("late")

    @handles
    async def echo(self, message: Echo) -> Any:
        return message.value

    @handles
    async def do(self, message: Do) -> Any:
        return await message.work(self)


class Watcher(Actor):
    """Does what it is asked to, and keeps the Down messages it gets."""

    def __init__(self, downs: list[Down]) -> None:
        self.downs = downs

    @handles
    async def down(self, message: Down) -> None:
        self.downs.append(message)

    @handles
    async def do(self, message: Do) -> Any:
        return await message.work(self)


async def counter(inbox: Inbox[Any], log: Callable[[str], None] = ignore) -> None:
    """A coroutine actor: counts, crashes, returns when told None."""
    log("started")
    count = 0
    async for letter in inbox:
        match letter.message:
            case Add(n):
                count += n
            case Get():
                letter.reply(count)
            case Boom(text):
                raise ValueError(text)
            case Nap(seconds):
                with letter.work():
                    await trio.sleep(seconds)
                    if letter.is_ask:
                        letter.reply("rested")
            case Do(work):
                letter.reply(await work(inbox))
            case _:
                break
    log("ended")


# A factory of an actor of whatever kind; Counter and counter are of this type.
Factory = Callable[[], Actor] | Callable[[Inbox[Any]], Awaitable[None]]


async def crash(ref: ActorRef[Any], text: str = "boom") -> None:
    """Crash an actor by an ask, which takes the error."""
    try:
        await ref.ask(Boom(text))
    except ValueError as error:
        assert str(error) == text  # noqa: PT017 - the error of the handler, and no other
    else:
        raise AssertionError("it did not crash")


async def settle() -> None:
    """Let everything run that can without the clock moving."""
    await trio.testing.wait_all_tasks_blocked()


def order_tasks_by(seed: int) -> None:
    """Make the order in which Trio runs tasks that are ready depend on a seed alone."""
    scheduler: Any = import_module("trio._core._run")  # there is no public way; pytest-trio does the same
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True
    scheduler._r.seed(seed)


class CancelAt(trio.abc.Instrument):
    """Cancels a scope when a task yields for the n-th time; any task if none is named."""

    def __init__(self, scope: trio.CancelScope, at: int, task: trio.lowlevel.Task | None) -> None:
        self.scope = scope
        self.left = at
        self.task = task

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.task is None or task is self.task:
            self.left -= 1
            if self.left == 0:
                self.scope.cancel()


async def cancelled_at(at: int, work: Callable[[], Awaitable[Any]], *, any_task: bool = False) -> bool:
    """Await ``work()``, cancelled when this task (or any) yields for the n-th time. False: it ended before."""
    scope = trio.CancelScope()
    cutter = CancelAt(scope, at, None if any_task else trio.lowlevel.current_task())
    with scope:
        trio.lowlevel.add_instrument(cutter)
        try:
            await work()
        finally:
            trio.lowlevel.remove_instrument(cutter)
    return cutter.left <= 0
