"""What an actor may do in its runtime: ``self.ctx``."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import trio

from actrio.actors._errors import NoHandler
from actrio.actors._node import Down
from actrio.mailbox import ActorStopped
from actrio.mailbox._working import current_inbox, message_in_hand

if TYPE_CHECKING:
    from actrio.actors._cell import Cell
    from actrio.actors._node import Node
    from actrio.actors._ref import ActorRef
    from actrio.actors._runtime import Runtime
    from actrio.actors._supervisor import SupervisorNode


class Context:
    """An actor's view of its runtime; one for each instance of an actor."""

    __slots__ = ("_cell", "_children", "_closed", "_tasks")

    def __init__(self, cell: "Cell", *, closed: bool = False) -> None:
        self._cell = cell
        self._closed = closed
        self._tasks: ChildTasks | None = None
        self._children: SupervisorNode | None = None

    @property
    def ref(self) -> "ActorRef[Any]":
        """This actor, to hand to others."""
        return self._cell.ref

    @property
    def runtime(self) -> "Runtime":
        """The runtime it lives in."""
        return self._cell.runtime

    @property
    def sender(self) -> "ActorRef[Any] | None":
        """The actor that sent the message being handled; None if it came from outside the runtime."""
        envelope = message_in_hand()
        return None if envelope is None else envelope.sender

    @property
    def deadline(self) -> float:
        """When the asker of the message being handled gives up, on Trio's clock; ``inf`` if never."""
        envelope = message_in_hand()
        return float("inf") if envelope is None else envelope.deadline

    @property
    def nursery(self) -> "ChildTasks":
        """For tasks that outlive one message. They end with this instance of the actor: at its stop, crash or restart.

        Raises: ActorStopped, in ``stopped``: they have ended, and no more may start.
        """
        self._check_open()
        if self._tasks is None:
            self._tasks = ChildTasks(self._cell)
        return self._tasks

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that adds the actor's name and the type, never the content, of the message being handled."""
        return _ActorLog(logging.getLogger("actrio.actor"), {"actor": self._cell.name})

    async def spawn(self, factory: Any, *args: Any, **settings: Any) -> Any:
        """As :meth:`Runtime.spawn`, but the new actor belongs to this one.

        It is ended with this instance of the actor. What its own restarts cannot mend crashes this actor.
        """
        self._check_open()
        if self._children is None:
            self._children = self._cell.runtime.make_family(self._cell)
        return await self._cell.runtime.spawn_under(self._children, factory, args, settings)

    def watch(self, ref: "ActorRef[Any]") -> None:
        """Have a :class:`Down` put before this actor's mail once ``ref`` has stopped, at once if it has.

        Watching a living actor twice gives one message. Who watches takes the actor's last crash: it counts as handled.

        Raises: NoHandler: this actor has no handler of ``Down``.
        """
        cell = self._cell
        if not any(issubclass(Down, one) for one in cell.table):
            raise NoHandler(cell.name, Down.__name__, tuple(sorted(one.__name__ for one in cell.table)))
        ref.notify(self._cell.inbox)

    def stop(self) -> None:
        """Ask for this actor to be stopped for good, after the message in hand. Returns at once."""
        self._cell.runtime.stop_soon(self._cell, "stopped itself")

    async def close(self) -> None:
        """End the tasks and children of this instance. For the runtime."""
        self._closed = True
        if self._children is not None:
            await self._children.end("its parent ended")
            self._children.retire("its parent ended")
            self._children = None
        if self._tasks is not None:
            await self._tasks.close()
            self._tasks = None

    def _check_open(self) -> None:
        if self._closed:
            raise ActorStopped(self._cell.name, "its instance has ended, and starts nothing more")

    def offspring(self) -> "tuple[Node, ...]":
        """The actors spawned by this one. For the runtime."""
        return () if self._children is None else self._children.offspring()


class ChildTasks:
    """A nursery that opens when first used, in a task of the runtime.

    An error in one of its tasks cancels the others and crashes the actor, as a nursery would; alone it does so as
    itself, several do as an exception group. Cancelled and waited for when the actor's instance ends.
    """

    __slots__ = ("_cell", "_closed", "_nursery", "_opened", "_scope", "_waiting")

    def __init__(self, cell: "Cell") -> None:
        self._cell = cell
        self._nursery: trio.Nursery | None = None
        self._scope = trio.CancelScope()
        self._opened = trio.Event()
        self._closed = trio.Event()
        self._waiting: list[tuple[Callable[..., Awaitable[Any]], tuple[Any, ...], object]] = []
        cell.runtime.nursery.start_soon(self._home, name=f"child tasks of {cell.name}")

    def start_soon(self, async_fn: Callable[..., Awaitable[Any]], *args: Any, name: object = None) -> None:
        """As :meth:`trio.Nursery.start_soon`. Raises: ActorStopped: they have ended, with the actor's instance."""
        self._check_open()
        if self._nursery is None:
            self._waiting.append((async_fn, args, name))  # until the home task ran, in the next scheduler pass
        else:
            try:
                self._nursery.start_soon(async_fn, *args, name=name)
            except RuntimeError as closed:  # the last task has just failed, and the actor is about to learn it
                raise ActorStopped(self._cell.name, "its tasks have ended, and it starts no more") from closed

    async def start(self, async_fn: Callable[..., Awaitable[Any]], *args: Any, name: object = None) -> Any:
        """As :meth:`trio.Nursery.start`. Raises: ActorStopped: they have ended, with the actor's instance."""
        self._check_open()
        await self._opened.wait()
        assert self._nursery is not None
        return await self._nursery.start(async_fn, *args, name=name)

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise ActorStopped(self._cell.name, "its tasks have ended, and it starts no more")

    @property
    def cancel_scope(self) -> trio.CancelScope:
        """Around all the tasks."""
        return self._scope

    async def _home(self) -> None:
        current_inbox.set(self._cell.inbox)  # its tasks send as the actor, though they work on no message of it
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    for async_fn, args, name in self._waiting:
                        nursery.start_soon(async_fn, *args, name=name)
                    self._waiting.clear()
                    self._opened.set()
                    await trio.sleep_forever()
        except ExceptionGroup as group:
            self._cell.crash(group.exceptions[0] if len(group.exceptions) == 1 else group, taken=False)
        finally:
            self._closed.set()

    async def close(self) -> None:
        """Cancel all and wait for their end."""
        self._scope.cancel()
        await self._closed.wait()


class _ActorLog(logging.LoggerAdapter[logging.Logger]):
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        envelope = message_in_hand()
        if envelope is not None and envelope is envelope.inbox.aside:
            envelope = None  # a hook, which works on no message
        message = "-" if envelope is None else type(envelope.message).__name__
        extra = {**(self.extra or {}), "message_type": message, **kwargs.get("extra", {})}
        return f"[{extra['actor']} {message}] {msg}", {**kwargs, "extra": extra}
