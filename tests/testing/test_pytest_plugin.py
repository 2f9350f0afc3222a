"""The pytest plugin: its fixtures, in a pytest of its own."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import threading, pytest, trio
from attrs import frozen
from actrio import Agent
from actrio.testing import ScriptedProvider

@frozen
class Note:
    text: str

@pytest.mark.trio
async def test_an_agent(actrio_runtime, no_orphans):
    agent = await actrio_runtime.spawn(Agent("a", ScriptedProvider("Yes.")))
    assert (await agent.ask("Sure?")).text == "Yes."

@pytest.mark.trio
async def test_a_probe(actrio_runtime, spawn_probe, autojump_clock):
    probe = await spawn_probe("archive")
    await actrio_runtime.find("archive").tell(Note("a"))
    assert await probe.received(Note) == Note("a")

left = threading.Event()

def test_a_thread(no_orphans):
    threading.Thread(target=left.wait, daemon=True).start()
"""

LOADED = """
import sys, actrio._pytest_plugin
print(*{"actrio.providers", "actrio.agents", "actrio.testing", "openai", "httpx2"} & set(sys.modules))
"""


def test_the_fixtures_work_and_a_thread_that_is_left_fails_its_test(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS, encoding="utf-8")
    plugins = ["-p", "pytest_trio.plugin", "-p", "actrio._pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "--rootdir", str(tmp_path), *plugins, "test_mine.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
    )
    assert "3 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "OrphansLeft: left behind: thread Thread-1" in done.stdout


def test_loading_the_plugin_loads_no_models() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", LOADED], capture_output=True, text=True, check=True)
    assert not done.stdout.split()
