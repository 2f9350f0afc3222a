"""The command line of `actrio bench SUITE`: which scenarios, how many rounds, where the results go."""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from actrio.benchmarks._harness import LEAST_ROUNDS, Scenario, Suite, measure, together
from actrio.benchmarks._report import heading, legend, line, noise_note, to_json, verdict
from actrio.benchmarks._row import Goal, Row
from actrio.benchmarks._suites import SUITES

QUICK_ROUNDS = LEAST_ROUNDS


def main(argv: list[str]) -> int:
    """Run `actrio bench` with the arguments after ``bench``.

    Returns:
        The exit status: 0, or 1 if the JSON could not be written. A ratio that falls short is a result, not a failure.

    Raises:
        SystemExit: ``--help`` (status 0), or arguments that cannot be used (status 2).
        AssertionError: a scenario did its work wrong.
    """
    parser = _parser()
    chosen = parser.parse_args(argv)
    if chosen.list:
        _list([load() for name, load in SUITES.items() if chosen.suite in (None, name)])
        return 0
    if chosen.suite is None:
        parser.error(f"say which suite to run: {', '.join(SUITES)}")
    suite = SUITES[chosen.suite]()
    scenarios = _select(parser, suite, chosen.only, quick=chosen.quick)
    if chosen.json is not None:
        _check_target(parser, chosen.json)
    rounds = chosen.rounds or (QUICK_ROUNDS if chosen.quick else suite.rounds)
    with suite.setting():
        rows = _run(suite, scenarios, rounds, quick=chosen.quick)
    return 0 if chosen.json is None else _write(chosen.json, to_json(suite.name, rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="actrio bench", description="Measure actrio beside the same work done without it. A ratio above 1: better."
    )
    parser.add_argument("suite", nargs="?", choices=tuple(SUITES), help="what to measure")
    parser.add_argument("--list", action="store_true", help="show the scenarios and their questions, run nothing")
    parser.add_argument("--quick", action="store_true", help="less work, fewer rounds: a fraction of the time")
    parser.add_argument(
        "--rounds",
        type=_rounds,
        metavar="N",
        help=f"rounds of each side, at least {LEAST_ROUNDS} (else: the suite's, or {QUICK_ROUNDS} with --quick)",
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these scenarios alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to a file")
    return parser


def _rounds(text: str) -> int:
    try:
        rounds = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if rounds < LEAST_ROUNDS:
        raise argparse.ArgumentTypeError(f"{rounds} is too few: a median that means something needs {LEAST_ROUNDS}")
    return rounds


def _select(
    parser: argparse.ArgumentParser, suite: Suite, only: Sequence[str] | None, *, quick: bool
) -> list[Scenario]:
    known = [one.name for one in suite.scenarios]
    unknown = sorted(set(only or ()) - set(known))
    if unknown:
        parser.error(f"argument --only: no scenario {', '.join(unknown)} in {suite.name}; there are {', '.join(known)}")
    chosen = [one for one in suite.scenarios if only is None or one.name in only]
    left = [one for one in chosen if one.size(quick=quick) is not None]
    if not left:
        parser.error(f"argument --quick: it leaves out {', '.join(one.name for one in chosen)}, so nothing is left")
    return left


def _check_target(parser: argparse.ArgumentParser, target: Path) -> None:
    """Before a minute of measuring, not after it."""
    try:
        target.open("a").close()
    except OSError as error:
        parser.error(f"argument --json: cannot write {target}: {error.strerror}")


def _list(suites: Sequence[Suite]) -> None:
    for suite in suites:
        print(suite.name)
        for one in suite.scenarios:
            print(f"  {one.name:<17} {one.question}")


def _run(suite: Suite, scenarios: Sequence[Scenario], rounds: int, *, quick: bool) -> list[Row]:
    print(
        f"{suite.name}: actrio beside {suite.beside}, {rounds} rounds{', quick' if quick else ''}. {_environment()}\n"
    )
    print(heading())
    judged: list[tuple[Row, Goal]] = []
    for size, group in together(scenarios, quick=quick):
        rows = measure(group, rounds=rounds, size=size)
        for one, row in zip(group, rows, strict=True):
            print(line(row, one.goal), flush=True)
            judged.append((row, one.goal))
    rows = [row for row, _ in judged]
    print(f"\n{legend([goal for _, goal in judged])}")
    for said in (suite.notes, verdict(judged), noise_note(rows)):
        if said:
            print(said)
    return rows


def _environment() -> str:
    return (
        f"{platform.python_implementation()} {platform.python_version()}, trio {trio.__version__}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, garbage collector on."
    )


def _write(target: Path, text: str) -> int:
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"actrio bench: cannot write {target}: {error.strerror}", file=sys.stderr)
        return 1
    return 0
