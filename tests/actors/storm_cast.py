"""Who is struck by storms: trees of supervisors, and actors that do as they are told."""

from collections import Counter as Count
from contextlib import suppress
from typing import Any, Literal

import trio
from attrs import field, frozen

from actrio.actors import (
    Actor,
    ActorRef,
    Down,
    Restart,
    RuntimeClosed,
    Strategy,
    Supervisor,
    SupervisorRef,
    child,
    current_runtime,
    handles,
)
from actrio.mailbox import ActorStopped, AskCycleError, Inbox, MailboxFull, NotAnswered, Request

REFUSALS = (ActorStopped, AskCycleError, MailboxFull, NotAnswered, RuntimeClosed)
Ending = Literal["leave", "raise", "wait", "early", "cancel", "ctrl-c"]


@frozen(eq=False)
class Mishap(Exception):
    """An error that one of the actors makes. ``life``: which of its starts it was; ``seen``: life events until then."""

    actor: str
    where: str
    life: int
    seen: int

    def __str__(self) -> str:
        return f"{self.actor} in {self.where} of life {self.life}"


class LeftError(Exception):
    """The block is left by this."""


@frozen
class Life:
    """What one instance does. Seconds. ``task``: when a task of it fails, or earlier if it is cancelled."""

    start: float
    fails: bool
    stop: float
    task: float | None = None


@frozen
class Role:
    """One actor; the last of its lives is lived for ever."""

    coroutine: bool
    restart: Restart
    lives: list[Life]
    concurrency: int
    redeliver: bool
    grace: float


@frozen
class Troupe:
    """One supervisor."""

    strategy: Strategy
    restart: Restart
    intensity: int
    members: "list[Role | Troupe]"


@frozen
class Blow:
    """What the driver does next: ``what``, to one of the actors, with another."""

    what: str
    to: int
    other: int
    seconds: float


@frozen
class Storm:
    """A whole schedule. ``at``: after how many steps of tasks it is cancelled or interrupted, if it is."""

    troupe: Troupe
    blows: list[Blow]
    ending: Ending
    at: int
    seed: int


@frozen
class Hit(Request[str]):
    """What an actor is to do."""

    what: str
    seconds: float
    other: int


@frozen
class World:
    """What happened. ``starts``: of each actor; ``up``, ``ended``: instances that had started, and that stopped."""

    refs: list[ActorRef[Any]] = field(factory=list[ActorRef[Any]])
    starts: Count[str] = field(factory=Count[str])
    up: Count[str] = field(factory=Count[str])
    ended: Count[str] = field(factory=Count[str])
    mishaps: list[Mishap] = field(factory=list[Mishap])
    told: list[BaseException] = field(factory=list[BaseException])
    by_hand: set[str] = field(factory=set[str])
    asks: list[str] = field(factory=list[str])

    def mishap(self, name: str, where: str) -> Mishap:
        """A new error."""
        runtime = current_runtime()
        assert runtime is not None
        with runtime.events() as events:
            seen = events.statistics().position + events.statistics().unread
        self.mishaps.append(Mishap(name, where, self.starts[name], seen))
        return self.mishaps[-1]

    async def begin(self, name: str, role: Role, actor: Actor | None = None) -> Life:
        """An instance starts."""
        life = role.lives[min(self.starts[name], len(role.lives) - 1)]
        self.starts[name] += 1
        if actor is not None and life.task is not None:
            actor.ctx.nursery.start_soon(self.fail_in_any_case, name, life.task)
        await trio.sleep(life.start)
        if life.fails:
            raise self.mishap(name, "start")
        self.up[name] += 1
        return life

    async def fail_later(self, name: str, where: str, seconds: float) -> None:
        """In a task, or in a child, of an actor."""
        await trio.sleep(seconds)
        raise self.mishap(name, where)

    async def fail_in_any_case(self, name: str, seconds: float) -> None:
        """In a task of an actor."""
        try:
            await trio.sleep(seconds)
        finally:
            raise self.mishap(name, "task of start")

    async def do(self, name: str, hit: Hit) -> None:
        """What all kinds of actors can do."""
        match hit.what:
            case "crash":
                await self.fail_later(name, "handler", hit.seconds)
            case "resist":
                try:
                    await trio.sleep(hit.seconds)
                except trio.Cancelled:
                    raise self.mishap(name, "cancelled handler") from None  # noqa: ASYNC104 - as users do
            case "ask":
                others = [ref for ref in self.refs if not isinstance(ref, SupervisorRef)]
                with suppress(*REFUSALS):
                    await others[hit.other % len(others)].ask(Hit("nap", hit.seconds, 0))
            case _:
                await trio.sleep(hit.seconds)


class Struck(Actor):
    """A class actor in the storm."""

    def __init__(self, world: World, name: str, role: Role) -> None:
        self.world, self.name, self.role = world, name, role

    async def started(self) -> None:
        self.life = await self.world.begin(self.name, self.role, self)

    async def stopped(self) -> None:
        self.world.ended[self.name] += 1
        await trio.sleep(self.life.stop)

    def conversation(self, message: Hit) -> int:
        return message.other

    @handles
    async def down(self, message: Down) -> None:
        self.world.told.extend([message.error] if message.error else [])

    @handles
    async def hit(self, hit: Hit) -> str:
        match hit.what:
            case "task":
                self.ctx.nursery.start_soon(self.world.fail_later, self.name, "task", hit.seconds)
            case "child":
                await self.ctx.spawn(struck_child, self.world, self.name, hit.seconds)
            case "stop itself":
                self.world.by_hand.add(self.name)
                self.ctx.stop()
            case "watch":
                self.ctx.watch(self.world.refs[hit.other % len(self.world.refs)])
            case _:
                await self.world.do(self.name, hit)
        return "done"


async def struck_child(_: Inbox[Any], world: World, name: str, seconds: float) -> None:
    """Belongs to a class actor, which its error crashes."""
    await world.fail_later(name, "child", seconds)


async def struck(inbox: Inbox[Hit], world: World, name: str, role: Role) -> None:
    """A coroutine actor in the storm."""
    await world.begin(name, role)
    try:
        async for letter in inbox:
            if letter.message.what == "return":
                return
            with letter.work():
                await world.do(name, letter.message)
                if letter.is_ask:
                    letter.reply("done")
    finally:
        world.ended[name] += 1


def build(world: World, troupe: Troupe, name: str, path: str) -> Supervisor:
    """The supervisor of a troupe, and all below it."""
    children: list[Any] = []
    for number, one in enumerate(troupe.members):
        part = f"m{number}"
        if isinstance(one, Troupe):
            children.append(child(build(world, one, part, f"{path}/{part}"), restart=one.restart))
            continue
        settings: dict[str, Any] = {"redeliver": one.redeliver, "grace": one.grace, "capacity": 5}
        settings["concurrency"] = 1 if one.coroutine else one.concurrency
        kind = struck if one.coroutine else Struck
        children.append(child(kind, world, f"{path}/{part}", one, name=part, restart=one.restart, **settings))
    return Supervisor(name, troupe.strategy, troupe.intensity, 5.0, children=children, backoff=0)
