"""Random plays of telling, asking, cancelling, crashing and stopping, and a world that does as they say and logs it."""

from collections import Counter as Count
from contextlib import suppress
from typing import Any

import trio
from attrs import field, frozen

from actrio.actors import (
    Actor,
    ActorRef,
    ChildSpec,
    LifeEvent,
    Restart,
    RestartsExceeded,
    Runtime,
    RuntimeClosed,
    Strategy,
    Supervisor,
    child,
    handles,
    open_runtime,
)
from actrio.mailbox import ActorStopped, AskCycleError, Inbox, MailboxFull, Overflow, Request, TellCycleError

NAMES = "abcd"
FAILURES = (ValueError, OSError, ActorStopped, AskCycleError, TellCycleError, MailboxFull, RuntimeClosed)


@frozen
class Step(Request[str]):
    """Sleep, ask another to do so, fail or answer with the id."""

    id: str
    sender: str
    seconds: float
    fails: bool
    via: str  # names of actors to ask in turn, or to tell if in upper case
    leaves: str = ""  # "task" or "child": starts one that fails a second later


@frozen
class Cast:
    """How one actor is made. ``slow``: its hooks take a while. ``flaky``: its second start fails."""

    coroutine: bool
    restart: Restart
    slow: bool
    flaky: bool
    concurrency: int
    capacity: int
    overflow: Overflow
    redeliver: bool


@frozen
class Act:
    """What the driver does next: ``what``, to the actor ``to``."""

    what: str
    to: str
    seconds: float
    fails: bool
    via: str


@frozen
class Play:
    """A whole schedule."""

    strategy: Strategy
    nested: bool
    cast: list[Cast]
    acts: list[Act]
    seed: int


@frozen
class World:
    """What happened in one run.

    Attributes: ``log``, everything in order; ``outcomes``, {ask: how it ended}; ``sent``, {(sender, receiver): ids in
    order}; ``begun``, the same as handled; ``starts``, how often tried; ``lives``, instances there are; ``refs``, by
    name.
    """

    log: list[tuple[Any, ...]] = field(factory=list[Any])
    outcomes: dict[str, list[str]] = field(factory=dict[str, list[str]])
    sent: dict[tuple[str, str], list[str]] = field(factory=dict[Any, list[str]])
    begun: dict[tuple[str, str], list[str]] = field(factory=dict[Any, list[str]])
    starts: Count[str] = field(factory=Count[str])
    lives: Count[str] = field(factory=Count[str])
    refs: dict[str, ActorRef[Any]] = field(factory=dict[str, ActorRef[Any]])

    async def begin(self, name: str, cast: Cast) -> None:
        """An actor starts."""
        if cast.slow:
            await trio.sleep(0.5)
        self.starts[name] += 1
        if cast.flaky and self.starts[name] == 2:
            raise OSError(name)
        self.lives[name] += 1

    async def end(self, name: str, cast: Cast) -> None:
        """An actor ends."""
        self.lives[name] -= 1
        if cast.slow:
            await trio.sleep(0.5)

    async def perform(self, name: str, step: Step) -> str:
        """What every actor does with a message."""
        self.log.append((name, "begins", step.id))
        self.begun.setdefault((step.sender, name), []).append(step.id)
        try:
            if step.seconds:
                await trio.sleep(step.seconds)
            again = self.begun[step.sender, name].count(step.id) > 1  # redelivered, and well this time
            if step.via and not again:
                inner = Step(f"{step.id}+{len(self.log)}", name, step.seconds, fails=False, via=step.via[1:])
                other = self.refs[step.via[0].lower()]
                if step.via[0].islower():
                    assert await other.ask(inner) == inner.id
                else:
                    await other.tell(inner)
            if step.fails and not again:
                raise ValueError(step.id)
        finally:
            self.log.append((name, "ends", step.id))
        return step.id


class Player(Actor):
    """A class actor of the play."""

    def __init__(self, world: World, name: str, cast: Cast) -> None:
        self.world = world
        self.name = name
        self.cast = cast

    async def started(self) -> None:
        await self.world.begin(self.name, self.cast)

    async def stopped(self) -> None:
        await self.world.end(self.name, self.cast)

    @handles
    async def step(self, message: Step) -> str:
        if message.leaves == "task":
            self.ctx.nursery.start_soon(fails_later, None)
        elif message.leaves == "child":
            await self.ctx.spawn(fails_later)
        return await self.world.perform(self.name, message)


async def fails_later(_: Inbox[Any] | None) -> None:
    """A task, or an actor, that an actor started."""
    await trio.sleep(1)
    raise OSError("later")


async def player(inbox: Inbox[Step], world: World, name: str, cast: Cast) -> None:
    """A coroutine actor of the play."""
    await world.begin(name, cast)
    try:
        async for letter in inbox:
            with letter.work():
                reply = await world.perform(name, letter.message)
                if letter.is_ask:
                    letter.reply(reply)
    finally:
        with trio.CancelScope(shield=True):
            await world.end(name, cast)


def as_child(world: World, name: str, cast: Cast) -> ChildSpec:
    return child(
        player if cast.coroutine else Player,
        world,
        name,
        cast,
        name=name,
        restart=cast.restart,
        capacity=cast.capacity,
        overflow=cast.overflow,
        concurrency=1 if cast.coroutine else cast.concurrency,
        redeliver=cast.redeliver,
        grace=2,
    )


