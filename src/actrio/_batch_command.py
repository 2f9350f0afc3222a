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
from actrio.agents.batch import BrokenBatchFile, Progress
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
        with path.open(encoding="utf-8") as lines:
            self._count = sum(bool(line.strip()) for line in lines)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        """Raises, when it comes to such a line: BadQuestion."""
        with self._path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield self._read(line, number) if self._path.suffix == ".jsonl" else line.strip()

    def _read(self, line: str, number: int) -> str:
        try:
            found: Any = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
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
    except (BadQuestion, BrokenBatchFile, OSError, ProviderError, UnknownModel, ValueError) as error:
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
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, more than 0, not {text}")
    return number


async def _run(agent: Agent, chosen: argparse.Namespace) -> int:
    questions = Questions(chosen.questions, chosen.field)
    bar = Bar(sys.stderr)
    async with open_runtime() as runtime:
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
                async for _ in batch:
                    bar.draw(batch.progress)
            finally:
                bar.end(batch.progress)
    return 0 if batch.progress.done == len(questions) else 1
