"""`actrio serve`, as a program."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import trio

from actrio.gateway import connect

SETUP = """
import actrio
async def setup(runtime):
    await runtime.spawn(actrio.Agent("writer", actrio.ScriptedProvider("Yes.")))
    await runtime.spawn(Friend)
def plain(runtime):
    pass
class Friend(actrio.Actor):
    async def stopped(self):
        print("the writer's friend has gone home")
"""


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    (folder / "team.py").write_text(SETUP)
    return subprocess.Popen(
        [sys.executable, "-m", "actrio", "serve", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_it_serves_agents_and_the_page_until_interrupted(tmp_path: Path) -> None:
    with start(tmp_path, "team:setup", "--port", "0") as program:
        try:
            assert program.stdout is not None
            words = program.stdout.readline().split()
            async with connect(words[1].rstrip(",")) as client:
                assert (await client.agent("writer").ask("?")).text == "Yes."
            with urllib.request.urlopen(words[-1]) as page:  # noqa: ASYNC210 - nothing else runs here
                assert b"<title>actrio</title>" in page.read()
                assert "default-src 'self'" in page.headers["Content-Security-Policy"]
            program.send_signal(signal.SIGINT)
            assert program.wait(20) == 130
        finally:
            program.kill()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["team:setup", "--host", "0.0.0.0"], "set ACTRIO_TOKEN"),
        (["team:setup", "--port", "65536"], "a whole number from 0 to 65535, not 65536"),
        (["team:plain"], "team:plain must be `async def plain(runtime)`"),
        (["team:nothing"], "module 'team' has no 'nothing'"),
        (["nowhere:setup"], "there is no module 'nowhere' here"),
        (["team"], "is not module:function"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    with start(tmp_path, *arguments) as program:
        out, err = program.communicate(timeout=30)
    assert (program.returncode, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start(tmp_path, "team:setup", "--port", str(port)) as program:
            _, err = program.communicate(timeout=30)
    assert program.returncode == 2
    assert f"127.0.0.1:{port}" in err
    assert "--port" in err
    assert "Traceback" not in err


async def test_sigterm_ends_it_as_a_service_ends_with_the_hooks_run(tmp_path: Path) -> None:
    with start(tmp_path, "team:setup", "--port", "0") as program:
        try:
            assert program.stdout is not None
            url = program.stdout.readline().split()[1].rstrip(",")
            async with connect(url) as client:
                assert (await client.agent("writer").ask("?")).text == "Yes."
                program.send_signal(signal.SIGTERM)
                assert await trio.to_thread.run_sync(program.wait, 20) == 0
            assert "the writer's friend has gone home" in program.stdout.read()
        finally:
            program.kill()
