"""`actrio batch`: every question of a file answered by a model, so many at once, into another file.

It may be stopped at any moment, and in any way: the same command goes on where it stopped.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO, cast

import msgspec
import trio

from actrio.actors import open_runtime
from actrio.agents import Agent
from actrio.agents.batch import BatchFileInUse, BrokenBatchFile, Failed, Progress, SavedError
from actrio.providers import Provider, ProviderError, UnknownModel, as_provider

_BAR: Final = 30  # columns
_REDRAWN: Final = 0.1  # seconds between two drawings of the bar


class BadQuestion(ValueError):
    """A line of the file of questions cannot be read."""


class Questions:
    """The questions of a file, one a line, read when they are wanted.

    In a file ``*.jsonl`` a line is a JSON text, or an object that has one under the key ``field``; in any other it is
    the question itself. Blank lines are passed over.
    """

    def __init__(self, path: Path, field: str) -> None:
        self._path = path
        self._field = field
        self._count = sum(1 for _ in self._lines())

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        """Raises, when it comes to such a line: BadQuestion."""
        for number, line in self._lines():
            yield self._read(line, number) if self._path.suffix == ".jsonl" else line

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Those that are not blank, with their numbers from 1."""
        # Programs on Windows begin such a file with a byte order mark, which is not of the first question.
        with self._path.open(encoding="utf-8-sig") as lines:
            try:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield number, line.strip()
            except UnicodeDecodeError as error:
                raise BadQuestion(f"{self._path}: not a text in UTF-8: {error}. Save it as one") from None

    def _read(self, line: str, number: int) -> str:
        try:
            found: Any = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadQuestion(f"{self._path}:{number}: not JSON: {error}") from None
        if isinstance(found, dict):
            found = cast("dict[str, Any]", found).get(self._field)
        if not isinstance(found, str):
            problem = f"neither a text nor an object with a text as {self._field!r}; --field names another key"
            raise BadQuestion(f"{self._path}:{number}: {problem}")
        return found


class Bar:
    """One line on a terminal that shows how far it is; nothing where no terminal is."""

    def __init__(self, to: TextIO) -> None:
        self._to = to
        self._live = to.isatty()
        self._drawn = -1.0

    def draw(self, progress: Progress) -> None:
        """Show it, unless it was shown a moment ago."""
        now = trio.current_time()
        if self._live and now - self._drawn >= _REDRAWN:
            self._drawn = now
            self._to.write(f"\r{bar_of(progress)}\x1b[K")
            self._to.flush()

    def end(self, progress: Progress) -> None:
        """Leave a last line standing."""
        self._to.write(f"{chr(13) if self._live else ''}{bar_of(progress)}{chr(27) + '[K' if self._live else ''}\n")
        self._to.flush()


class Failures:
    """What went wrong, a line for each kind of error: how often, and the words of the first."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}  # {kind: how often, the words of the first}

    def note(self, failed: Failed) -> None:
        """One more."""
        error = failed.error
        kind, text = (error.kind, error.text) if isinstance(error, SavedError) else (type(error).__name__, str(error))
        count, first = self._found.get(kind, (0, text))
        self._found[kind] = (count + 1, first)

    def tell(self, to: TextIO) -> None:
        """Say them, and what can be done; nothing if there are none."""
        for kind, (count, first) in self._found.items():
            print(f"actrio batch: {count} failed: {kind}: {first}", file=to)
        if self._found:
            print("actrio batch: the same command with --retry-failed asks them again", file=to)


def bar_of(progress: Progress) -> str:
    """A bar and the numbers."""
    share = progress.ended / progress.total if progress.total else 1.0
    full = int(_BAR * share)
    return f"[{'#' * full}{'.' * (_BAR - full)}] {progress}"


def main(arguments: Sequence[str], model: Provider | None = None) -> int:
    """Answer the questions; with ``model`` in place of the one that is named.

    Returns:
        0 if all are answered, 1 if some failed, or none could be: standard error says why.

    Raises:
        SystemExit: `--help` (status 0), or arguments that cannot be read (status 2).
        KeyboardInterrupt: Ctrl-C, maybe in a group. What was answered is in the file.
    """
    chosen = _parser().parse_args(arguments)
    try:
        agent = Agent(
            "batch",
            model or as_provider(chosen.model),
            chosen.instructions,
            concurrency=chosen.concurrency,
            max_tokens=chosen.max_tokens,
        )
        return trio.run(partial(_run, agent, chosen))
    except (BadQuestion, BatchFileInUse, BrokenBatchFile, OSError, ProviderError, UnknownModel, ValueError) as error:
        print(f"actrio batch: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="actrio batch",
        description="Have a model answer every question of a file. The same command goes on where it was stopped.",
    )
    parser.add_argument("questions", type=Path, help="a question a line; in a .jsonl a text, or an object with one")
    parser.add_argument("--model", required=True, help="such as openai:gpt-5-mini, ollama:llama3.2:1b or local:")
    parser.add_argument("--out", type=Path, required=True, help="where a line is written for each answer")
    parser.add_argument("--field", default="question", help="the key of the question in an object (question)")
    parser.add_argument("--instructions", default="", help="what the model is told before each question")
    parser.add_argument("--concurrency", type=_at_least_one, default=5, metavar="N", help="so many at once (5)")
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="seconds for each answer")
    parser.add_argument("--max-tokens", type=_at_least_one, metavar="N", help="the longest answer")
    parser.add_argument("--on-error", choices=("collect", "stop"), default="collect", help="go on (collect), or stop")
    parser.add_argument("--retry-failed", action="store_true", help="ask again what the file says has failed")
    return parser


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, at least 1, not {text}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, more than 0, not {text}")
    return number


async def _run(agent: Agent, chosen: argparse.Namespace) -> int:
    questions = Questions(chosen.questions, chosen.field)
    bar, failures = Bar(sys.stderr), Failures()
    async with open_runtime() as runtime:
        # Without a model every question would fail, and be written down as failed.
        await runtime.share(agent.model, agent.model.open)
        ref = await runtime.spawn(agent)
        async with ref.open_batch(
            questions,
            max_concurrency=chosen.concurrency,
            timeout=chosen.timeout,
            on_error=chosen.on_error,
            resume=chosen.out,
            retry_failed=chosen.retry_failed,
        ) as batch:
            try:
                async for outcome in batch:
                    if isinstance(outcome, Failed):
                        failures.note(outcome)
                    bar.draw(batch.progress)
            finally:
                bar.end(batch.progress)
                failures.tell(sys.stderr)
    return 0 if batch.progress.done == len(questions) else 1
