"""A runtime as a guest in the loop of Qt."""

import asyncio
import os
from collections.abc import Callable, Generator
from typing import Any, Final

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded here", exc_type=ImportError)

import trio
from outcome import Error, Outcome, Value
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QLabel

import actrio
from actrio.hosts import GuestHost, RuntimeStopped
from actrio.providers import ToolCall
from actrio.testing import Say, Stall
from tests.hosts.desk import Desk, Echo, Wait, chatty

PATIENCE_MS: Final = 10_000


class Soon(QObject):
    called = Signal(object)


class Window:
    """A program of Qt's whose loop runs until it is quit."""

    def __init__(self, app: QApplication) -> None:
        self.app = app
        self.label = QLabel()
        self.told: list[Outcome[Any]] = []
        self.end: Outcome[Any] | None = None
        self._soon = Soon()
        self._soon.called.connect(lambda function: function(), Qt.ConnectionType.QueuedConnection)
        self.host = GuestHost(setup, run_sync_soon=self._soon.called.emit)

    def run(self, begin: Callable[[], object]) -> None:
        """Start the host, do something when it has started, and run the loop until the host has ended."""
        late = QTimer(singleShot=True, interval=PATIENCE_MS)
        late.timeout.connect(self.app.quit)
        late.start()
        self.host.start(lambda _: begin(), ended=self.ended)
        self.app.exec()
        late.stop()
        assert self.end is not None, "the loop was not quit by the end of the host"

    def ended(self, outcome: Outcome[Any]) -> None:
        self.end = outcome
        self.app.quit()

    def tell(self, outcome: Outcome[Any]) -> None:
        self.told.append(outcome)
        self.host.stop()


async def setup(runtime: actrio.Runtime) -> None:
    await runtime.spawn(Desk, name="desk")
    await runtime.spawn(actrio.Agent("writer", model=chatty(500)))


@pytest.fixture
def window() -> Generator[Window]:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    yield Window(app)
    app.processEvents()


def test_an_answer_comes_in_the_loop(window: Window) -> None:
    window.run(lambda: window.host.soon(window.host.runtime.find("desk").ask, Echo(7), then=window.tell))
    assert [told.unwrap() for told in window.told] == [7]
    assert isinstance(window.end, Value)


def test_tokens_stream_into_a_widget_while_the_loop_goes_on(window: Window) -> None:
    ticks: list[int] = []
    timer = QTimer(interval=0)
    timer.timeout.connect(lambda: ticks.append(len(window.label.text())))
    timer.start()

    async def show() -> None:
        writer: Any = window.host.runtime.find("writer")
        async with writer.run("Go.") as turn:
            async for piece in turn.text():
                window.label.setText(window.label.text() + piece)
                await trio.lowlevel.checkpoint()

    window.run(lambda: window.host.soon(show, then=window.tell))
    timer.stop()
    assert window.label.text() == " ".join(["word"] * 500)
    assert len(set(ticks)) > 3  # the loop saw it grow


def test_a_call_that_is_cancelled_in_the_loop_is_told_when_its_work_has_ended(window: Window) -> None:
    wait = Wait()

    def begin() -> None:
        call = window.host.soon(window.host.runtime.find("desk").ask, wait, then=window.tell)
        QTimer.singleShot(50, call.cancel)

    window.run(begin)
    assert wait.events == ["began", "cleaned up"]
    assert isinstance(window.told[0], Error)
    assert isinstance(window.told[0].error, RuntimeStopped)


def test_quitting_while_a_model_speaks_closes_its_stream(window: Window) -> None:
    model = actrio.ScriptedProvider(Stall(after=1))

    async def ask() -> None:
        ref = await window.host.runtime.spawn(actrio.Agent("slow", model=model))
        await ref.ask("Go.")

    def begin() -> None:
        window.host.soon(ask, then=window.told.append)
        QTimer.singleShot(50, window.host.stop)

    window.run(begin)
    assert isinstance(window.told[0], Error)
    assert model.statistics().streams_open == 0
    with pytest.raises(RuntimeStopped):
        window.host.soon(trio.sleep, 0)


def test_a_tool_of_asyncio_has_a_loop_in_a_thread_beside_it(window: Window) -> None:
    @actrio.tool(run_in="asyncio")
    async def fetch() -> str:
        await asyncio.sleep(0)
        return "fetched"

    async def ask() -> str:
        model = actrio.ScriptedProvider(Say(tool_calls=(ToolCall("c", "fetch", "{}"),)), "Done.")
        ref = await window.host.runtime.spawn(actrio.Agent("a", model=model, tools=[fetch]))
        return str((await ref.ask("Go.")).tool_uses[0].value)

    window.run(lambda: window.host.soon(ask, then=window.tell))
    assert [told.unwrap() for told in window.told] == ["fetched"]
