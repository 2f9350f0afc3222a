"""What a client has to say and has not said yet."""

from collections import deque
from collections.abc import Iterable
from typing import Final

import trio

from actrio.gateway._frames import ClientFrame, Subscribe, Unsubscribe

MAX_UNSENT: Final = 256  # frames that wait; then whoever asks waits, too


class Outbox:
    """Frames that wait to be sent, in order.

    A new request waits for room while 256 frames wait. The rest is bounded by what it is about: of a request that has
    begun at most one cancel, one answer to each of its calls that wait for approval and 100 texts to steer it; of each
    topic or agent one subscribe or unsubscribe.
    """

    def __init__(self) -> None:
        self._frames: deque[ClientFrame] = deque()
        self._in_hand: ClientFrame | None = None  # the first of them, while it is being sent
        self._followed: set[tuple[str, str]] = set()  # what was said on this connection to be followed
        self._changed = trio.Event()  # set when there are frames
        self._room = trio.lowlevel.ParkingLot()  # those who wait for room, the first first
        self._open = True

    def __len__(self) -> int:
        return len(self._frames)

    async def room(self) -> None:
        """Wait until a request may be put in, or the box is closed. Always a checkpoint, and none once there is room.

        Cancelled, it has changed nothing, and another who waits has the room.
        """
        await trio.lowlevel.checkpoint()
        while self._open and len(self._frames) >= MAX_UNSENT:
            await self._room.park()

    def put(self, frame: ClientFrame) -> None:
        """Have a frame sent; nothing happens when the box is closed."""
        if self._open:
            self._frames.append(frame)
            self._changed.set()

    def put_news(self, frame: Subscribe | Unsubscribe) -> None:
        """The same, in place of what waits about the same thing; and of what was never said nothing is taken back."""
        about = (frame.topic, frame.agent)
        self._keep([one for one in self._frames if one is self._in_hand or _news(one) != about])
        if isinstance(frame, Subscribe) or about in self._followed:
            self.put(frame)

    def withdraw(self, request_id: str) -> None:
        """Send nothing of a request, of which nothing was sent."""
        self._keep([frame for frame in self._frames if getattr(frame, "request_id", None) != request_id])

    def replace(self, frames: Iterable[ClientFrame]) -> None:
        """Have these frames sent, over a new connection, in place of what waits."""
        self._in_hand = None
        self._followed.clear()
        self._keep(frames)
        if self._frames:
            self._changed.set()

    async def first(self) -> ClientFrame:
        """The frame that is to be sent next, when there is one. It stays."""
        while not self._frames:
            self._changed = trio.Event()
            await self._changed.wait()
        frame = self._in_hand = self._frames[0]
        if isinstance(frame, Subscribe):
            self._followed.add((frame.topic, frame.agent))
        elif isinstance(frame, Unsubscribe):
            self._followed.discard((frame.topic, frame.agent))
        return frame

    def sent(self, frame: ClientFrame) -> None:
        """It was sent: it goes, unless it has gone."""
        self._in_hand = None
        if self._frames and self._frames[0] is frame:
            self._frames.popleft()
            self._make_room()

    def close(self) -> None:
        """Send nothing more. Whoever waits for room goes on."""
        self._open = False
        self._frames.clear()
        self._room.unpark_all()

    def _keep(self, frames: Iterable[ClientFrame]) -> None:
        self._frames = deque(frames)
        self._make_room()

    def _make_room(self) -> None:
        # As many as there is room for: each puts its frame in, or parks again, in the step in which it wakes.
        free = MAX_UNSENT - len(self._frames)
        if free > 0:
            self._room.unpark(count=free)


def _news(frame: ClientFrame) -> tuple[str, str] | None:
    return (frame.topic, frame.agent) if isinstance(frame, Subscribe | Unsubscribe) else None
