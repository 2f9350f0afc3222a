"""A small program for an environment that holds the wheel and what it depends on, nothing else."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import actrio


def main() -> None:
    assert Path(sys.prefix) in Path(actrio.__file__).parents, f"not the installed wheel: {actrio.__file__}"
    command = Path(sys.executable).with_name("actrio")
    said = subprocess.run([command, "--help"], check=True, capture_output=True, text=True).stdout
    assert "demo" in said, said
    print(f"actrio {version('actrio')} works from its wheel")


if __name__ == "__main__":
    main()
