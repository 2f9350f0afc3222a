"""Peers in environments of their own: here this interpreter plays that of a peer, with adapters made for the test."""

import re
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from actrio.benchmarks._harness import Unavailable, measure
from actrio.benchmarks.peers import SUITE, _install, _process, install
from actrio.benchmarks.peers._peer import ACTORS, PEERS
from actrio.benchmarks.peers._process import Measuring, at_work
from actrio.benchmarks.peers._scenarios import WORK, best_of_peers

ADAPTER = """
import asyncio, os, socket, subprocess, sys, time
from program import measured_bytes

ring = "it has no rings"
print("a library that prints")

def tell(size):
    return size / 2

async def ask(size):
    await asyncio.sleep(0)
    return float(os.getpid())

def spawn(size):
    assert size > 10, "wrong"
    return 1.0

def idle_bytes(size):
    with measured_bytes() as in_use:
        before = in_use()
        kept = [bytes(1_000) for _ in range(size)]
        return (in_use() - before) / len(kept)

def restart(size):
    time.sleep(60)

def fan_in(size):
    os._exit(1)

def connect(size):
    socket.create_connection(("192.0.2.1", 80), timeout=5)

def look_up(size):
    socket.create_connection(("example", 80), timeout=5)

def environment(size):
    wanted = {"OPENAI_AGENTS_DISABLE_TRACING": "1", "LANGSMITH_TRACING": "false"}
    wanted.update(https_proxy=None, OPENAI_API_KEY=None)
    return sum(os.environ.get(name) != value for name, value in wanted.items())

def wait(port):
    with socket.create_connection(("127.0.0.1", port)):
        time.sleep(60)

def start_child(port):
    # Nothing tells it when its parent ends.
    program = f"import socket, time; one = socket.create_connection(('127.0.0.1', {port})); time.sleep(60)"
    return subprocess.Popen([sys.executable, "-c", program]).pid
"""


OWNER = """
import sys
from pathlib import Path
from actrio.benchmarks.peers._process import Measuring
Measuring(Path(sys.executable), Path(sys.argv[1])).measure("wait", int(sys.argv[2]))
"""


@pytest.fixture
def peer(tmp_path: Path) -> Generator[Measuring]:
    adapter = tmp_path / "made_up.py"
    adapter.write_text(ADAPTER)
    measuring = Measuring(Path(sys.executable), adapter, patience_s=20)
    yield measuring
    measuring.close()


def test_a_measurement_is_what_the_adapter_returns_and_the_process_stays(peer: Measuring) -> None:
    assert peer.measure("tell", 10) == 5.0
    assert peer.measure("ask", 1) == peer.measure("ask", 1)


def test_idle_bytes_are_counted_to_the_byte(peer: Measuring) -> None:
    assert 1_000 <= peer.measure("idle_bytes", 100) < 1_200


