"""Server-sent events: bytes in, the data of each event out. Pure: it reads nothing and waits for nothing.

The format is WHATWG's, https://html.spec.whatwg.org/multipage/server-sent-events.html: lines end with LF, CR or CRLF,
an empty line ends an event, `data` lines of one event are joined by LF, a line that begins with a colon is a comment,
and an event that the stream's end cuts off is dropped. Other fields are ignored: model servers say all in `data`.
"""

from collections.abc import Iterator
from typing import Final

from actrio.providers.wire._decoder import PayloadTooLong

DEFAULT_LIMIT: Final = 4 * 1024 * 1024

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


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

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the next bytes and give the data of the events they complete; see `Splitter.feed`.

        Raises:
            PayloadTooLong: an event is over the limit; the splitter is of no use after that.
        """
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return
        # For bytes, LF, CR and CRLF are all that splitlines() splits at.
        lines = chunk.splitlines()
        unended = b"" if chunk[-1] in b"\r\n" else lines.pop()
        self._after_cr = chunk[-1] == 0x0D
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
