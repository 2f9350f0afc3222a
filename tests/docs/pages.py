"""The code of a page: found in its Markdown, run as the page says, its output compared.

Every fenced block of a page is of one of these kinds:

- ``python``: run. The blocks of one page are one program, in their order: a block may use what an earlier one made.
- ``text`` right after a ``python`` block: what that block prints, to the letter.
- ``sh``: commands for a reader. Not run.
"""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

ROOT = Path(__file__).parents[2]
KINDS = {"python", "text", "sh"}

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@frozen
class Block:
    """One fenced block: what kind, which line of the page its content begins at, whether it follows another at once."""

    kind: str
    line: int
    content: str
    adjacent: bool


def blocks_of(text: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    end = 0
    for found in _FENCE.finditer(text):
        adjacent = end > 0 and not text[end : found.start()].strip()
        yield Block(found[1], text.count("\n", 0, found.start()) + 2, found[2], adjacent)
        end = found.end()


def run_page(page: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any] | None = None) -> str:
    """Run the code of a page and check what it prints where the page shows it. Gives all that was printed.

    ``run`` stands for ``trio.run``; unless given it is that on a clock that jumps over every wait.
    """
    module = ModuleType(page.stem)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(trio, "run", run or partial(_run_without_waiting, trio.run))
    printed = ""
    everything = io.StringIO()
    for block in blocks_of(page.read_text(encoding="utf-8")):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        assert block.kind in KINDS, f"{where}: a block is one of {', '.join(sorted(KINDS))}, not {block.kind!r}"
        if block.kind == "python":
            # The empty lines put tracebacks at the line of the page.
            code = compile("\n" * (block.line - 1) + block.content, str(page), "exec")
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(code, module.__dict__)
            printed = output.getvalue()
            everything.write(printed)
        elif block.kind == "text" and block.adjacent:
            assert printed == block.content, f"{where}: the block above prints something else"
    return everything.getvalue()


def _run_without_waiting(
    run: Callable[..., Any], async_fn: Callable[..., Any], *args: object, clock: MockClock | None = None
) -> object:
    return run(async_fn, *args, clock=clock or MockClock(autojump_threshold=0))