@pytest.mark.parametrize(
    ("what", "said"),
    [("ring", "it has no rings"), ("asks_100", "it has no asks_100"), ("spawn", "it failed: AssertionError: wrong")],
)
def test_what_a_peer_cannot_do_or_does_wrong_is_said(peer: Measuring, what: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        peer.measure(what, 1)
    assert peer.measure("tell", 2) == 1.0


def test_a_peer_that_dies_is_started_again(peer: Measuring) -> None:
    with pytest.raises(Unavailable, match="its process ended"):
        peer.measure("fan_in", 1)
    assert peer.measure("tell", 2) == 1.0


def test_a_peer_that_hangs_is_ended(tmp_path: Path) -> None:
    adapter = tmp_path / "made_up.py"
    adapter.write_text(ADAPTER)
    measuring = Measuring(Path(sys.executable), adapter, patience_s=1.5)
    with pytest.raises(Unavailable, match=r"it took more than 1\.5 s"):
        measuring.measure("restart", 1)
    measuring.close()


def test_an_adapter_whose_library_is_missing_says_which(tmp_path: Path) -> None:
    adapter = tmp_path / "made_up.py"
    adapter.write_text("import no_such_library")
    measuring = Measuring(Path(sys.executable), adapter)
    with pytest.raises(Unavailable, match="no_such_library"):
        measuring.measure("tell", 1)
    measuring.close()


def test_a_peer_that_is_not_installed_is_a_row_that_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (scenario,) = [one for one in SUITE.scenarios if one.name == "tell-pykka"]
    with at_work():
        (absent,) = measure([scenario], rounds=1, size=1)
    assert "actrio bench peers --install pykka" in str(absent)


def test_processes_end_with_the_suite(peer: Measuring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_process, "Measuring", lambda *_: peer)
    monkeypatch.setattr(type(PEERS[0]), "installed", property(lambda _: True))
    with at_work():
        assert _process.measure(PEERS[0], "tell", 2) == 1.0
        assert peer._process is not None
        process = peer._process
    assert process.returncode is not None


def test_each_measurement_has_a_row_for_each_system_of_actors_and_each_of_them_an_adapter() -> None:
    names = {one.name for one in SUITE.scenarios}
    assert {f"{work.name}-{peer.row_label}" for work in WORK for peer in ACTORS} <= names
    for peer in ACTORS:
        text = peer.adapter.read_text(encoding="utf-8")
        assert "The fast path: " in text
        assert all(f"def {work.function}(" in text or f"\n{work.function} = " in text for work in WORK), peer.name


def test_what_is_installed_is_one_version_of_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[list[str]] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(_install, "_interpreter", lambda _: sys.executable)
    monkeypatch.setattr(_install, "_call", calls.append)
    for peer in PEERS:
        peer.environment.mkdir(parents=True)
    assert install(["all"]) == 0
    installed = [command[command.index("install") + 3 :] for command in calls if "install" in command]
    assert installed == [list(peer.requirements) for peer in PEERS]
    assert all(re.fullmatch(r"[a-z-]+(\[[a-z]+\])?==[0-9.]+", one) for command in installed for one in command)
    assert all(peer.stamp.read_text().split() == list(peer.requirements) for peer in PEERS)


def test_an_install_that_fails_or_hangs_says_so_and_the_others_are_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(_install, "_interpreter", lambda _: sys.executable)
    monkeypatch.setattr(_install, "_PATIENCE_S", 0.0)
    assert install(["pykka", "ray"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "pykka: it took more than 0.0 s",
        "ray: it took more than 0.0 s",
    ]
    assert not any(peer.installed for peer in PEERS)


def test_a_peer_reaches_this_machine_alone(peer: Measuring) -> None:
    with pytest.raises(Unavailable, match=r"connects to this machine alone, not to 192\.0\.2\.1"):
        peer.measure("connect", 0)
    with pytest.raises(Unavailable, match="not to example"):
        peer.measure("look_up", 0)


def test_a_peer_is_told_to_trace_nothing_and_of_no_proxy(peer: Measuring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://192.0.2.1")
    monkeypatch.setenv("OPENAI_API_KEY", "a secret")
    assert peer.measure("environment", 0) == 0


def test_what_a_peer_has_started_ends_with_it(peer: Measuring) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        peer.measure("start_child", listening.getsockname()[1])
        child, _ = listening.accept()
        with child:
            child.settimeout(20)
            peer.close()
            assert child.recv(1) == b""


def test_a_peer_at_work_ends_with_its_owner_however_that_ends(tmp_path: Path) -> None:
    adapter = tmp_path / "made_up.py"
    adapter.write_text(ADAPTER)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        port = listening.getsockname()[1]
        with subprocess.Popen([sys.executable, "-P", "-c", OWNER, str(adapter), str(port)]) as owner:
            peer, _ = listening.accept()
            owner.kill()
        with peer:
            peer.settimeout(20)
            assert peer.recv(1) == b""


def test_an_unknown_peer_is_an_error_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert install(["nonsense"]) == 1
    assert "no such peer; there are autogen-core, pykka" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_best_peer_of_each_measurement_is_named() -> None:
    from actrio.benchmarks._row import summarise

    rows = [
        summarise("ask-pykka", "asks/s", "rate", [(4.0, 2.0)]),
        summarise("ask-xoscar", "asks/s", "rate", [(4.0, 8.0)]),
    ]
    assert "ask           0.50 times the best of 2, xoscar" in best_of_peers(rows)
    assert not best_of_peers([])
