"""What the terminal programs share: text that wraps while it streams, and Ctrl-C as an event."""

import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from typing import Final

import trio
from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

_BY_SPACE: Final = re.compile(r"(\s+)")

# Characters that steer a terminal: with them a text could write elsewhere on the screen, or into the clipboard.
_STEERING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# Lines of prose longer than this are hard to read, however wide the terminal.
_WIDEST: Final = 96


class Output(Console):
    """A console whose reader may leave, as in `actrio demo | head`: that is then like Ctrl-C, and no error."""

    def on_broken_pipe(self) -> None:
        """Be silent from now on, and interrupt the program. Rich would raise SystemExit, wherever it was printing."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        signal.raise_signal(signal.SIGINT)


def make_console() -> Console:
    """Standard output: coloured on a terminal, plain in a pipe or a file."""
    console = Output(highlight=False, emoji=False)
    if console.width > _WIDEST:
        console = Output(highlight=False, emoji=False, width=_WIDEST)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None and console.options.ascii_only:
        # A model says what it likes; a terminal that cannot show it is no reason to end.
        reconfigure(errors="replace")
    return console


class Flow:
    """Text that comes piece by piece, broken at words to fit the console. A word is shown when it is whole.

    Of what has no spaces, as Chinese has not, a line is shown when it is full. Characters that steer a terminal are
    left out.

    Args:
        console: Where to.
        first, rest: What the first line and the others begin with; equally wide.
        style: Of the text.
        wrap: False leaves lines as long as they come.
    """

    def __init__(
        self, console: Console, first: Text | str = "", rest: Text | str = "", *, style: str = "", wrap: bool = True
    ) -> None:
        self._console = console
        self._first = Text.assemble(first)
        self._rest = Text.assemble(rest)
        self._style = style
        self._width = max(10, console.width - 1 - self._first.cell_len) if wrap else sys.maxsize
        self._column = 0
        self._gap = ""  # the space before the word, not shown at a line's beginning
        self._word = ""  # as far as it has come
        self._begun = False

    def add(self, piece: str) -> None:
        """Show what is whole; keep the word that may go on."""
        for index, part in enumerate(_BY_SPACE.split(_STEERING.sub("", piece))):
            if index % 2 == 0:
                self._word += part
                if cell_len(self._word) >= min(self._width, _WIDEST):
                    self._show_word()
            else:
                self._show_word()
                self._break_lines(part.count("\n"))
                self._gap = " " if "\n" not in part else ""

    def end(self, mark: Text | str = "") -> None:
        """Show the last word, a mark if there is one, and end the line. Nothing if nothing was shown."""
        self._show_word()
        if mark:
            self._begin()
            shown = Text.assemble(" " if self._column else "", mark)
            if self._column and self._column + shown.cell_len > self._width:
                self._break_lines(1)
                shown = Text.assemble(mark)
            self._print(shown)
        if self._begun:
            self._console.print()

    def _show_word(self) -> None:
        word, self._word = self._word, ""
        if not word:
            return
        self._begin()
        gap = self._gap if self._column else ""
        if self._column and self._column + len(gap) + cell_len(word) > self._width:
            self._break_lines(1)
            gap = ""
        for index, part in enumerate([word] if cell_len(word) <= self._width else chop_cells(word, self._width)):
            if index:
                self._break_lines(1)
            self._print(Text(gap + part, style=self._style))
            self._column += len(gap) + cell_len(part)
            gap = ""
        self._gap = ""

    def _break_lines(self, count: int) -> None:
        if not self._begun:
            return  # an answer may begin with empty lines; nobody misses them
        for _ in range(count):
            self._print(Text.assemble("\n", self._rest))
            self._column = 0

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._print(self._first)

    def _print(self, text: Text) -> None:
        self._console.print(text, end="", soft_wrap=True)


@contextmanager
def on_interrupt(nursery: trio.Nursery, action: Callable[[], object]) -> Generator[None]:
    """Inside, each Ctrl-C calls `action` from a task of the nursery, and is no KeyboardInterrupt. Main thread only.

    The task runs until the nursery is cancelled.
    """
    with trio.open_signal_receiver(signal.SIGINT) as signals:
        nursery.start_soon(_act_on, signals, action, name="Ctrl-C")
        yield


async def _act_on(signals: AsyncIterator[int], action: Callable[[], object]) -> None:
    async for _ in signals:
        action()
