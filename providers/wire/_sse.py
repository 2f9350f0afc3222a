"""Server-sent events: bytes in, the data of each event out. Pure: it reads nothing and waits for nothing.

The format is WHATWG's, https://html.spec.whatwg.org/multipage/server-sent-events.html: lines end with LF, CR or CRLF,
an empty line ends an event, `data` lines of one event are joined by LF, a line that begins with a colon is a comment,
and an event that the stream's end cuts off is dropped. Other fields are ignored: model servers say all in `data`.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from actrio.providers.wire._decoder import PayloadTooLong

DEFAULT_LIMIT: Final = 4 * 1024 * 1024

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LF: Final = 0x0A
_CR: Final = 0x0D


class SseSplitter:
    """Splits a stream of bytes into the data of its events, however it is cut into chunks.

    Args:
        limit: The most bytes one event may have. It bounds what is kept between two calls.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._line: list[bytes] = []  # the pieces of a line whose end has not come
        self._data: list[bytes] = []  # the values of the data lines of the event that is not ended
        self._kept = 0  # bytes in the two lists
        self._after_cr = False  # the last byte was CR, so an LF that follows belongs to it
        self._started = False  # a byte order mark may only come before the first line
        # Invariant: if it holds, then nothing of the above does, but for `_started`.
        self._clean = False

    def feed(self, chunk: bytes) -> Iterable[bytes]:
        """Take the next bytes and give the data of the events they complete; see `Splitter.feed`.

        Raises:
            PayloadTooLong: an event is over the limit; the splitter is of no use after that.
        """
        # Nearly always what comes is as plain as can be: one event, of one line. A byte is looked for by its number,
        # which is several times faster than by a string of that byte.
        size = len(chunk)
        if self._clean and chunk[-1:] == b"\n" and size <= self._limit and _CR not in chunk:
            first = chunk.find(_LF)
            if first == size - 2:
                if chunk[:6] == b"data: ":
                    return (chunk[6:-2],)
            elif (
                chunk[:6] == b"event:"
                and chunk[first + 1 : first + 7] == b"data: "
                and chunk.find(_LF, first + 1) == size - 2
            ):
                return (chunk[first + 7 : -2],)
        if not self._started and chunk and not self._line and chunk[0] != _BYTE_ORDER_MARK[0]:
            self._started = True
        if self._after_cr or not self._started or _CR in chunk or size > self._limit:
            return self._feed_lines(chunk)
        return self._feed_plain(chunk)

    def _feed_plain(self, chunk: bytes) -> Iterable[bytes]:
        # The events that begin and end here; before them what ends of an earlier one, after them what begins of one.
        begin = chunk.find(b"\n\n") + 2 if self._line or self._data else 0
        end = chunk.rfind(b"\n\n", begin)
        if end < 0 or begin == 1:
            return self._feed_lines(chunk)
        payloads = _read_plain(chunk[begin:end])
        if payloads is None:
            return self._feed_lines(chunk)
        if begin == 0 and end == len(chunk) - 2:
            self._clean = True
            return payloads
        return chain(self._feed_lines(chunk[:begin]), payloads, self._feed_lines(chunk[end + 2 :]))

    def _feed_lines(self, chunk: bytes) -> Iterator[bytes]:
        self._clean = False
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        # For bytes, LF, CR and CRLF are all that splitlines() splits at.
        lines = chunk.splitlines()
        if chunk:
            unended = b"" if chunk[-1] in b"\r\n" else lines.pop()
            self._after_cr = chunk[-1] == _CR
            for end in lines:
                line = self._whole(end)
                if line:
                    self._take_field(line)
                elif self._data:
                    yield b"\n".join(self._data)
                    self._data.clear()
                    self._kept = 0
            if unended:
                self._line.append(unended)
                self._keep(len(unended))
        self._clean = self._started and not (self._line or self._data or self._after_cr)

    def _whole(self, end: bytes) -> bytes:
        if self._line:
            self._kept -= sum(map(len, self._line))
            self._line.append(end)
            end = b"".join(self._line)
            self._line.clear()
        if not self._started:
            self._started = True
            end = end.removeprefix(_BYTE_ORDER_MARK)
        return end

    def _take_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._keep(len(line))

    def _keep(self, size: int) -> None:
        self._kept += size
        if self._kept > self._limit:
            raise PayloadTooLong("an event", self._limit)


def _read_plain(events: bytes) -> list[bytes] | None:
    """The data of events with an empty line between them, if each of them is plain; None if one is not.

    Plain is one line of data, after a space, alone or with the event's name in a line before.
    """
    lines = events.split(b"\n")
    if not any(lines[1::2]):
        data = lines[::2]
    elif not any(lines[2::3]) and all(name.startswith(b"event:") for name in lines[::3]):
        data = lines[1::3]
    else:
        return None
    payloads = [line[6:] for line in data if line.startswith(b"data: ")]
    return payloads if len(payloads) == len(data) else None
