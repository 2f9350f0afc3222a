"""Every example runs as it stands, and prints what its docstring says."""

import ast
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest
import trio
from trio.testing import MockClock

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
MOST_LINES = 40  # that are not blank


def said_by(example: Path) -> str:
    """What the docstring says it prints."""
    docstring = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8"))) or ""
    return dedent(docstring.partition("Prints:\n")[2]).strip() + "\n"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_prints_what_its_docstring_says(
    example: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trio, "run", partial(trio.run, clock=MockClock(autojump_threshold=0)))
    runpy.run_path(str(example), run_name="__main__")
    assert capsys.readouterr().out == said_by(example)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_is_short(example: Path) -> None:
    lines = example.read_text(encoding="utf-8").splitlines()
    assert sum(bool(line) for line in lines) <= MOST_LINES


def test_an_example_runs_as_a_program() -> None:
    example = next(one for one in EXAMPLES if one.stem == "supervised")
    done = subprocess.run([sys.executable, example], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, said_by(example), "")
