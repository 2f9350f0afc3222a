"""What is seen of the team at work: who says what to whom, words as they come, crashes and restarts."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from attrs import define
from rich.console import Console
from rich.text import Text

from actrio._terminal import Flow
from actrio.actors import LifeEvent, Runtime
from actrio.agents import ToolUse
from actrio.mailbox import Lagged, Subscription

COLOURS: Final[Mapping[str, str]] = MappingProxyType(
    {"researcher": "cyan", "writer": "magenta", "editor": "yellow", "desk": "red", "you": "bold"}
)
_NAMES: Final = 10  # columns, as many as the longest name has


def short(name: str) -> str:
    """An actor's name without that of its supervisor."""
    return name.removeprefix("desk/")


@define
class Speech:
    """One turn on the screen. ``tokens`` is what the model says it cost; 0 while it has not said."""

    flow: Flow
    pieces: int = 0
    tokens: int = 0

    def add(self, piece: str) -> None:
        """Show the next piece."""
        self.pieces += 1
        self.flow.add(piece)

    def close(self, mark: str) -> None:
        """Show what the model left out at the end."""
        self.flow.add(mark)


class Stage:
    """The screen of the demo. Not a line of it is ever changed again, so it reads the same in a file.

    Attributes: ``tokens``, those each speaker's model wrote: {name: count}.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.tokens: dict[str, int] = {}
        plain = console.options.ascii_only
        self._bar, self._arrow, self._cross, self._turn = ("|", "->", "x", "o") if plain else ("│", "→", "✗", "↻")

    def show_message(self, sender: str, to: str, message: object) -> None:
        """A message on its way, on one line."""
        line = Text.assemble(
            self._name(sender),
            f" {self._arrow} ",
            (f"{short(to):<{_NAMES}}", COLOURS.get(short(to), "")),
            "  ",
            type(message).__name__,
            (repr(message).removeprefix(type(message).__name__), "dim"),
        )
        self.console.print(line, no_wrap=True, overflow="ellipsis" if self._bar != "|" else "crop")

    @contextmanager
    def speech(self, name: str) -> Generator[Speech]:
        """Words of one speaker as they come. One at a time: the three wait for each other."""
        flow = Flow(self.console, self._head(name), self._head(""))
        speech = Speech(flow)
        try:
            yield speech
        except BaseException:
            flow.end(Text("[cut off]", style="dim"))
            raise
        else:
            flow.end()
        finally:
            self.count_tokens(name, speech.tokens or speech.pieces)

    def count_tokens(self, name: str, tokens: int) -> None:
        """Count what a speaker's model wrote that is not shown."""
        self.tokens[name] = self.tokens.get(name, 0) + tokens

    def show_use(self, name: str, use: ToolUse) -> None:
        """A tool that a speaker's model used, and what came of it."""
        call = f"{use.call.name}({' '.join(use.call.arguments.split())})"
        self._write(self._head(name), f"{call} {self._arrow} {use.text}", "dim")

    def remark(self, name: str, text: str) -> None:
        """What an actor says without its model."""
        self._write(self._head(name), text, "italic")

    async def follow(self, events: Subscription[LifeEvent | Lagged], runtime: Runtime) -> None:
        """Show crashes and restarts, as the runtime tells of them. Runs until cancelled."""
        crashed: set[str] = set()
        async for event in events:
            if isinstance(event, Lagged):
                continue
            if event.state == "crashed":
                crashed.add(event.actor)
                self._show_crash(event.actor, runtime)
            elif event.state == "running" and event.actor in crashed:
                crashed.discard(event.actor)
                self._show_restart(event.actor, runtime)

    def _show_crash(self, name: str, runtime: Runtime) -> None:
        metrics = runtime.find(name).metrics()
        box = metrics.mailbox
        text = (
            f"crashed: {metrics.last_error}. Its message is back in the mailbox: "
            f"{box.queued} queued, {box.failed} failed."
        )
        self._write(self._head(name, self._cross), text, "red")

    def _show_restart(self, name: str, runtime: Runtime) -> None:
        restarts = runtime.find(name).metrics().restarts
        text = (
            f"restarted by its supervisor (restart {restarts}), with a new agent. It is given the message again; "
            f"who asked has been waiting all the while."
        )
        self._write(self._head(name, self._turn), text, "green")

    def _write(self, head: Text, text: str, style: str) -> None:
        flow = Flow(self.console, head, self._head(""), style=style)
        flow.add(text)
        flow.end()

    def _head(self, name: str, sign: str = "") -> Text:
        return Text.assemble(self._name(name), f" {sign or self._bar} ")

    def _name(self, name: str) -> Text:
        return Text(f"{short(name):>{_NAMES}}", style=COLOURS.get(short(name), ""))
