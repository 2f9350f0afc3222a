"""The file of a batch: one line for each input that has ended, appended as it does."""

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from actrio.agents.batch._form import Form
from actrio.agents.batch._outcome import Done, Failed, Outcome, SavedError
from actrio.mailbox import ActrioError

_DIGEST: Final = 8  # bytes: with a million inputs, one chance in 37 million that any two are taken for each other


class BrokenBatchFile(ActrioError):
    """A line of a batch's file, not the last one, is none that a batch wrote.

    Attributes: ``path``, ``line`` (from 1).
    """

    def __init__(self, path: Path, line: int, problem: str) -> None:
        self.path = path
        self.line = line
        super().__init__(f"{path}:{line}: {problem}. Is it the file of a batch? Mend or remove that line, or the file")


class BatchFile:
    """The outcomes of a batch on disk, for this run and for the next one.

    A line is written with one call as soon as its input has ended, so it outlives the program, however that ends; what
    it was writing at that very moment is a torn last line, which the next run cuts off. Inputs are known by their
    JSON, not by their order: what is done stays done when others are added before it, and an input that is there twice
    is done twice.

    Args:
        path: Made if there is none.
        form: How values are written.
        retry_failed: Take the failed out of the file first, so that they are done again.

    Raises:
        BrokenBatchFile: it holds something else.
        OSError: it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], form: Form[Any], *, retry_failed: bool = False) -> None:
        self.path: Path = Path(path)
        self._form = form
        if retry_failed and self.path.exists():
            _drop_failed(self.path)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self._index()
        except BaseException:
            os.close(self._file)
            raise

    def _index(self) -> None:
        """Find out what is done, and cut off a torn last line. 16 bytes an outcome are kept, and the rest is not."""
        digests, places = array("Q"), array("Q")
        whole = 0  # bytes in whole lines
        for place, line, number in _lines(self.path):
            record = _read_line(line)
            if record is None:
                if line.endswith(b"\n"):
                    raise BrokenBatchFile(self.path, number, "no outcome of a batch")
                break
            digests.append(int(record["key"], 16))
            places.append(place)
            whole = place + len(line)
        os.ftruncate(self._file, whole)
        order = array("Q", sorted(range(len(digests)), key=digests.__getitem__))
        self._digests = array("Q", (digests[one] for one in order))
        self._places = array("Q", (places[one] for one in order))
        self._taken: dict[int, int] = {}  # {digest that more than one line has: the next of them}
        self._used = bytearray(len(order))

    def find(self, item: object, index: int) -> Outcome[Any] | None:
        """How an input ended before; None if it did not. The same line is given once only.

        Raises: what reading the value raises.
        """
        if not self._digests:
            return None
        digest = int(key_of(item), 16)
        at = self._taken.get(digest, -1)
        if at < 0:
            at = bisect_left(self._digests, digest)
        if at >= len(self._digests) or self._digests[at] != digest or self._used[at]:
            return None
        self._used[at] = 1
        if at + 1 < len(self._digests) and self._digests[at + 1] == digest:
            self._taken[digest] = at + 1
        return self._read(self._places[at], item, index)

    def _read(self, place: int, item: object, index: int) -> Outcome[Any]:
        with self.path.open("rb") as file:
            file.seek(place)
            record = cast("dict[str, Any]", _read_line(file.readline()))
        if "failed" in record:
            failed = record["failed"]
            return Failed(SavedError(failed["error"], failed["text"]), index=index, input=item, earlier=True)
        return Done(self._form.read(record["done"]), index=index, input=item, earlier=True)

    def append(self, outcome: Done[Any] | Failed) -> None:
        """Write how an input ended. Raises: OSError; what writing the value raises, and then nothing was written."""
        record: dict[str, Any] = {"key": key_of(outcome.input), "index": outcome.index, "input": outcome.input}
        if isinstance(outcome, Done):
            record["done"] = self._form.write(outcome.value)
        else:
            record["failed"] = {"error": type(outcome.error).__name__, "text": str(outcome.error)}
        line = memoryview(msgspec.json.encode(record) + b"\n")
        while line:
            line = line[os.write(self._file, line) :]

    def close(self) -> None:
        """Close it; what was written stays."""
        os.close(self._file)


def key_of(item: object) -> str:
    """What an input is known by. Raises: TypeError: JSON cannot carry it."""
    return blake2b(msgspec.json.encode(item), digest_size=_DIGEST).hexdigest()


def _lines(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """The lines of a file with where they begin and their numbers from 1."""
    place = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            yield place, line, number
            place += len(line)


def _read_line(line: bytes) -> dict[str, Any] | None:
    """The record of a whole line; None if it is none."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = msgspec.json.decode(line, type=dict[str, Any])
        known = len(bytes.fromhex(record["key"])) == _DIGEST and ("done" in record or "failed" in record)
    except (ValueError, KeyError, TypeError):
        return None
    return record if known else None


def _drop_failed(path: Path) -> None:
    """Write the file anew without the failed. It is replaced at once, so at any moment one of the two is there."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as new:
        new.writelines(_kept(path))
        new.flush()
        os.fsync(new.fileno())
    beside.replace(path)


def _kept(path: Path) -> Iterable[bytes]:
    for _, line, _ in _lines(path):
        record = _read_line(line)
        if record is None or "failed" not in record:
            yield line
