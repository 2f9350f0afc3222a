"""Requests without an end yet: each takes the frames that are its own, in order, and ends exactly once."""

from collections.abc import Sequence
from typing import Any, Protocol

import trio

from actrio.gateway._answers import End, Error, Event, Gap, Unfamiliar
from actrio.gateway._errors import RemoteError
from actrio.gateway._frames import Ask, Cancel, ClientFrame, Tell, UserMessage

RequestFrame = UserMessage | Ask | Tell


class Pending(Protocol):
    """What a connection knows of a request.

    Attributes:
        last: The number of the last event taken, -1 before the first.
        sent: Whether it may have arrived.
        settled: Whether the gateway has ended it, and nothing more comes.
        unwanted: Whether it is to be cancelled.
    """

    frame: RequestFrame
    last: int
    sent: bool

    @property
    def settled(self) -> bool: ...
    @property
    def unwanted(self) -> bool: ...

    def take(self, frame: Event | Error | Gap | Unfamiliar) -> None:
        """The next frame of it. Raises: OutOfOrder."""
        ...

    def said(self) -> Sequence[ClientFrame]:
        """What was said about it, and is to be said again over another connection."""
        ...

    def lose(self, error: Exception) -> None:
        """End it with an error, if it has no end yet."""
        ...


class OutOfOrder(Exception):
    """Frames of a request do not follow one another: the connection has to be had anew."""


def advance(last: int, frame: Event | Unfamiliar | Error | Gap) -> int | None:
    """The number that a frame brings a request to; None for one that was there before. Raises: OutOfOrder."""
    if isinstance(frame, Gap):
        return max(last, frame.first - 1)
    if not isinstance(frame.seq, int):
        return last  # an error of a request that never began
    if frame.seq <= last:
        return None
    count = 1 if isinstance(frame, Error) else frame.count
    if frame.seq - count != last:
        raise OutOfOrder(f"event {frame.seq - count + 1} after {last}")
    return frame.seq


class Waiting:
    """An ask or a tell that waits for its end."""

    unwanted = False

    def __init__(self, frame: Ask | Tell) -> None:
        self.frame: RequestFrame = frame
        self.last = -1
        self.sent = False
        self.over: trio.Event = trio.Event()
        self.data: Any = None
        self.error: Exception | None = None

    @property
    def settled(self) -> bool:
        """Whether it has its end."""
        return self.over.is_set()

    def take(self, frame: Event | Error | Gap | Unfamiliar) -> None:
        """The next frame of it."""
        if isinstance(frame, Error):
            self.lose(RemoteError(frame.code, frame.message, frame.error_id))
        elif isinstance(frame, End) and not self.settled:
            self.data = frame.data
            self.over.set()

    def said(self) -> Sequence[ClientFrame]:
        """Nothing."""
        return ()

    def lose(self, error: Exception) -> None:
        """End it with an error, if it has no end yet."""
        if not self.settled:
            self.error = error
            self.over.set()


class Abandoned:
    """What is left of a request that nobody waits for, until the gateway has ended it."""

    unwanted = True

    def __init__(self, pending: Pending) -> None:
        self.frame: RequestFrame = pending.frame
        self.last = pending.last
        self.sent = pending.sent
        self.settled = False

    def take(self, frame: Event | Error | Gap | Unfamiliar) -> None:
        """The next frame of it. Raises: OutOfOrder."""
        last = advance(self.last, frame)
        if last is not None:
            self.last = last
            self.settled = isinstance(frame, Error | End)

    def said(self) -> Sequence[ClientFrame]:
        """That it is to be cancelled."""
        return (Cancel(self.frame.request_id),)

    def lose(self, error: Exception) -> None:
        """Nothing: nobody is there to be told."""
