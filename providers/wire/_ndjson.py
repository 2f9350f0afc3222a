"""Newline-delimited JSON: bytes in, lines out. Pure: it reads nothing and waits for nothing.

A line ends with LF, which a CR may precede; empty lines are nothing. See https://github.com/ndjson/ndjson-spec.
"""

from collections.abc import Iterator
from typing import Final

from actrio.providers.wire._decoder import PayloadTooLong

DEFAULT_LIMIT: Final = 4 * 1024 * 1024


class NdjsonSplitter:
    """Splits a stream of bytes into its lines, however it is cut into chunks.

    Args:
        limit: The most bytes one line may have, its end apart. It bounds what is kept between two calls.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._line: list[bytes] = []  # the pieces of a line whose end has not come
        self._kept = 0  # bytes in them

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the next bytes and give the lines they complete; see `Splitter.feed`.

        Raises:
            PayloadTooLong: a line is over the limit; the splitter is of no use after that.
        """
        *ends, begin = chunk.split(b"\n")
        for end in ends:
            line = self._whole(end) if self._line else end.removesuffix(b"\r")
            if len(line) > self._limit:
                raise PayloadTooLong("a line", self._limit)
            if line:
                yield line
        if begin:
            self._line.append(begin)
            self._kept += len(begin)
            # One more, for a CR that is not of the line.
            if self._kept > self._limit + 1:
                raise PayloadTooLong("a line", self._limit)

    def _whole(self, end: bytes) -> bytes:
        self._line.append(end)
        return self.rest()

    def rest(self) -> bytes:
        """Say that no more bytes come, and get the last line if its end is missing; empty if it is not."""
        line = b"".join(self._line).removesuffix(b"\r")
        self._line.clear()
        self._kept = 0
        return line
