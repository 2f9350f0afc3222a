"""The thread that a runtime has of its own."""

import atexit
import threading
from weakref import WeakSet

import trio

from actrio.hosts._bridge import Bridge
from actrio.hosts._call import Call

EXIT_GRACE = 5.0  # seconds that a host which was never stopped has when the interpreter exits

_running: "WeakSet[RuntimeThread]" = WeakSet()


class RuntimeThread:
    """A thread that runs one bridge. It keeps no interpreter alive: what is left at its exit is stopped, boundedly."""

    def __init__(self, bridge: Bridge, ready: Call) -> None:
        self._bridge = bridge
        self._ready = ready
        # It holds this while it runs, so that the exit waits for it, whoever has forgotten it.
        self._thread = threading.Thread(target=self._run, name="actrio runtime", daemon=True)

    def start(self) -> None:
        """Start it."""
        _running.add(self)
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        _running.discard(self)

    def exit(self) -> None:
        """End it with the interpreter."""
        if self._thread.is_alive():
            self._bridge.stop_soon(at_once=True)
            self.join(EXIT_GRACE)

    def _run(self) -> None:
        crash: BaseException | None = None
        try:
            trio.run(self._bridge.main, self._ready)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - the host raises it
            crash = error
        finally:
            self._bridge.end(crash)


def _exit() -> None:
    for one in list(_running):
        one.exit()


atexit.register(_exit)
