"""The chunked transfer coding of RFC 9112, section 7.1, for whole reads: one call a read, not one a chunk.

    chunked-body = *( size [ ";" extension ] CRLF data CRLF ) "0" [ ";" extension ] CRLF *( trailer CRLF ) CRLF

What is accepted is what h11 accepts: spaces after a size, LF alone at the end of a trailer, folded trailers. Extensions
and trailers are dropped. Pure: it reads nothing and waits for nothing.
"""

import re
from functools import lru_cache
from typing import Final

from actrio.providers.transport._decoder import BrokenBody

# The most bytes of a line with a chunk's size. Extensions are all that can make it long, and nobody uses them.
MAX_SIZE_LINE: Final = 1024

# The most bytes of all trailers together.
MAX_TRAILERS: Final = 64 * 1024

# 20 digits, as in h11: far more than any body has, and too few to make a number expensive.
_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;[^\n]*)?[ \t]*")
_TRAILER: Final = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+:[^\x00\n\r\f\v]*")
_FOLDED_TRAILER: Final = re.compile(rb"[ \t]+[^\x00\n\r\f\v]*")
_END_OF_TRAILERS: Final = re.compile(rb"\n\r?\n")
_SHOWN: Final = 40  # bytes of a wrong line that an error shows


@lru_cache(1024)
def _size_of(line: bytes) -> int:
    # A stream's chunks have few different sizes, and looking one up takes a quarter of the time of matching it.
    match = _SIZE_LINE.fullmatch(line)
    if match is None:
        raise BrokenBody(f"illegal chunk header: {line[:_SHOWN]!r}")
    return int(match[1], 16)


class ChunkedDecoder:
    """A body in chunks; see :class:`BodyDecoder`.

    What it keeps between two calls is bounded: a line of 1 KiB or trailers of 64 KiB.
    """

    __slots__ = ("_in_trailers", "_kept", "_left", "ended", "excess", "failure")

    def __init__(self) -> None:
        self._left = 0  # bytes that the open chunk still has, its CRLF included
        self._kept = b""  # of a line, or of a chunk's CRLF, that is not complete
        self._in_trailers = False
        self.ended = False
        self.excess = False
        self.failure: BrokenBody | None = None

    def feed(self, data: bytes) -> bytes:
        """See :meth:`BodyDecoder.feed`."""
        if self._kept:
            data = self._kept + data
            self._kept = b""
        pieces: list[bytes] = []
        try:
            at = self._finish_chunk(data, pieces) if self._left else 0
            if not self._left and not self._in_trailers:
                at = self._take_chunks(data, at, pieces)
            if self._in_trailers:
                self._take_trailers(data, at)
        except BrokenBody as broken:
            self.failure = broken
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def feed_eof(self) -> None:
        """See :meth:`BodyDecoder.feed_eof`."""
        if not self.ended:
            self.failure = BrokenBody(
                "peer closed connection without sending complete message body (incomplete chunked read)"
            )

    def _take_chunks(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        # Whole chunks are taken here, and the first one that is not opened. This is the hot loop.
        end = len(data)
        while at < end:
            line_end = data.find(b"\r\n", at, at + MAX_SIZE_LINE + 2)
            if line_end < 0:
                self._keep_line(data[at:])
                return end
            size = _size_of(data[at:line_end])
            at = line_end + 2
            if not size:
                self._in_trailers = True
                return at
            data_end = at + size
            if data[data_end : data_end + 2] != b"\r\n":
                self._left = size + 2
                return at + self._finish_chunk(data[at:], pieces)
            pieces.append(data[at:data_end])
            at = data_end + 2
        return end

    def _finish_chunk(self, data: bytes, pieces: list[bytes]) -> int:
        # Takes what `data` has of the open chunk, and gives how much that is.
        payload = self._left - 2
        if payload:
            piece = data[:payload]
            if piece:
                pieces.append(piece)
            self._left -= len(piece)
            if len(piece) < payload:
                return len(data)
        line_end = data[payload : payload + 2]
        if line_end == b"\r\n":
            self._left = 0
            return payload + 2
        if not b"\r\n".startswith(line_end):
            raise BrokenBody(f"malformed chunk footer: {line_end!r} (expected b'\\r\\n')")
        self._kept = line_end
        return len(data)

    def _keep_line(self, line: bytes) -> None:
        if len(line) > MAX_SIZE_LINE:
            raise BrokenBody(f"a line with a chunk's size is longer than {MAX_SIZE_LINE} bytes: {line[:_SHOWN]!r}")
        self._kept = line

    def _take_trailers(self, data: bytes, at: int) -> None:
        end_of_nothing = 2 if data.startswith(b"\r\n", at) else 1 if data.startswith(b"\n", at) else 0
        if end_of_nothing:
            self._end(data, at + end_of_nothing)
            return
        match = _END_OF_TRAILERS.search(data, at)
        if (len(data) if match is None else match.end()) - at > MAX_TRAILERS:
            raise BrokenBody(f"the trailers after the last chunk are longer than {MAX_TRAILERS} bytes")
        if match is None:
            self._kept = data[at:]
            return
        foldable = False
        for line in data[at : match.start()].split(b"\n"):
            line = line.removesuffix(b"\r")  # noqa: PLW2901 - the end of a line is not part of it
            if not (_TRAILER.fullmatch(line) or (foldable and _FOLDED_TRAILER.fullmatch(line))):
                raise BrokenBody(f"illegal header line: {line[:_SHOWN]!r}")
            foldable = True
        self._end(data, match.end())

    def _end(self, data: bytes, at: int) -> None:
        self.ended = True
        self.excess = at < len(data)
