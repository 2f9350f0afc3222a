"""What an installed actrio promises; `make wheel-check` runs this file against the wheel too, outside the checkout."""

import importlib
import os
import pkgutil
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

import actrio

PACKAGES = sorted(f"actrio.{module.name}" for module in pkgutil.iter_modules(actrio.__path__) if module.ispkg)
EXTRAS = {"prompt_toolkit", "rich", "xllamacpp"}
SLOW = EXTRAS | {"anyio", "httpx2", "openai", "pydantic", "trio_websocket"}


def python(program: str, folder: Path) -> str:
    """What a fresh interpreter prints that runs `program` with nothing of this process on its path."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH"}}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_mailbox_is_still_pythons_own_module(tmp_path: Path) -> None:
    program = "import actrio.mailbox, mailbox; print(mailbox.__file__, mailbox.Maildir.__name__)"
    file, name = python(program, tmp_path).split()
    assert Path(file) == Path(os.__file__).with_name("mailbox.py")
    assert name == "Maildir"


def test_only_actrio_is_importable_by_name(tmp_path: Path) -> None:
    names = [package.removeprefix("actrio.") for package in PACKAGES if package != "actrio.mailbox"]
    program = f"from importlib.util import find_spec; print([name for name in {names} if find_spec(name)])"
    assert python(program, tmp_path) == "[]"


def test_importing_actrio_imports_nothing_slow(tmp_path: Path) -> None:
    program = f"import sys, actrio; print(sorted({SLOW} & set(sys.modules)))"
    assert python(program, tmp_path) == "[]"


def test_the_package_says_that_it_is_typed() -> None:
    assert files("actrio").joinpath("py.typed").is_file()


@pytest.mark.parametrize("command", [[Path(sys.executable).with_name("actrio")], [sys.executable, "-m", "actrio"]])
def test_the_command_runs_as_a_script_and_as_a_module(command: list[str | Path], tmp_path: Path) -> None:
    done = subprocess.run([*command, "--version"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout == f"actrio {version('actrio')}\n"


@pytest.mark.parametrize("package", ["actrio", *PACKAGES])
def test_every_public_name_exists(package: str) -> None:
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError as missing:
        if missing.name not in EXTRAS:
            raise
        pytest.skip(f"{package} needs the extra that brings {missing.name}")
    names: list[str] = module.__all__
    assert names
    assert len(set(names)) == len(names)
    assert [name for name in names if not hasattr(module, name)] == []
