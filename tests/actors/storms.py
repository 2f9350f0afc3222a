"""Trees of supervisors, what befalls them, and who must have learnt of each error when it is over."""

import signal
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
    RestartsExceeded,
    Runtime,
    RuntimeClosed,
    State,
    Strategy,
    Supervisor,
    SupervisorRef,
    child,
    current_runtime,
    handles,
    open_runtime,
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
    spare: bool  # it was being ended for a restart, which then stands for what else goes wrong in it

    def __str__(self) -> str:
        return f"{self.actor} in {self.where} of life {self.life}"


class LeftError(Exception):
    """The block is left by this."""


@frozen
class Life:
    """What one instance does. Seconds."""

    start: float
    fails: bool
    stop: float


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
        node: Any = runtime._nodes.get(name)
        spare = node is not None and node.state not in (State.STARTING, State.RUNNING) and not node.for_good
        with runtime.events() as events:
            seen = events.statistics().position + events.statistics().unread
        self.mishaps.append(Mishap(name, where, self.starts[name], seen, spare))
        return self.mishaps[-1]

    async def begin(self, name: str, role: Role) -> Life:
        """An instance starts."""
        life = role.lives[min(self.starts[name], len(role.lives) - 1)]
        self.starts[name] += 1
        await trio.sleep(life.start)
        if life.fails:
            raise self.mishap(name, "start")
        self.up[name] += 1
        return life

    async def fail_later(self, name: str, where: str, seconds: float) -> None:
        """In a task, or in a child, of an actor."""
        await trio.sleep(seconds)
        raise self.mishap(name, where)

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
        self.life = await self.world.begin(self.name, self.role)

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


class Watchdog(trio.abc.Instrument):
    """Strikes after so many steps of tasks, and checks the conservation law after each."""

    def __init__(self, storm: Storm, scope: trio.CancelScope) -> None:
        self.runtime: Runtime | None = None
        self.storm = storm
        self.scope = scope
        self.left = storm.at
        self.broken: list[Any] = []

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.runtime is not None:
            every = [node.inbox.statistics() for node in self.runtime._nodes.values()]
            self.broken += [one for one in every if not one.balanced]
        self.left -= 1
        if self.left == 0 and self.storm.ending == "cancel":
            self.scope.cancel()
        if self.left == 0 and self.storm.ending == "ctrl-c":
            signal.raise_signal(signal.SIGINT)


class Driver:
    """Deals the blows, whatever waits in a task of its own."""

    def __init__(self, world: World, runtime: Runtime, nursery: trio.Nursery) -> None:
        self.world, self.runtime, self.nursery = world, runtime, nursery
        self.scopes: list[trio.CancelScope] = []

    async def strike(self, blow: Blow) -> None:
        """Deal one blow."""
        ref = self.world.refs[blow.to % len(self.world.refs)]
        hit = Hit(blow.what.removeprefix("tell ").removeprefix("ask "), blow.seconds, blow.other)
        match blow.what:
            case "stop":
                self.world.by_hand.add(ref.name)
                self.nursery.start_soon(ref.stop)
            case "watch":
                self.nursery.start_soon(self.watch, ref)
            case "spawn":
                self.nursery.start_soon(self.spawn, ref, blow)
            case "cancel" if self.scopes:
                self.scopes[blow.other % len(self.scopes)].cancel()
            case "sleep" | "cancel":
                await trio.sleep(blow.seconds)
            case _ if isinstance(ref, SupervisorRef):
                await trio.lowlevel.checkpoint()
            case _ if blow.what.startswith("ask "):
                self.nursery.start_soon(self.ask, ref, hit)
            case _:
                with suppress(*REFUSALS):
                    ref.tell_nowait(hit)

    async def watch(self, ref: ActorRef[Any]) -> None:
        down = await ref.watch()
        self.world.told.extend([down.error] if down.error else [])

    async def ask(self, ref: ActorRef[Any], hit: Hit) -> None:
        self.world.asks.append("begun")
        with trio.CancelScope() as scope:
            self.scopes.append(scope)
            try:
                await ref.ask(hit)
            except Mishap as error:
                self.world.told.append(error)
            except REFUSALS:
                pass
            finally:
                self.world.asks.append("ended")
                self.scopes.remove(scope)

    async def spawn(self, ref: ActorRef[Any], blow: Blow) -> None:
        """One more actor, under a supervisor or the runtime's own."""
        parent = ref if isinstance(ref, SupervisorRef) else self.runtime
        name = f"spawned-{len(self.world.refs)}-{blow.to}-{blow.other}-{id(blow)}"
        path = f"{ref.name}/{name}" if isinstance(ref, SupervisorRef) else name
        restart: Restart = "temporary" if blow.other % 2 else "permanent"
        role = Role(False, restart, [Life(blow.seconds, blow.other % 3 == 0, 0)], 1, False, 1)
        with trio.CancelScope() as scope, suppress(*REFUSALS):
            self.scopes.append(scope)
            try:
                self.world.refs.append(await parent.spawn(Struck, self.world, path, role, name=name, restart=restart))
            except Mishap as error:
                self.world.told.append(error)
            finally:
                self.scopes.remove(scope)


