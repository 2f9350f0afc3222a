"""The documentation: its code runs, prints what it says, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks_of, run_page

PAGES = sorted((ROOT / "docs").glob("*.md"))
MARKDOWN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs_and_prints_what_the_page_shows(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_page(page, monkeypatch)


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_to_files_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not heading or heading in headings_of(target), link


def headings_of(page: Path) -> set[str]:
    """The anchors that a renderer makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_output_that_is_not_what_the_page_shows_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n\n```text\n2\n```\n", encoding="utf-8")
    monkeypatch.setattr("tests.docs.pages.ROOT", tmp_path)
    with pytest.raises(AssertionError, match=r"page.md:6: the block above prints something else"):
        run_page(page, monkeypatch)


def test_a_block_knows_its_kind_its_line_and_whether_it_follows_another() -> None:
    python, text, later = blocks_of("# T\n\n```python\na\n```\n\n```text\nb\n```\nwords\n\n```sh\nc\n```\n")
    assert (python.kind, python.line, python.content, python.adjacent) == ("python", 4, "a\n", False)
    assert (text.kind, text.line, text.adjacent) == ("text", 8, True)
    assert (later.kind, later.adjacent) == ("sh", False)
