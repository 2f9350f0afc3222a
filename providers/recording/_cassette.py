"""A cassette: requests and what was answered to each, as text in a file.

Every line is an object in JSON. The first says what the file is. Then each recording is a block: the lines of the
request, see `_request_lines`; a line for each event, with the seconds from the request to it; and how it ended::

    {"cassette":"actrio","version":1}
    {"request":{"max_tokens":4}}
    {"system":"Be brief."}
    {"user":"Say hello."}
    {"at":0.312,"event":"TextDelta","text":"Hello"}
    {"at":0.33,"event":"TextDelta","text":"."}
    {"at":0.331,"event":"Finished","reason":"stop","response_id":"chatcmpl-1"}

A block ends with its `Finished`, or with one of::

    {"at":0.2,"refused":"RateLimited","message":"…","attributes":{"status":429}}   on entering the stream
    {"at":0.4,"failed":"ConnectionLost","message":"…","attributes":{}}             in the middle of the answer
    {"at":0.4,"left":"early"}                                                      its reader went away

A block is written in one go when it has ended, so blocks never mix, and a program that dies while it writes leaves at
most the beginning of the last one. That is dropped when the file is read.
"""

import errno
import logging
import os
from pathlib import Path
from typing import Any, Final, cast, get_args

import msgspec

from actrio.providers._errors import CassetteBroken
from actrio.providers._events import Finished, ModelEvent
from actrio.providers.recording._recording import Ending, ErrorRecord, Recording
from actrio.providers.recording._request_lines import encode_line

_HEADER: Final = '{"cassette":"actrio","version":1}\n'
_VERSION: Final = 1
_EVENTS: Final[dict[str, Any]] = {event.__name__: event for event in get_args(ModelEvent)}
_IN_REQUEST: Final = frozenset({"tool", "system", "user", "assistant", "result"})

_log: Final = logging.getLogger(__name__)


class Cassette:
    """The recordings of one file, and the file, to which more can be added. Reading and writing block for that long.

    Args:
        provider: Whom errors name.
        path: The file. One that does not exist is empty.

    Raises:
        CassetteBroken: it is not a cassette, or not of this version; with the line and the reason.
    """

    def __init__(self, provider: str, path: Path) -> None:
        self.path = path
        self._provider = provider
        self._whole: dict[tuple[str, ...], list[Recording]] = {}  # {lines of the request: in the file's order}
        self._left: dict[tuple[str, ...], Recording] = {}  # the longest of those whose reader left early
        data = path.read_bytes() if path.exists() else b""
        self._bytes = len(data)
        self._ends_in_line = data[-1:] not in {b"", b"\n"}  # an editor may have taken the last line's end
        reader = _Reader(provider, str(path))
        reader.read(data)
        for recording in reader.recordings:
            self._keep(recording)
        self._whole_bytes = reader.whole if reader.headed else 0
        # After them there is what has to go before more is written: the beginning of a block, or space.
        self._torn = reader.torn or (bool(data) and not reader.headed)

    @classmethod
    def anew(cls, provider: str, path: Path) -> "Cassette":
        """Begin anew: the file, if it is there, is emptied. Raises: CassetteBroken: it is another file."""
        if path.exists():
            with path.open("rb") as file:
                first = file.readline()
            if not _is_header(first):
                problem = "not a cassette, so it is not emptied. Give another path, or remove the file"
                raise CassetteBroken(provider, str(path), 1, problem)
            path.write_bytes(b"")
        return cls(provider, path)

    @property
    def requests(self) -> list[tuple[str, ...]]:
        """The lines of each request that is there."""
        return list(dict.fromkeys([*self._whole, *self._left]))

    def answers(self, request: tuple[str, ...]) -> list[Recording]:
        """The whole answers to a request, in the order in which they ended."""
        return self._whole.get(request, [])

    def left_early(self, request: tuple[str, ...]) -> Recording | None:
        """The answer that came furthest of those that their reader left early."""
        return self._left.get(request)

    def line_of(self, request: tuple[str, ...]) -> int:
        """Where the request is first; 0 if it was not read from the file."""
        return (self._whole.get(request) or [self._left[request]])[0].line

    def add(self, recording: Recording) -> None:
        """Add a recording, also to the file. One left early is added only if there is nothing better."""
        if recording.ending == "left":
            known = self._left.get(recording.request)
            if self.answers(recording.request) or (known and len(known.events) >= len(recording.events)):
                return
        self._keep(recording)
        self._append("".join(f"{line}\n" for line in recording.lines()).encode())

    def _keep(self, recording: Recording) -> None:
        if recording.ending == "left":
            self._left[recording.request] = recording
        else:
            self._whole.setdefault(recording.request, []).append(recording)

    def _append(self, block: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._torn and self.path.stat().st_size != self._bytes:
            # Somebody has written since, and what is behind the whole blocks may be one now.
            now = Cassette(self._provider, self.path)
            self._torn, self._whole_bytes, self._ends_in_line = now._torn, now._whole_bytes, now._ends_in_line
        if self._torn:
            os.truncate(self.path, self._whole_bytes)
            self._torn, self._ends_in_line = False, False
        with self.path.open("ab", buffering=0) as file:
            begin = b"\n" if self._ends_in_line else b"" if file.tell() else _HEADER.encode()
            self._ends_in_line = False
            # One write to the end of the file: nobody's block comes between.
            written = file.write(begin + block)
            if written != len(begin + block):
                # The disk is full. A piece of a block, with more after it, would spoil the whole cassette.
                file.truncate(file.tell() - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))