async def start(world: World, runtime: Runtime, storm: Storm) -> None:
    """Spawn the troupe; who spawns it is told if it does not start."""
    try:
        await runtime.spawn(build(world, storm.troupe, "s", "s"), restart=storm.troupe.restart)
    except Mishap as error:
        world.told.append(error)
    except REFUSALS:
        pass


async def play(storm: Storm, world: World, dog: Watchdog, nursery: trio.Nursery) -> None:
    """From the opening of the runtime to its end."""
    with dog.scope:
        async with open_runtime(seed=storm.seed, intensity=1) as runtime:
            dog.runtime = runtime
            trio.lowlevel.add_instrument(dog)
            if storm.ending == "early":
                nursery.start_soon(start, world, runtime, storm)
                await trio.testing.wait_all_tasks_blocked()
            else:
                await start(world, runtime, storm)
            world.refs.extend(runtime.find(name) for name in runtime.names())
            driver = Driver(world, runtime, nursery)
            for blow in storm.blows if world.refs else ():
                await driver.strike(blow)
            if storm.ending == "raise":
                raise LeftError
            if storm.ending not in ("leave", "early"):
                await trio.sleep(20)


async def weather(storm: Storm) -> World:
    """Run a storm, and check what must hold after it."""
    world, dog = World(), Watchdog(storm, trio.CancelScope())
    tasks = trio.lowlevel.current_statistics().tasks_living
    left: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            await play(storm, world, dog, nursery)
    except BaseException as error:  # noqa: ASYNC103, BLE001 - looked at in check()
        left = error
    finally:
        with suppress(KeyError):
            trio.lowlevel.remove_instrument(dog)
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert not dog.broken
    if dog.runtime is not None:
        check(storm, world, dog.runtime, [] if left is None else parts(left))
    return world


def check(storm: Storm, world: World, runtime: Runtime, leaving: list[BaseException]) -> None:
    """What must hold after a storm."""
    expected = (Mishap, RestartsExceeded, LeftError, BaseExceptionGroup, *REFUSALS)
    others = [error for error in leaving if not isinstance(error, expected) and "returned" not in str(error)]
    interrupted = [error for error in others if isinstance(error, KeyboardInterrupt)]
    assert others == (interrupted if storm.ending == "ctrl-c" else [])
    assert runtime.names() == ()
    totals = runtime.metrics().totals
    assert (totals.balanced, totals.queued, totals.in_hand) == (True, 0, 0)
    assert all(ref.state is State.STOPPED for ref in world.refs)
    assert world.asks.count("begun") == world.asks.count("ended")
    if not interrupted:
        assert world.up == world.ended, "every instance that started has stopped"
        assert not lost(world, runtime, leaving)


def lost(world: World, runtime: Runtime, leaving: list[BaseException]) -> list[Mishap]:
    """Errors that reached nobody: no asker, no watcher, no supervisor, and did not leave the runtime.

    Somebody who stops an actor that has crashed, or one above it, takes the place of its supervisor.
    """
    with runtime.dead_letters("disconnect") as letters:  # the mail of a watcher that ended first, too
        downs = [letter.message for letter in letters.receive_batch_nowait()] if letters.statistics().unread else []
    told = [*world.told, *(down.error for down in downs if isinstance(down, Down) and down.error is not None)]
    reached = [*leaving, *(part for error in told for part in parts(error))]
    lives = {(error.actor, error.life) for error in reached if isinstance(error, Mishap)}
    gave_up = [error.supervisor for error in reached if isinstance(error, RestartsExceeded)]
    with runtime.events() as stream:
        events = stream.receive_batch_nowait()
        first = stream.position - len(events)

    def mended(error: Mishap) -> bool:
        """A restart for it was begun, or somebody learnt of another error that ended the same life."""
        later: list[Any] = events[max(0, error.seen - first) :]
        again = [e.actor for e in later if e.state in ("starting", "running")]
        above = [name for name in again if error.actor.startswith(name.rpartition("/")[0] or name)]
        return bool(above) or world.starts[error.actor] > error.life or (error.actor, error.life) in lives

    return [
        error
        for error in world.mishaps
        if not (error.spare or mended(error))
        and not any(f"{error.actor}/".startswith(f"{name}/") for name in (*gave_up, *world.by_hand))
    ]


def parts(error: BaseException) -> list[BaseException]:
    """An error, its causes, and what is in the groups among them."""
    found: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and one not in found:
            found.append(one)
            todo += [one.__cause__, *getattr(one, "exceptions", ())]
    return found