class Watchdog(trio.abc.Instrument):
    """Checks after every step of every task what must hold at every instant."""

    def __init__(self, cast: list[Cast]) -> None:
        self.runtime: Runtime | None = None
        self.most = {name: 1 if one.coroutine else one.concurrency for name, one in zip(NAMES, cast, strict=False)}
        self.broken: list[object] = []

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        assert self.runtime is not None
        metrics = self.runtime.metrics()
        if not metrics.totals.balanced:
            self.broken.append(metrics.totals)
        for name, one in metrics.actors.items():
            if not one.mailbox.balanced or one.mailbox.in_hand > self.most.get(name[-1], 1):
                self.broken.append(one)


class Driver:
    """Does what a play says, each ask in a task of its own."""

    def __init__(self, world: World, nursery: trio.Nursery) -> None:
        self.world = world
        self.nursery = nursery
        self.scopes: list[trio.CancelScope] = []
        self.number = 0

    async def act(self, act: Act) -> None:
        """Do one thing."""
        ref = self.world.refs[act.to]
        match act.what:
            case "tell":
                step = self.step(act)
                try:
                    ref.tell_nowait(step)
                except (MailboxFull, ActorStopped) as error:
                    self.world.log.append(("driver", "refused", step.id, type(error).__name__))
                else:
                    self.world.sent.setdefault(("driver", act.to), []).append(step.id)
            case "task" | "child":
                with suppress(MailboxFull, ActorStopped):
                    ref.tell_nowait(self.step(act))
            case "ask" | "detached":
                self.nursery.start_soon(self.ask, ref, self.step(act), act.what == "detached")
            case "cancel" if self.scopes:
                self.scopes[len(self.scopes) * 7 // 11].cancel()
            case "stop":
                self.nursery.start_soon(ref.stop)
            case "checkpoint":
                await trio.lowlevel.checkpoint()
            case _:
                await trio.sleep(act.seconds)

    def step(self, act: Act) -> Step:
        self.number += 1
        sender = "driver" if act.what == "tell" else f"asker {self.number}"
        leaves = act.what if act.what in ("task", "child") else ""
        return Step(str(self.number), sender, act.seconds, act.fails, act.via, leaves)

    async def ask(self, ref: ActorRef[Any], step: Step, detached: bool) -> None:
        """Ask, and note the one outcome."""
        outcomes = self.world.outcomes.setdefault(step.id, [])
        deadlock = trio.current_time() + 1e5
        with trio.CancelScope(deadline=deadlock) as scope:
            self.scopes.append(scope)
            try:
                reply = await ref.ask(step, detached=detached)
            except ValueError as error:
                outcomes.append("ValueError" if str(error) == step.id else f"the error of {error}")
            except FAILURES as error:
                outcomes.append(type(error).__name__)
            else:
                outcomes.append("reply" if reply == step.id else f"the reply of {reply}")
            finally:
                self.scopes.remove(scope)
        if scope.cancelled_caught:
            outcomes.append("cancelled" if trio.current_time() < deadlock else "the end of the world")
        self.world.log.append((step.id, *outcomes))


async def perform(play: Play) -> World:
    """Run a play, and check what must hold during and after it."""
    world = World()
    specs: list[Any] = [as_child(world, name, cast) for name, cast in zip(NAMES, play.cast, strict=False)]
    if play.nested:
        specs = [specs[0], Supervisor("inner", play.strategy, 2, 1.0, children=specs[1:])]
    supervisor = Supervisor("s", play.strategy, 10_000, 1e9, children=specs, backoff=0.25, max_backoff=1)
    tasks = trio.lowlevel.current_statistics().tasks_living
    watchdog = Watchdog(play.cast)
    async with trio.open_nursery() as nursery:
        try:
            async with open_runtime(seed=play.seed) as opened:
                watchdog.runtime = opened
                await opened.spawn(supervisor)
                for name in opened.metrics().actors:
                    if name[-1] in NAMES:
                        world.refs[name[-1]] = opened.find(name)
                trio.lowlevel.add_instrument(watchdog)
                driver = Driver(world, nursery)
                for act in play.acts:
                    await driver.act(act)
        except* (*FAILURES, RestartsExceeded) as group:  # what nobody took, or could mend any more
            world.log.append(("left the runtime", sorted(leaves(group))))
    runtime = watchdog.runtime
    assert runtime is not None
    trio.lowlevel.remove_instrument(watchdog)
    with runtime.events() as events:
        world.log.extend([(e.at, e.actor, e.state) async for e in events if isinstance(e, LifeEvent)])
    check(play, world, runtime, watchdog)
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    return world


def leaves(error: BaseException) -> list[str]:
    """The types of the errors of a group."""
    exceptions: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return [leaf for one in exceptions for leaf in leaves(one)] if exceptions else [type(error).__name__]


def check(play: Play, world: World, runtime: Runtime, watchdog: Watchdog) -> None:
    """What must hold after a run."""
    assert not watchdog.broken
    totals = runtime.metrics().totals
    assert totals.balanced
    assert (totals.queued, totals.in_hand) == (0, 0)
    assert all(len(outcomes) == 1 for outcomes in world.outcomes.values()), world.outcomes
    assert not [outcome for (outcome,) in world.outcomes.values() if " of " in outcome], "each ask its own"
    assert not +world.lives, "every instance that started has stopped"
    assert min(world.lives.values(), default=0) == 0
    begun = Count[str]()
    for (sender, receiver), ids in world.begun.items():
        first_times = list(dict.fromkeys(ids))
        if (sent := world.sent.get((sender, receiver))) is not None:
            assert first_times == [one for one in sent if one in first_times], "in the order sent"
        if not play.cast[NAMES.index(receiver)].redeliver:
            assert first_times == ids, "at most once"
        begun.update(ids)
    assert sum(begun.values()) >= totals.handled