def _is_header(line: bytes) -> bool:
    """Whether the first line of a file is one of a cassette, of whatever version, or the beginning of one."""
    if _HEADER.encode().startswith(line):
        return True
    try:
        said = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return said.get("cassette") == "actrio"


class _Wrong(ValueError):
    """What is wrong with a line."""


class _Reader:
    """Reads the lines of a file.

    Attributes:
        recordings: The whole blocks.
        whole: How many bytes there are up to the end of the last of them.
        torn: Whether after that there is the beginning of another.
        headed: Whether the first line is there.
    """

    def __init__(self, provider: str, path: str) -> None:
        self.recordings: list[Recording] = []
        self.whole = 0
        self.torn = False
        self.headed = False
        self._provider = provider
        self._path = path
        self._number = 0  # of the line, from 1
        self._begun = 0  # the line in which the open block began; 0 if none is open
        self._request: list[str] = []
        self._events: list[tuple[float, ModelEvent]] = []

    def read(self, data: bytes) -> None:
        """Read the whole file. Raises CassetteBroken."""
        start = 0
        for self._number, line in enumerate(data.split(b"\n"), 1):
            end = start + len(line) + 1
            if line.strip():
                self._read_line(line, last=end > len(data))
            if not (self.torn or self._begun):
                self.whole = min(end, len(data))
            start = end
        self.torn = self.torn or bool(self._begun)
        if self.torn:
            _log.warning("%s:%d: the last recording has no end and is dropped", self._path, self._begun or self._number)

    def _read_line(self, line: bytes, last: bool) -> None:
        try:
            fields = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            # Who died while it wrote has left a line without its end. Another file is not to be taken for that.
            self.torn = last and (self.headed or _is_header(line))
            if self.torn:
                return
            raise CassetteBroken(self._provider, self._path, self._number, f"not JSON: {error}") from None
        try:
            self._take(fields)
        except _Wrong as wrong:
            raise CassetteBroken(self._provider, self._path, self._number, str(wrong)) from None

    def _take(self, fields: Any) -> None:
        if not isinstance(fields, dict):
            raise _Wrong("not an object")
        fields = cast("dict[str, Any]", fields)
        if not self.headed:
            self._take_header(fields)
        elif "at" in fields:
            self._take_event(fields)
        elif "request" in fields:
            if self._begun:
                raise _Wrong(f"the recording that begins in line {self._begun} has no end")
            self._begun = self._number
            self._request = [encode_line(fields)]
        elif not _IN_REQUEST.isdisjoint(fields):
            if not self._begun or self._events:
                raise _Wrong("a part of a request where none is")
            self._request.append(encode_line(fields))
        else:
            raise _Wrong(f"no line of a cassette has the fields {', '.join(fields) or '(none)'}")

    def _take_header(self, fields: dict[str, Any]) -> None:
        if fields.get("cassette") != "actrio":
            raise _Wrong(f"not a cassette: its first line is {_HEADER.strip()}")
        if fields.get("version") != _VERSION:
            raise _Wrong(f"a cassette of version {fields.get('version')!r}; known here is {_VERSION}")
        self.headed = True

    def _take_event(self, fields: dict[str, Any]) -> None:
        at = fields.pop("at")
        if not self._begun:
            raise _Wrong("an event before any request")
        if not isinstance(at, int | float) or isinstance(at, bool) or at < 0:
            raise _Wrong(f"at is seconds, 0 or more, not {at!r}")
        if "event" in fields:
            event = _decode_event(fields.pop("event"), fields)
            self._events.append((at, event))
            if isinstance(event, Finished):
                self._end("finished", at)
        elif "left" in fields:
            self._end("left", at)
        elif "refused" in fields:
            self._end("refused", at, _decode_error(fields.pop("refused"), fields))
        elif "failed" in fields:
            self._end("failed", at, _decode_error(fields.pop("failed"), fields))
        else:
            raise _Wrong("neither an event nor an end")

    def _end(self, ending: Ending, at: float, error: ErrorRecord | None = None) -> None:
        events = tuple(self._events)
        self.recordings.append(Recording(tuple(self._request), events, ending, at, error, self._begun))
        self._begun = 0
        self._events.clear()


def _decode_event(name: object, fields: dict[str, Any]) -> ModelEvent:
    kind = _EVENTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise _Wrong(f"unknown event {name!r}; known here are {', '.join(_EVENTS)}")
    try:
        event: ModelEvent = msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise _Wrong(f"{name}: {error}") from None
    return event


def _decode_error(kind: object, fields: dict[str, Any]) -> ErrorRecord:
    try:
        record = ErrorRecord(**msgspec.convert({"kind": kind, **fields}, dict[str, Any]))
        record.make()
    except (TypeError, AttributeError) as error:
        raise _Wrong(f"not an error's record: {error}") from None
    except KeyError:
        raise _Wrong(
            f"unknown error {kind!r}: no ProviderError of that name is loaded. Import its module first"
        ) from None
    return record
