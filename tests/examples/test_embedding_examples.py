"""Every example of embedding runs in the program it is about, over real sockets."""

import http.client
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
import uvicorn
from waitress.server import create_server  # type: ignore[import-untyped]  # it has no types

import actrio
from actrio.testing import Say, Stall

FOLDER: Final = Path(__file__).parents[2] / "examples" / "embedding"
MOST_LINES: Final = 40  # that are not blank
ASGI: Final = {"fastapi_app": "Hello from FastAPI.", "starlette_app": "Hello from Starlette."}


def load(name: str, **changed: Any) -> ModuleType:
    """An example as a module, with some of its names changed."""
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    module = ModuleType(name)
    sys.modules[name] = module  # FastAPI looks the annotations up there
    exec(compile(text, str(FOLDER / f"{name}.py"), "exec"), module.__dict__)
    module.__dict__.update(changed)
    return module


@contextmanager
def served_by_uvicorn(app: Any, loop: Any = "asyncio") -> Generator[int]:
    """The port at which uvicorn serves an application."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", http="h11", loop=loop))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until(lambda: server.started)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def served_by_waitress(app: Any) -> Generator[int]:
    """The port at which waitress serves an application."""
    channels: dict[int, Any] = {}
    server = create_server(app, map=channels, host="127.0.0.1", port=0, threads=8, asyncore_loop_timeout=0.05)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.effective_port
    finally:

        def close() -> None:  # in the server's own thread, which waits on these sockets
            for channel in list(channels.values()):
                channel.close()

        server.trigger.pull_trigger(close)
        thread.join()
        server.task_dispatcher.shutdown()


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread is about to do."""
    patience = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.005)


def get(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", f"{path}?question=hi", headers={"Connection": "close"})
        response = connection.getresponse()
        assert response.status == 200
        return response.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("name", ASGI)
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_asgi_application_answers_and_streams(name: str, loop: str) -> None:
    with served_by_uvicorn(load(name).app, loop) as port:
        assert get(port, "/stream") == ASGI[name]
        assert get(port, "/ask").strip('"') == ASGI[name]


@pytest.mark.parametrize("name", ASGI)
def test_a_hundred_requests_at_once_are_answered(name: str) -> None:
    model = actrio.ScriptedProvider(Say("One two three.", token_s=0.02), cycle=True)
    with served_by_uvicorn(load(name, MODEL=model).app) as port, ThreadPoolExecutor(100) as clients:
        answers = list(clients.map(lambda path: get(port, path), ["/stream", "/ask"] * 50))
    assert {answer.strip('"') for answer in answers} == {"One two three."}


@pytest.mark.parametrize("name", ASGI)
def test_a_client_that_leaves_cancels_its_own_run_and_no_other(name: str) -> None:
    slow = Say("One two three four five six seven.", token_s=0.1)
    model = actrio.ScriptedProvider(Stall(after=1, of=slow), slow)
    with served_by_uvicorn(load(name, MODEL=model).app) as port, ThreadPoolExecutor(1) as stays:
        leaves = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        leaves.request("GET", "/stream?question=hi")
        response = leaves.getresponse()
        assert response.read(3) == b"One"
        answer = stays.submit(get, port, "/stream")
        until(lambda: model.statistics().streams_open == 2)
        response.close()
        leaves.close()
        until(lambda: model.statistics().streams_left_early == 1)
        assert model.statistics().streams_open == 1
        assert answer.result() == "One two three four five six seven."


def test_flask_behind_waitress_answers_and_streams() -> None:
    module = load("flask_app")
    with stopping(module.host), served_by_waitress(module.app) as port, ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda path: get(port, path), ["/stream", "/ask"] * 20))
    assert set(answers) == {"Hello from Flask."}


@contextmanager
def stopping(host: actrio.Host) -> Generator[None]:
    try:
        yield
    finally:
        host.stop()


def test_the_script_prints_what_its_docstring_says(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(FOLDER / "script.py"), run_name="__main__")
    assert capsys.readouterr().out == "Hello from a thread.\ntoo slow\n"


def test_the_qt_application_streams_into_its_window_and_quits() -> None:
    pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded here", exc_type=ImportError)
    done = subprocess.run(
        [sys.executable, FOLDER / "qt_app.py"],
        check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("Hello from Qt.\ncancelled\n", "", 0)


def test_the_notebook_runs_in_a_kernel() -> None:
    program = """
        import json, sys, nbclient, nbformat
        notebook = nbformat.read(sys.argv[1], as_version=4)
        nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
        print(json.dumps([cell.get("outputs") for cell in notebook.cells]))
    """
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(line.strip() for line in program.splitlines()), FOLDER / "notebook.ipynb"],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    _, _, streamed, asked, _ = json.loads(done.stdout)
    assert "".join(one["text"] for one in streamed) == "Hello from a notebook."
    assert asked[0]["data"]["text/plain"] == "'Hello from a notebook.'"


@pytest.mark.parametrize("example", sorted(FOLDER.glob("*.py")), ids=lambda example: example.stem)
def test_an_example_is_short(example: Path) -> None:
    assert sum(bool(line) for line in example.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_every_example_is_run() -> None:
    assert {path.stem for path in FOLDER.iterdir() if path.is_file()} == {
        *ASGI, "flask_app", "notebook", "qt_app", "script",
    }  # fmt: skip
