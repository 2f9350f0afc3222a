"""A runtime in the thread of any event loop: Qt, GTK, a game's own."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ParamSpec, Self, TypeVar, Unpack

import trio
from outcome import Error, Outcome, Value

from actrio.actors import Runtime
from actrio.hosts._bridge import Bridge, Setup
from actrio.hosts._call import Call
from actrio.hosts._errors import RuntimeStopped
from actrio.hosts._options import RuntimeOptions

P = ParamSpec("P")
T = TypeVar("T")

RunSyncSoon = Callable[[Callable[[], object]], object]
Then = Callable[[Outcome[Any]], object]


class GuestCall(Call):
    """A call under way; ``then`` is told how it ended, in the loop."""

    __slots__ = ("_run_sync_soon", "_then")

    def __init__(self, bridge: Bridge, run_sync_soon: RunSyncSoon, then: Then | None, *args: Any) -> None:
        super().__init__(bridge, *args)
        self._run_sync_soon: RunSyncSoon = run_sync_soon
        self._then: Then | None = then
        self.must_wait()

    def wake(self) -> None:
        if self._then is not None:
            self._run_sync_soon(self._tell)

    def _tell(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(Value(self.value) if self.error is None else Error(self.error))


class GuestHost:
    """A runtime that is a guest in an event loop which is neither Trio's nor asyncio's, in the loop's own thread.

    Nothing of it waits, as the loop must not: what it is given runs soon, and ``then`` is called in the loop with an
    ``outcome.Outcome``, whose ``unwrap()`` gives the result or raises the error. All of it is used in the loop's
    thread, where code of the loop may also use the runtime's own refs for what does not await, such as
    ``ref.tell_nowait``.

    With Qt::

        class Soon(QObject):
            called = Signal(object)

        soon = Soon()
        soon.called.connect(lambda function: function(), Qt.ConnectionType.QueuedConnection)
        host = GuestHost(run_sync_soon=soon.called.emit).start()
        host.soon(writer.ask, "Hello.", then=lambda outcome: label.setText(outcome.unwrap().text))

    Args:
        setup: As :class:`Host`.
        run_sync_soon: Has the loop call a function soon, from whatever thread, in the order given.
        **options: Those of :func:`actrio.open_runtime`.
    """

    def __init__(
        self, setup: Setup | None = None, *, run_sync_soon: RunSyncSoon, **options: Unpack[RuntimeOptions]
    ) -> None:
        self._bridge = Bridge(setup, dict(options), guest=True)
        self._run_sync_soon = run_sync_soon
        self._end: GuestCall | None = None

    @property
    def runtime(self) -> Runtime:
        """The runtime. Raises: RuntimeStopped: it does not run, or not yet."""
        if self._bridge.runtime is None:
            raise self._bridge.stopped()
        return self._bridge.runtime

    def start(self, then: Then | None = None, *, ended: Then | None = None) -> Self:
        """Begin. ``then`` is told when the setup has run; ``ended`` how the runtime ended. Calls may come at once.

        Raises: RuntimeStopped: it was started before; RuntimeError: Trio runs in this thread already.
        """
        if self._end is not None:
            raise RuntimeStopped("it was started before. Make a new host")
        bridge = self._bridge
        ready = GuestCall(bridge, self._run_sync_soon, then, _nothing)
        self._end = GuestCall(bridge, self._run_sync_soon, ended, _nothing)
        start = partial(
            trio.lowlevel.start_guest_run,
            bridge.main,
            ready,
            run_sync_soon_threadsafe=self._run_sync_soon,
            done_callback=self._done,
            host_uses_signal_set_wakeup_fd=True,
            restrict_keyboard_interrupt_to_checkpoints=True,
        )
        bridge.begin(ready, start)
        return self

    def soon(
        self, function: Callable[..., Awaitable[T]], *args: object, then: Callable[[Outcome[T]], object] | None = None
    ) -> GuestCall:
        """Run an async function in the runtime; ``cancel()`` of what this gives cancels it.

        ``then`` is always told, once: also of the cancellation, as RuntimeStopped, and when the runtime ends.

        Raises: RuntimeStopped: it does not run.
        """
        call = GuestCall(self._bridge, self._run_sync_soon, then, function, args)
        self._bridge.send(call)
        return call

    def stop(self) -> None:
        """Have the runtime end, its actors with their grace. Returns at once; ``ended`` of :meth:`start` is told."""
        self._bridge.stop_soon(at_once=False)

    def _done(self, run_outcome: Outcome[None]) -> None:
        bridge = self._bridge
        bridge.end(run_outcome.error if isinstance(run_outcome, Error) else None)
        assert self._end is not None
        self._end.finish(error=bridge.crash)

    def __repr__(self) -> str:
        return f"<GuestHost {self._bridge.outline()}>"


async def _nothing() -> None:
    """What the calls that stand for the beginning and the end run."""
