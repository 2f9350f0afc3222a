"""The check on every test, `tests/leaks.py`, run on tests that leak each kind of thing and on tests that do not."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

LEAKING = """
import gc, socket, threading, time
import pytest, trio
from hypothesis import given, settings, strategies

kept = []
release = threading.Event()


class Cycle:
    def __init__(self):
        self.me = self

    def __del__(self):
        raise ValueError("raised in a finalizer")


async def test_task():
    trio.lowlevel.spawn_system_task(trio.sleep_forever, name="straggler")


@settings(max_examples=2)
@given(strategies.booleans())
async def test_task_of_an_example(flag):
    trio.lowlevel.spawn_system_task(trio.sleep_forever, name="straggler")


@pytest.fixture
async def late():
    yield
    trio.lowlevel.spawn_system_task(trio.sleep_forever, name="straggler")


async def test_task_of_a_fixture(late):
    pass


def test_thread():
    threading.Thread(target=release.wait, name="loiterer", daemon=True).start()


async def test_busy_worker():
    await trio.to_thread.run_sync(int)  # the worker is known, and idle, before it is abandoned
    with trio.move_on_after(0.01):
        await trio.to_thread.run_sync(release.wait, abandon_on_cancel=True)


def test_socket():
    listener = socket.create_server(("127.0.0.1", 0))
    kept.append(listener)


def test_unraisable():
    Cycle()


def test_unclosed_socket_in_a_cycle():
    leaking = Cycle()
    leaking.socket = socket.socket()


def test_guest_run():
    trio.lowlevel.start_guest_run(
        trio.sleep_forever, run_sync_soon_threadsafe=kept.append, done_callback=kept.append
    )
"""

CLEAN = """
import gc, socket, threading
import pytest, trio
from hypothesis import given, strategies


@pytest.fixture(scope="module")
def wide():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        yield listener
        done.set()
        thread.join()


@pytest.fixture
async def background():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        yield nursery
        nursery.cancel_scope.cancel()


async def test_tasks_of_fixtures(background, nursery):
    background.start_soon(trio.sleep_forever)
    nursery.start_soon(trio.sleep_forever)


def test_what_a_wider_fixture_holds(wide):
    assert wide.fileno() >= 0


async def test_idle_worker():
    await trio.to_thread.run_sync(int)


async def test_after_an_idle_worker():
    await trio.to_thread.run_sync(int)


def test_thread_about_to_end():
    threading.Timer(0.05, int).start()


@pytest.mark.parametrize("number", [1, 2])
@given(strategies.booleans())
async def test_examples(number, flag):
    await trio.lowlevel.checkpoint()


def test_garbage_without_finalizers():
    cycle = []
    cycle.append(cycle)
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """`{test: what pytest had to say against it}`; the empty string where it passed."""
    folder = tmp_path_factory.mktemp("sample")
    (folder / "leaks.py").write_text(Path(__file__).with_name("leaks.py").read_text())
    (folder / "test_leaking.py").write_text(LEAKING)
    (folder / "test_clean.py").write_text(CLEAN)
    options = ["-p", "leaks", "-p", "no:cacheprovider", "-o", "trio_mode=true", "-W", "error", "--junitxml=report.xml"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_clean.py", "test_leaking.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        check=False,
        capture_output=True,
    )
    said = dict[str, str]()
    for case in ET.parse(folder / "report.xml").iter("testcase"):
        against = [entry.attrib["message"] for entry in case if entry.tag in {"error", "failure"}]
        said[case.attrib["name"]] = said.get(case.attrib["name"], "") + "".join(against)
    return said


@pytest.mark.parametrize(
    ("test", "named"),
    [
        ("test_task", "task straggler"),
        ("test_task_of_an_example", "task straggler"),
        ("test_task_of_a_fixture", "task straggler"),
        ("test_thread", "thread loiterer in Condition.wait"),
        ("test_busy_worker", "in Condition.wait"),
        ("test_socket", "AF_INET ('127.0.0.1', "),
        ("test_unraisable", "ValueError('raised in a finalizer')"),
        ("test_unclosed_socket_in_a_cycle", "unclosed <socket.socket"),
        ("test_guest_run", "a Trio run in guest mode"),
    ],
)
def test_a_leak_fails_the_test_and_is_named(outcomes: dict[str, str], test: str, named: str) -> None:
    assert "left behind: " in outcomes[test]
    assert named in outcomes[test]


def test_what_is_no_leak_passes(outcomes: dict[str, str]) -> None:
    clean = {name: said for name, said in outcomes.items() if f"def {name.partition('[')[0]}(" in CLEAN}
    assert len(clean) == 8
    assert set(clean.values()) == {""}, clean
