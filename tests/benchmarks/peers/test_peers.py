"""Peers in environments of their own: here this interpreter plays that of a peer, with adapters made for the test."""

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from actrio.benchmarks._harness import Unavailable, measure
from actrio.benchmarks.peers import SUITE, _process, install
from actrio.benchmarks.peers._peer import PEERS
from actrio.benchmarks.peers._process import Measuring, at_work
from actrio.benchmarks.peers._scenarios import WORK, best_of_peers

ADAPTER = """
import asyncio, os, sys, time
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


def test_each_measurement_has_a_row_for_each_peer_and_each_peer_an_adapter() -> None:
    assert len(SUITE.scenarios) == len(WORK) * len(PEERS)
    for peer in PEERS:
        text = peer.adapter.read_text(encoding="utf-8")
        assert "The fast path: " in text
        assert all(f"def {work.function}(" in text or f"\n{work.function} = " in text for work in WORK), peer.name


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
