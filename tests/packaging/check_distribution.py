"""Build the wheel and the sdist, look inside both, and use the wheel in an empty environment outside the checkout.

Run by `make wheel-check`. Builds from a copy, so that nothing left by earlier builds can slip in or paper over a gap.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
NOT_COPIED = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build", "dist")
BESIDE_THE_PACKAGE = {"LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg"}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="actrio-") as temporary:
        folder = Path(temporary)
        checkout = folder / "checkout"
        shutil.copytree(ROOT, checkout, symlinks=True, ignore=NOT_COPIED)
        run(sys.executable, "-m", "build", "--outdir", folder / "dist", checkout, quiet=True)
        (wheel,), (sdist,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
        expected = files_of_the_package(checkout)
        check_wheel(wheel, expected)
        check_sdist(sdist, expected)
        use(wheel, folder)


def files_of_the_package(checkout: Path) -> set[str]:
    found: set[str] = set()
    for folder, _, files in os.walk(checkout / "src" / "actrio", followlinks=True):
        found |= {(Path(folder, file)).relative_to(checkout / "src").as_posix() for file in files}
    return found


def check_wheel(wheel: Path, expected: set[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {name for name in names if ".dist-info/" not in name}
    compare(wheel.name, inside, expected)


def check_sdist(sdist: Path, expected: set[str]) -> None:
    with tarfile.open(sdist) as archive:
        members = [PurePosixPath(member.name) for member in archive if member.isfile() or member.issym()]
    names = {PurePosixPath(*member.parts[1:]).as_posix() for member in members}
    inside = {name for name in names if name not in BESIDE_THE_PACKAGE and ".egg-info/" not in name}
    compare(sdist.name, inside, {f"src/{name}" for name in expected})


def compare(archive: str, inside: set[str], expected: set[str]) -> None:
    if inside != expected:
        sys.exit(f"{archive} lacks {sorted(expected - inside)} and should not hold {sorted(inside - expected)}")
    print(f"{archive}: all {len(expected)} files of the package, and no others", flush=True)


def use(wheel: Path, folder: Path) -> None:
    """Install the wheel into an empty environment, run the small program there, then the packaging tests."""
    run(sys.executable, "-m", "venv", folder / "empty")
    python = folder / "empty" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    here = Path(__file__).parent
    for file in ("smoke.py", "test_installed.py"):
        shutil.copy(here / file, folder)
    run(python, "smoke.py", folder=folder)
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    run(python, "-m", "pip", "install", "--quiet", *groups["test"])
    run(python, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "test_installed.py", folder=folder)


def run(*command: str | Path, folder: Path | None = None, quiet: bool = False) -> None:
    done = subprocess.run(command, cwd=folder, check=False, stdout=subprocess.PIPE if quiet else None, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout or ''}failed: {' '.join(map(str, command))}")


if __name__ == "__main__":
    main()
