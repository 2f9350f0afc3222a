"""`actrio chat`: talk with the embedded model.

Ctrl-C stops the answer and not the program: what there is of it stays in the history, marked as interrupted. Ctrl-D or
/quit leaves, /clear forgets. Lines from a pipe or a file are answered one by one, without a prompt.
"""

import os
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Final, Protocol

import trio
from attrs import define
from rich.console import Console
from rich.text import Text

from actrio._terminal import Flow, make_console, on_interrupt
from actrio.actors import open_runtime
from actrio.agents import Agent, AgentRef, Turn, TurnError, TurnInterrupted
from actrio.providers import LocalProvider, Provider, ProviderError

INTERRUPTED: Final = 130
HISTORY: Final = 12  # messages: with answers of at most MAX_TOKENS they fit into the model's context
MAX_TOKENS: Final = 300
HELP: Final = "Ctrl-C stops an answer, /clear forgets what was said, /quit or Ctrl-D leaves."

_STDIN: Final = 0
_CHUNK: Final = 65_536  # bytes
_LOCAL_MODES: Final = 3  # the index of what says whether keys are shown, in what termios gives


class Lines(Protocol):
    """Where the user's lines come from."""

    async def read(self) -> str | None:
        """The next line, None at the end. Cancelling it loses at most what is being typed."""
        ...


def main() -> int:
    """Chat until the input ends; gives the exit status: 0, 1 if there is no model, 130 after Ctrl-C between answers.

    On a terminal Ctrl-C between answers only clears the line.
    """
    console = make_console()
    lines: Lines = TypedLines() if on_terminal(console) else PipedLines()
    return trio.run(chat, LocalProvider(), lines, console)


def on_terminal(console: Console) -> bool:
    """Whether there is somebody who types, and reads."""
    return sys.stdin.isatty() and console.is_terminal


async def chat(model: Provider, lines: Lines, console: Console) -> int:
    """Answer lines until they end; gives the exit status. Cancelling it closes the model's stream first.

    0, 130 after Ctrl-C between answers, or 1 if the model could not be opened, which is shown. What goes wrong in an
    answer is shown too, and the chat goes on.
    """
    session = Session(console)
    agent = Agent(
        "assistant",
        model,
        "You are a helpful assistant. You answer in a few short sentences.",
        history_limit=HISTORY,
        max_conversations=1,
        max_tokens=MAX_TOKENS,
        temperature=0.2,
    )
    async with trio.open_nursery() as nursery, open_runtime() as runtime:
        session.scope = nursery.cancel_scope
        with on_interrupt(nursery, session.interrupt):
            try:
                # Opened before the first question: the agent then finds it open.
                await runtime.share(model, model.open)
            except ProviderError as error:
                console.print(Text(str(error), style="red"), soft_wrap=True)
                session.status = 1
            else:
                await session.hold(lines, await runtime.spawn(agent))
        nursery.cancel_scope.cancel()
    return session.status


@define
class Session:
    """One chat: what it shows, which conversation it is at, and what Ctrl-C means at the moment."""

    console: Console
    scope: trio.CancelScope | None = None
    turn: Turn | None = None
    status: int = 0
    conversations: int = 1

    async def hold(self, lines: Lines, assistant: AgentRef) -> None:
        """Take lines until they end."""
        self._greet()
        while (line := await lines.read()) is not None and line.strip() != "/quit":
            await self.take(line.strip(), assistant)

    def _greet(self) -> None:
        """Say what there is, to people only."""
        if self.console.is_terminal:
            flow = Flow(self.console, style="dim")
            flow.add(f"A model of 135 million parameters, on this machine: quick, and not always right. {HELP}")
            flow.end()

    def interrupt(self) -> None:
        """Ctrl-C: stop the answer; without one, the chat."""
        if self.turn is not None:
            self.turn.cancel()
        elif self.scope is not None:
            self.status = INTERRUPTED
            self.scope.cancel()

    async def take(self, line: str, assistant: AgentRef) -> None:
        """Do what one line says."""
        if line == "/clear":
            self.conversations += 1
            self._note("Forgotten.")
        elif line.startswith("/"):
            self._note(HELP)
        elif line:
            await self._answer(line, assistant)

    async def _answer(self, line: str, assistant: AgentRef) -> None:
        flow = Flow(self.console, wrap=self.console.is_terminal)
        mark = Text()
        try:
            with _keys_unseen() if on_terminal(self.console) else nullcontext():
                async with self._live(assistant, line) as turn:
                    async for piece in turn.text():
                        flow.add(piece)
        except TurnInterrupted:
            mark = Text("[stopped]", style="dim")
        except (ProviderError, TurnError) as error:
            mark = Text(str(error), style="red")
        flow.end(mark)

    @asynccontextmanager
    async def _live(self, assistant: AgentRef, line: str) -> AsyncGenerator[Turn]:
        """A turn that Ctrl-C stops."""
        async with assistant.run(line, conversation=f"chat {self.conversations}") as turn:
            self.turn = turn
            try:
                yield turn
            finally:
                self.turn = None

    def _note(self, text: str) -> None:
        self.console.print(Text(text, style="dim"))


@contextmanager
def _keys_unseen() -> Generator[None]:
    """Keys typed while an answer streams do not show up in it; the next prompt gets them."""
    try:
        import termios
    except ImportError:  # a system without, such as Windows
        yield
        return
    before = termios.tcgetattr(_STDIN)
    silent = before.copy()
    silent[_LOCAL_MODES] &= ~termios.ECHO
    termios.tcsetattr(_STDIN, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(_STDIN, termios.TCSANOW, before)


class TypedLines:
    """Lines typed on a terminal, with editing and a history."""

    def __init__(self) -> None:
        from prompt_toolkit import PromptSession

        self._session: PromptSession[str] = PromptSession()

    async def read(self) -> str | None:
        """The next line. Prompts in a thread, which is ended before this is left."""
        line: str | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_when_cancelled)
            line = await trio.to_thread.run_sync(self._prompt)
            nursery.cancel_scope.cancel()
        return line

    def _prompt(self) -> str | None:
        try:
            return self._session.prompt("> ")
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return None

    async def _end_when_cancelled(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            app = self._session.app
            if app.loop is not None and app.is_running:
                app.loop.call_soon_threadsafe(lambda: app.is_running and app.exit(exception=EOFError()))


class PipedLines:
    """Lines from standard input, whatever it is."""

    def __init__(self, descriptor: int = _STDIN) -> None:
        self._descriptor = descriptor
        self._left = b""
        self._ended = False

    async def read(self) -> str | None:
        """The next line."""
        while b"\n" not in self._left and not self._ended:
            more = await self._read_some()
            self._left += more
            self._ended = not more
        line, found, self._left = self._left.partition(b"\n")
        return line.decode(errors="replace") if found or line else None

    async def _read_some(self) -> bytes:
        try:
            await trio.lowlevel.wait_readable(self._descriptor)
        except OSError:
            # A file, which never waits; or a system that can wait for sockets only.
            return await trio.to_thread.run_sync(os.read, self._descriptor, _CHUNK, abandon_on_cancel=True)
        return os.read(self._descriptor, _CHUNK)
