"""One crossing from a host program into the runtime."""

from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from math import inf
from typing import TYPE_CHECKING, Any

import trio
from trio.lowlevel import Abort, Task, checkpoint, current_task, reschedule, wait_task_rescheduled

from actrio.mailbox import ToldAsk
from actrio.mailbox._woken import WOKEN

if TYPE_CHECKING:
    from actrio.hosts._bridge import Bridge

WINDOW = 256  # items of a stream that wait for the host; then its source waits
REFILL = WINDOW // 2  # items left at which the source goes on


class Call:
    """A function that the runtime runs for the host, and the way back: at most WINDOW items, then one end.

    How the host waits is for a subclass to say: it gives ``wake``, and a way to wait until there are ``items`` or it is
    ``done``, after it has set ``waiting``.

    No lock guards it. Each attribute is written by one side, but for ``waiting`` and ``full``, which follow one rule:
    who waits sets its flag and then looks again; who changes something does so and then looks at the flag. A flag that
    both sides clear costs a wake-up that finds nothing.

    Attributes:
        deadline: When it is given up, by ``time.monotonic``.
        scope: Around the function while it runs. Written by the runtime, as are ``items``, ``done``, ``value``,
            ``error`` and ``parked``.
        asked: The ask that it is, if no task of the runtime runs the function. Written by the runtime, too.
        unwanted: The host has given it up.
        released: The host wants no more items, and the function to end in its own way.
        waiting: The host is about to wait, or does.
        full: The function is about to wait for the host to take items, or does; ``parked`` is its task.
    """

    __slots__ = (
        "__weakref__", "_wants_room", "args", "asked", "bridge", "context", "deadline", "done", "error", "full",
        "function", "items", "kwargs", "parked", "released", "scope", "started", "unwanted", "value", "waiting",
    )  # fmt: skip

    def __init__(
        self, bridge: "Bridge", function: Callable[..., Any], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> None:
        self.bridge: Bridge = bridge
        self.function: Callable[..., Any] = function
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs or {}
        self.context: Context = copy_context()
        self.deadline: float = inf
        self.items: deque[Any] = deque()
        self.started: bool = False
        self.scope: trio.CancelScope | None = None
        self.asked: ToldAsk[Any] | None = None
        self.unwanted: bool = False
        self.released: bool = False
        self.waiting: bool = False
        self.full: bool = False
        self.parked: Task | None = None
        self._wants_room: bool = False
        self.done: bool = False
        self.value: Any = None
        self.error: BaseException | None = None

    def wake(self) -> None:
        """Have the host look again. Called in any thread; must not raise."""
        raise NotImplementedError

    # For the host

    def cancel(self) -> None:
        """Give it up. It is done when the function has ended. In any thread, and from a ``__del__``."""
        if not self.done:
            self.unwanted = True
            self.bridge.post(self)

    def release(self) -> None:
        """Let the function end in its own way."""
        self.released = True
        self.bridge.post(self)

    def must_wait(self) -> bool:
        """Say that the host is about to wait. Whether it has to: there is nothing yet."""
        self.waiting = True
        if self.items or self.done:
            self.waiting = False
            return False
        return True

    def take(self) -> Any:
        """The next item, of which there is one."""
        items = self.items
        item = items.popleft()
        if self.full and len(items) <= REFILL:
            self.full = False
            self.bridge.post(self)
        return item

    def result(self) -> Any:
        """What the function returned, once it is done, or its error raised."""
        error, self.error = self.error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # else the error and this frame would keep each other alive
        return self.value

    # For the runtime, in its thread

    def finish(self, value: object = None, error: BaseException | None = None) -> None:
        """End it. Called once."""
        self.value = value
        self.error = error
        self.args, self.kwargs = (), {}  # a stream is among its own arguments
        self.bridge.open.discard(self)
        self.done = True
        if self.waiting:
            self.waiting = False
            self.wake()

    def put(self, item: object) -> None:
        """Give the host one more item."""
        self.items.append(item)
        if self.waiting:
            self.waiting = False
            self.wake()

    async def room(self) -> None:
        """Wait until the host has taken some of the items. Always a checkpoint."""
        self.full = True
        if len(self.items) <= REFILL:
            self.full = False
            await checkpoint()
        else:
            self._wants_room = True
            await self._park()

    async def until_released(self) -> None:
        """Wait until the host wants no more."""
        if self.released:
            await checkpoint()
        else:
            self._wants_room = False
            await self._park()

    async def _park(self) -> None:
        self.parked = current_task()

        def abort(_: object) -> Abort:
            self.parked = None
            return Abort.SUCCEEDED

        await wait_task_rescheduled(abort)

    def attend(self) -> None:
        """Heed what the host wants."""
        if self.unwanted:
            if self.asked is not None:
                self.asked.cancel()
            elif self.scope is not None:
                self.scope.cancel()
        elif self.parked is not None and (self.released or (self._wants_room and len(self.items) <= REFILL)):
            task, self.parked = self.parked, None
            reschedule(task, WOKEN)
