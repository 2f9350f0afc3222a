"""A runtime in the thread of the host's own loop: Trio as a guest."""

import asyncio

import trio
from outcome import Outcome

from actrio.hosts._bridge import Bridge
from actrio.hosts._call import Call


class GuestRun:
    """A run of Trio inside a run of asyncio."""

    def __init__(self, bridge: Bridge, ready: Call, loop: asyncio.AbstractEventLoop) -> None:
        self._bridge = bridge
        self._ready = ready
        self._loop = loop

    def start(self) -> None:
        """Start it."""
        trio.lowlevel.start_guest_run(
            self._bridge.main,
            self._ready,
            run_sync_soon_threadsafe=self._loop.call_soon_threadsafe,
            run_sync_soon_not_threadsafe=self._loop.call_soon,
            done_callback=self._done,
            host_uses_signal_set_wakeup_fd=True,
            restrict_keyboard_interrupt_to_checkpoints=True,
        )

    def join(self) -> None:
        """Nothing: there is no thread."""

    def _done(self, run_outcome: Outcome[None]) -> None:
        try:
            run_outcome.unwrap()
        except BaseException as error:  # noqa: ASYNC103, BLE001 - the host raises it
            self._bridge.end(error)
        else:
            self._bridge.end()
