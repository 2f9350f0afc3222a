"""What holds in the repository itself: the top-level folders are the packages, and links make one package of them."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "actrio"
LINKS = sorted(path for path in PACKAGE.iterdir() if path.is_symlink())


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
def test_a_link_is_relative_and_leads_to_the_folder_of_its_name(link: Path) -> None:
    assert link.readlink() == Path("../..", link.name)
    assert (link / "__init__.py").is_file()


def test_every_package_at_the_top_level_is_linked() -> None:
    folders = {file.parent.name for file in ROOT.glob("*/__init__.py") if file.parent.name != "tests"}
    assert folders == {link.name for link in LINKS}
    assert {"actors", "agents", "benchmarks", "mailbox", "providers"} <= folders


def test_pyright_is_told_of_every_link() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]["include"]
    assert {f"src/actrio/{link.name}" for link in LINKS} <= set(told)
