"""The command line of `actrio bench SUITE`: what is run, and where its results go."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from actrio.benchmarks._compare import changes_table, compare
from actrio.benchmarks._environment import busy_note, environment, environment_line
from actrio.benchmarks._harness import Scenario, Suite, measure, together
from actrio.benchmarks._options import QUICK_ROUNDS, check_targets, make_parser, select
from actrio.benchmarks._record import Record, RecordError, load, record_path, to_text
from actrio.benchmarks._report import NAME_WIDTH, heading, legend, line, noise_note, to_json, verdict
from actrio.benchmarks._row import Absent, Goal, Row
from actrio.benchmarks._suites import SUITES

# The status of a run that is worse than the one it was compared with, so that a script can tell.
WORSE = 3


def main(argv: list[str]) -> int:
    """Run `actrio bench` with the arguments after ``bench``.

    Returns:
        The exit status: 0; 1 if results could not be written; 3 if `--compare` found a row that is worse beyond the
        noise. A ratio that falls short of its goal is a result, not a failure.

    Raises:
        SystemExit: ``--help`` (status 0), or arguments that cannot be used (status 2).
        AssertionError: a scenario did its work wrong.
    """
    parser = make_parser()
    chosen = parser.parse_args(argv)
    if chosen.list:
        _list([load_suite() for name, load_suite in SUITES.items() if chosen.suite in (None, name)])
        return 0
    if chosen.suite is None:
        parser.error(f"say which suite to run: {', '.join(SUITES)}")
    other = _other_program(parser, chosen)
    return _run_suite(parser, chosen) if other is None else other()


def _other_program(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> Callable[[], int] | None:
    """What a suite can do beside being measured."""
    if chosen.install is not None:
        if chosen.suite != "peers":
            parser.error("argument --install: it goes with peers alone")
        from actrio.benchmarks.peers import install

        return lambda: install(chosen.install)
    if chosen.model is not None:
        if chosen.suite != "load":
            parser.error("argument --model: it goes with load alone")
        from actrio.benchmarks.load import run_model

        return lambda: run_model(chosen.model, agents=chosen.agents, turns=chosen.turns)
    return None


def _run_suite(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> int:
    suite = SUITES[chosen.suite]()
    scenarios = select(parser, suite, chosen.only, quick=chosen.quick)
    check_targets(parser, chosen)
    try:
        earlier = None if chosen.compare is None else load(suite.name, chosen.compare)
        target = None if chosen.save is None else record_path(suite.name, chosen.save)
    except RecordError as error:
        parser.error(str(error))
    charts = _charts(parser) if chosen.html or chosen.svg or chosen.png else None
    found = environment()
    rounds = chosen.rounds or (QUICK_ROUNDS if chosen.quick else suite.rounds)
    with suite.setting():
        results = _run(suite, scenarios, rounds, environment_line(found), quick=chosen.quick)
    rows = [one for one in results if isinstance(one, Row)]
    record = Record(suite.name, suite.beside, found, tuple(rows))
    written = [_write(chosen.json, to_json(suite.name, found, results)), _write(target, to_text(record))]
    if charts is not None:
        drawn = {"html": charts.page, "svg": charts.svg, "png": charts.png}
        written += [_write(to, draw(record)) for kind, draw in drawn.items() if (to := getattr(chosen, kind))]
    worse = earlier is not None and _compare(str(chosen.compare), earlier, rows)
    return 1 if not all(written) else WORSE if worse else 0


@frozen
class _Charts:
    page: Callable[[Record], bytes]
    svg: Callable[[Record], bytes]
    png: Callable[[Record], bytes]


def _charts(parser: argparse.ArgumentParser) -> _Charts:
    """Before measuring, as the library may be missing."""
    try:
        from actrio.benchmarks._charts import png, svg
        from actrio.benchmarks._page import page
    except ModuleNotFoundError as missing:
        parser.error(f"charts need {missing.name}: pip install 'actrio[bench]'")
    return _Charts(page, svg, png)


def _compare(name: str, earlier: Record, rows: Sequence[Row]) -> bool:
    changes = compare(_of_same(earlier.rows, rows), rows)
    print(f"\n{changes_table(name, changes)}")
    return any(one.judgement == "worse" for one in changes)


def _of_same(earlier: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """Without what this run was not asked for; what is gone shows where a whole suite was run."""
    names = {row.scenario for row in rows}
    return [row for row in earlier if row.scenario in names]


def _list(suites: Sequence[Suite]) -> None:
    for suite in suites:
        print(f"{suite.name}: beside {suite.beside}")
        width = max(NAME_WIDTH, *(len(one.name) for one in suite.scenarios))
        for one in suite.scenarios:
            print(f"  {one.name:<{width}} {one.question}")


def _run(
    suite: Suite, scenarios: Sequence[Scenario], rounds: int, environment: str, *, quick: bool
) -> list[Row | Absent]:
    print(f"{suite.name}: actrio beside {suite.beside}, {rounds} rounds{', quick' if quick else ''}. {environment}")
    print(f"{busy_note()}\n")
    width = max(NAME_WIDTH, *(len(one.name) for one in scenarios))
    print(heading(width))
    judged: list[tuple[Row | Absent, Goal]] = []
    for size, group in together(scenarios, quick=quick):
        for one, row in zip(group, measure(group, rounds=rounds, size=size), strict=True):
            print(line(row, one.goal, width), flush=True)
            judged.append((row, one.goal))
    rows = [(row, goal) for row, goal in judged if isinstance(row, Row)]
    plain = [row for row, _ in rows]
    print(f"\n{legend([goal for _, goal in rows])}")
    for said in (suite.notes, suite.conclude(plain), verdict(rows), noise_note(plain)):
        if said:
            print(said)
    return [row for row, _ in judged]


def _write(target: Path | None, content: str | bytes) -> bool:
    """Whether it worked, or there was nothing to do."""
    if target is None:
        return True
    try:
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        print(f"actrio bench: cannot write {target}: {error.strerror}", file=sys.stderr)
        return False
    return True
