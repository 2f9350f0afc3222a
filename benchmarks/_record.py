"""Saved runs: what `--save` keeps, `--compare` reads and the charts show."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from attrs import frozen

from actrio.benchmarks._row import Kind, Row, summarise

_FORMAT: Final = 1
_NAME: Final = re.compile(r"[\w.-]+")


class RecordError(Exception):
    """A saved run that is not there or cannot be read. The text says which, and the way out."""


@frozen
class Record:
    """One run.

    Attributes:
        suite: Which.
        beside: What its baselines are.
        environment: What it was measured on.
        rows: With all their rounds.
    """

    suite: str
    beside: str
    environment: dict[str, str]
    rows: tuple[Row, ...]


def cache_folder(*parts: str) -> Path:
    """A folder of actrio's in the user's cache, made if it is not there."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache").joinpath("actrio", *parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def record_path(suite: str, name: str) -> Path:
    """Where the run of that name is kept: in the cache, or in a file if the name is a path that ends with .json.

    Raises:
        RecordError: it cannot be a name.
    """
    if name.endswith(".json"):
        return Path(name)
    if not _NAME.fullmatch(name):
        raise RecordError(
            f"{name!r} cannot be a run's name: use letters, digits, '.', '_' and '-', or a path to a .json"
        )
    return cache_folder("runs") / f"{suite}-{name}.json"


def to_text(record: Record) -> str:
    """It as JSON."""
    rows = [
        {"scenario": row.scenario, "unit": row.unit, "kind": row.kind, "rounds": [list(both) for both in row.rounds]}
        for row in record.rows
    ]
    fields = {"suite": record.suite, "beside": record.beside, "environment": record.environment, "rows": rows}
    return json.dumps({"format": _FORMAT, **fields}, indent=1) + "\n"


def from_text(text: str) -> Record:
    """The record that was written.

    Raises:
        RecordError: it is no record.
    """
    try:
        found = cast("dict[str, Any]", json.loads(text))
        if found["format"] != _FORMAT:
            raise RecordError(f"it is of format {found['format']}, and this is {_FORMAT}: save it again")
        rows = [_row(**row) for row in found["rows"]]
        return Record(str(found["suite"]), str(found["beside"]), dict(found["environment"]), tuple(rows))
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"it is no saved run ({error!r})") from None


def _row(scenario: str, unit: str, kind: Kind, rounds: Sequence[tuple[float, float]]) -> Row:
    return summarise(scenario, unit, kind, [(actrio, baseline) for actrio, baseline in rounds])


def load(suite: str, name: str) -> Record:
    """The saved run of that name.

    Raises:
        RecordError: there is none, it is of another suite, or it cannot be read.
    """
    path = record_path(suite, name)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecordError(f"no run {name!r} of {suite} at {path} ({error.strerror}): save one with --save") from None
    try:
        record = from_text(text)
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from None
    if record.suite != suite:
        raise RecordError(f"{path} is a run of {record.suite}, not of {suite}")
    return record
