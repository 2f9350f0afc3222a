"""What the terminal programs share: text that wraps while it streams, and Ctrl-C as an event."""

import re
import signal
import sys
from collections.abc import Callable
from typing import Final

import trio
from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

_BY_SPACE: Final = re.compile(r"(\s+)")

# Lines of prose longer than this are hard to read, however wide the terminal.
_WIDEST: Final = 96


def make_console() -> Console:
    """Standard output: coloured on a terminal, plain in a pipe or a file."""
    console = Console(highlight=False, emoji=False)
    if console.width > _WIDEST:
        console = Console(highlight=False, emoji=False, width=_WIDEST)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None and console.options.ascii_only:
        # A model says what it likes; a terminal that cannot show it is no reason to end.
        reconfigure(errors="replace")
    return console


class Flow:
    """Text that comes piece by piece, broken at words to fit the console. A word is shown when it is whole.

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
        for index, part in enumerate(_BY_SPACE.split(piece)):
            if index % 2 == 0:
                self._word += part
            else:
                self._show_word()
                self._break_lines(part.count("\n"))
                self._gap = " " if "\n" not in part else ""

    def end(self, mark: Text | str = "") -> None:
        """Show the last word, a mark if there is one, and end the line. Nothing if nothing was shown."""
        self._show_word()
        if mark:
            self._begin()
            self._print(Text.assemble(" " if self._column else "", mark))
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


async def call_on_interrupt(
    action: Callable[[], None], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Call `action` at each Ctrl-C, which is then no KeyboardInterrupt. Runs until cancelled; main thread only."""
    with trio.open_signal_receiver(signal.SIGINT) as signals:
        task_status.started()
        async for _ in signals:
            action()
