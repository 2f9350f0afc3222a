"""What befalls trees of supervisors, and who must have learnt of each error when it is over."""

import signal
from contextlib import suppress
from typing import Any

import trio

from actrio.actors import (
    ActorRef,
    Down,
    Restart,
    RestartsExceeded,
    Runtime,
    State,
    SupervisorRef,
    open_runtime,
)
from tests.actors.storm_cast import REFUSALS, Blow, Hit, LeftError, Life, Mishap, Role, Storm, Struck, World, build


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
            except (Mishap, ExceptionGroup) as error:
                self.world.told.append(error)
            finally:
                self.scopes.remove(scope)


async def start(world: World, runtime: Runtime, storm: Storm) -> None:
    """Spawn the troupe; who spawns it is told if it does not start."""
    try:
        await runtime.spawn(build(world, storm.troupe, "s", "s"), restart=storm.troupe.restart)
    except (Mishap, ExceptionGroup) as error:
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
        if not mended(error)
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
