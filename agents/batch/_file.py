"""The file of a batch: one line for each input that has ended, appended as it does."""

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from actrio.agents.batch._form import Form
from actrio.agents.batch._lock import lock
from actrio.agents.batch._outcome import Done, Failed, Outcome, SavedError
from actrio.mailbox import ActrioError

_ON_WINDOWS: Final = os.name == "nt"  # where no file is replaced that is open
_BEGIN: Final = b'{"key":"'  # what every line begins with
_DIGEST: Final = 8  # bytes: with a million inputs, one chance in 37 million that any two are taken for each other


class BatchFileInUse(ActrioError):
    """Another batch writes to the file, in this program or in another one. Attribute: ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"another batch writes to {path} just now: two would do the same inputs. Let it end, or stop it; or give "
            "this one a file of its own"
        )


class BrokenBatchFile(ActrioError):
    """A line of a batch's file is none that a batch wrote, and no torn end of one. The file is left as it is.

    Attributes: ``path``, ``line`` (from 1).
    """

    def __init__(self, path: Path, line: int, problem: str) -> None:
        self.path = path
        self.line = line
        super().__init__(f"{path}:{line}: {problem}. Is it the file of a batch? Mend or remove that line, or the file")


class KnownInput:
    """An input as the file has it: by its JSON.

    Attributes: ``value``; ``json`` (it as JSON), ``key`` (what it is known by).

    Raises: what says that JSON cannot carry it.
    """

    __slots__ = ("json", "key", "value")

    def __init__(self, value: object) -> None:
        self.value: object = value
        self.json: bytes = msgspec.json.encode(value)
        self.key: str = blake2b(self.json, digest_size=_DIGEST).hexdigest()


class BatchFile:
    """The outcomes of a batch on disk, for this run and for the next one.

    A line is written with one call as soon as its input has ended, so it outlives the program, however that ends; what
    it was writing at that very moment is a torn last line, which the next run cuts off. It is on the disk itself when
    the file is closed; before, the system takes its time, half a minute or so on Linux, and a power failure loses what
    came in that time: to wait for the disk at each line would hold up all that runs. Inputs are known by their JSON,
    not by their order: what is done stays done when others are added before it, and an input that is there twice is
    done twice.

    One batch at a time has the file; the system sees to that, and gives it free when the program ends, however it does.

    Args:
        path: Made if there is none.
        form: How values are written.
        retry_failed: Take the failed out of the file first, so that they are done again.

    Raises:
        BatchFileInUse: another batch has it.
        BrokenBatchFile: it holds something else.
        OSError: it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], form: Form[Any], *, retry_failed: bool = False) -> None:
        self.path: Path = Path(path)
        self._form = form
        self._file = _open_locked(self.path)
        if retry_failed:
            self._file = _drop_failed(self.path, self._file)
        self._written = False
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
                # A line that is torn goes only if it can be a batch's: this may be another file, named by mistake.
                if line.endswith(b"\n") or not (whole or _BEGIN.startswith(line[: len(_BEGIN)])):
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

    def find(self, item: KnownInput, index: int) -> Outcome[Any] | None:
        """How an input ended before; None if it did not. The same line is given once only.

        Raises: what reading the value raises.
        """
        if not self._digests:
            return None
        digest = int(item.key, 16)
        at = self._taken.get(digest, -1)
        if at < 0:
            at = bisect_left(self._digests, digest)
        if at >= len(self._digests) or self._digests[at] != digest or self._used[at]:
            return None
        self._used[at] = 1
        if at + 1 < len(self._digests) and self._digests[at + 1] == digest:
            self._taken[digest] = at + 1
        return self._read(self._places[at], item.value, index)

    def _read(self, place: int, item: object, index: int) -> Outcome[Any]:
        with self.path.open("rb") as file:
            file.seek(place)
            record = cast("dict[str, Any]", _read_line(file.readline()))
        if "failed" in record:
            failed = record["failed"]
            return Failed(SavedError(failed["error"], failed["text"]), index=index, input=item, earlier=True)
        return Done(self._form.read(record["done"]), index=index, input=item, earlier=True)

    def append(self, outcome: Done[Any] | Failed, item: KnownInput) -> None:
        """Write how an input ended. Raises: OSError; what writing the value raises, and then nothing was written."""
        record: dict[str, Any] = {"key": item.key, "index": outcome.index, "input": msgspec.Raw(item.json)}
        if isinstance(outcome, Done):
            record["done"] = self._form.write(outcome.value)
        else:
            record["failed"] = {"error": type(outcome.error).__name__, "text": _text_of(outcome.error)}
        whole = msgspec.json.encode(record) + b"\n"
        line = memoryview(whole)
        self._written = True
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError:
            # The disk may be full. What is there of the line would become one with the next.
            with suppress(OSError):
                os.ftruncate(self._file, os.fstat(self._file).st_size - (len(whole) - len(line)))
            raise

    def close(self) -> None:
        """Close it; what was written stays, and is on the disk. Raises: OSError: the disk does not take it."""
        try:
            if self._written:
                os.fsync(self._file)
        finally:
            os.close(self._file)


def _open_locked(path: Path) -> int:
    """Open the file for one batch alone. Raises: BatchFileInUse; OSError."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            locked = lock(file)
            current = _is_at(path, file)
        except BaseException:
            os.close(file)
            raise
        if locked and current:
            return file
        os.close(file)
        if not locked:
            raise BatchFileInUse(path)


def _is_at(path: Path, file: int) -> bool:
    """Whether an open file is still the one there; another may have been put in its place, see `_drop_failed`."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _text_of(error: Exception) -> str:
    """What an error says, as UTF-8 can carry it: file names and the like may have halves of characters in them."""
    try:
        return str(error).encode(errors="replace").decode()
    except Exception:  # noqa: BLE001 - an error whose text fails is known by its class alone
        return ""


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


def _drop_failed(path: Path, file: int) -> int:
    """Put a file without the failed in the place of this one, and open it. At any moment one of the two is there."""
    beside = path.with_name(path.name + ".new")
    try:
        with beside.open("wb") as new:
            new.writelines(_kept(path))
            new.flush()
            os.fsync(new.fileno())
        if not _ON_WINDOWS:
            beside.replace(path)  # while it is locked, so that nobody begins to write to what is gone then
    finally:
        os.close(file)
    if _ON_WINDOWS:
        beside.replace(path)
    return _open_locked(path)


def _kept(path: Path) -> Iterable[bytes]:
    for _, line, _ in _lines(path):
        record = _read_line(line)
        if record is None or "failed" not in record:
            yield line
