"""Agents in the thread of a user interface of Qt, which they never block. Needs PySide6.

Prints:
    Hello from Qt.
    cancelled
"""

from collections.abc import Callable

from outcome import Error, Outcome
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication, QLabel

import actrio
from actrio.hosts import GuestHost
from actrio.testing import Stall

MODEL = actrio.ScriptedProvider("Hello from Qt.", Stall(after=1))  # or a name, such as "openai:gpt-5-mini"


class Soon(QObject):
    """Has Qt's loop call functions, from whatever thread."""

    called = Signal(object)

    def call(self, function: Callable[[], object]) -> None:
        """In the loop."""
        function()


async def show(runtime: actrio.Runtime) -> None:
    """Stream one answer into a label, and give up another."""
    writer = await runtime.spawn(actrio.Agent("writer", model=MODEL))
    async with writer.run("Say hello.") as turn:
        async for piece in turn.text():
            label.setText(label.text() + piece)
    print(label.text())
    asking = host.soon(writer.ask, "Say it again.", then=told)
    asking.cancel()


def told(outcome: Outcome[object]) -> None:
    """Say what came of it, and end the runtime, and with it the program."""
    print("cancelled" if isinstance(outcome, Error) else outcome.unwrap())
    host.stop()


app, label, soon = QApplication(), QLabel(), Soon()
soon.called.connect(soon.call, Qt.ConnectionType.QueuedConnection)
host = GuestHost(show, run_sync_soon=soon.called.emit).start(ended=lambda _: app.quit())
app.exec()
