"""What turns the bytes of a connection into the bytes of a body: the interface, and the two framings without chunks.

Pure: nothing here reads or waits. Which framing a body has is decided in `_framing`; chunks are in `_chunked`.
"""

from typing import Protocol


class BrokenBody(ValueError):
    """The peer broke the framing of a body; the message says how. Nothing after it can be trusted."""


class BodyDecoder(Protocol):
    """Bytes of one body in, its payload out, however it is cut.

    Feed it until it has `ended` or has a `failure`, and not after that.
    """

    ended: bool  # the last byte of the body was fed
    excess: bool  # bytes that do not belong to the body came after it; whose they are nobody knows
    failure: BrokenBody | None  # the framing is broken; what was given out before is right

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes and give all the payload in them as one object, empty if there is none."""
        ...

    def feed_eof(self) -> None:
        """Take note that no more bytes come: afterwards it has `ended` or has a `failure`."""
        ...


class LengthDecoder:
    """A body whose length was announced.

    Args:
        length: The bytes it has.
    """

    __slots__ = ("_left", "_length", "ended", "excess", "failure")

    def __init__(self, length: int) -> None:
        self._length = length
        self._left = length
        self.ended = length == 0
        self.excess = False
        self.failure: BrokenBody | None = None

    def feed(self, data: bytes) -> bytes:
        """See :meth:`BodyDecoder.feed`."""
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self.ended = True
        if left:
            self.excess = True
            data = data[: self._left]
        self._left = 0
        return data

    def feed_eof(self) -> None:
        """See :meth:`BodyDecoder.feed_eof`."""
        if not self.ended:
            self.failure = BrokenBody(
                "peer closed connection without sending complete message body "
                f"(received {self._length - self._left} bytes, expected {self._length})"
            )


class UntilCloseDecoder:
    """A body that ends where the connection ends."""

    __slots__ = ("ended", "excess", "failure")

    def __init__(self) -> None:
        self.ended = False
        self.excess = False
        self.failure: BrokenBody | None = None

    def feed(self, data: bytes) -> bytes:
        """See :meth:`BodyDecoder.feed`."""
        return data

    def feed_eof(self) -> None:
        """See :meth:`BodyDecoder.feed_eof`."""
        self.ended = True
