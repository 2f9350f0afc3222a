"""The arguments of `actrio bench`, checked before anything runs."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from actrio.benchmarks._harness import LEAST_ROUNDS, Scenario, Suite
from actrio.benchmarks._suites import SUITES

QUICK_ROUNDS: Final = LEAST_ROUNDS

_EXAMPLES: Final = """\
actrio bench kernel --quick              a first look, in under a minute
actrio bench kernel --save before        keep the run; change something; then
actrio bench kernel --compare before     what became better or worse, beyond the noise
actrio bench kernel --html kernel.html   a page with charts (pip install 'actrio[bench]')
actrio bench peers --install pykka       other systems, each in an environment of its own
actrio bench load --model openai:gpt-5-mini --agents 20
"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="actrio bench",
        description="Measure actrio beside the same work done without it. A ratio above 1: better.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suite", nargs="?", choices=tuple(SUITES), help="what to measure")
    parser.add_argument("--list", action="store_true", help="show the scenarios and their questions, run nothing")
    parser.add_argument("--quick", action="store_true", help="less work, fewer rounds: under a minute")
    parser.add_argument(
        "--rounds",
        type=_rounds,
        metavar="N",
        help=f"rounds of each side, at least {LEAST_ROUNDS} (else: the suite's, or {QUICK_ROUNDS} with --quick)",
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these scenarios alone; NAME* for all that begin so")
    _add_results(parser.add_argument_group("results"))
    peers = parser.add_argument_group("peers")
    peers.add_argument("--install", nargs="+", metavar="NAME", help="make the environments of these systems, or of all")
    load = parser.add_argument_group("load, against a provider of yours")
    load.add_argument("--model", metavar="NAME", help="such as openai:gpt-5-mini; its requests cost what they cost")
    load.add_argument("--agents", type=_count, metavar="N", default=10, help="agents at once (10)")
    load.add_argument("--turns", type=_count, metavar="N", default=1, help="turns of each (1)")
    return parser


def _add_results(group: "argparse._ArgumentGroup") -> None:  # pyright: ignore[reportPrivateUsage] - it has no other name
    group.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to a file")
    group.add_argument("--save", metavar="NAME", help="keep the run, with all its rounds (NAME, or a path to a .json)")
    group.add_argument("--compare", metavar="NAME", help="what changed since that run; status 3 if a row is worse")
    group.add_argument("--html", type=Path, metavar="FILE", help="a page with charts and the table")
    group.add_argument("--svg", type=Path, metavar="FILE", help="the charts alone")
    group.add_argument("--png", type=Path, metavar="FILE", help="the same")


def _rounds(text: str) -> int:
    rounds = _count(text)
    if rounds < LEAST_ROUNDS:
        raise argparse.ArgumentTypeError(f"{rounds} is too few: a median that means something needs {LEAST_ROUNDS}")
    return rounds


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is too few: at least 1")
    return count


def select(parser: argparse.ArgumentParser, suite: Suite, only: Sequence[str] | None, *, quick: bool) -> list[Scenario]:
    """The scenarios that were asked for, at least one; else the parser ends the program."""
    known = [one.name for one in suite.scenarios]
    unknown = sorted(name for name in only or () if not any(_named(one, name) for one in known))
    if unknown:
        parser.error(f"argument --only: no scenario {', '.join(unknown)} in {suite.name}; there are {', '.join(known)}")
    chosen = [one for one in suite.scenarios if only is None or any(_named(one.name, name) for name in only)]
    left = [one for one in chosen if one.size(quick=quick) is not None]
    if not left:
        parser.error(f"argument --quick: it leaves out {', '.join(one.name for one in chosen)}, so nothing is left")
    return left


def _named(scenario: str, wanted: str) -> bool:
    return scenario.startswith(wanted[:-1]) if wanted.endswith("*") else scenario == wanted


def check_targets(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Before a minute of measuring, not after it: whether results can be written."""
    for option in ("json", "html", "svg", "png"):
        target: Path | None = getattr(chosen, option)
        if target is not None:
            try:
                target.open("a").close()
            except OSError as error:
                parser.error(f"argument --{option}: cannot write {target}: {error.strerror}")
