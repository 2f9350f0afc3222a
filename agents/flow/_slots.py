"""How many reactions of one handler may be at work at once, first come first served."""

from collections import deque
from collections.abc import Callable

import trio


class Slots:
    """So many slots, and a queue of those who want one."""

    __slots__ = ("_free", "_queue")

    def __init__(self, count: int) -> None:
        self._free = count
        self._queue: deque[Callable[[], None]] = deque()  # called when it is one's turn

    def request(self, granted: Callable[[], None]) -> None:
        """Have it called when there is a slot, which may be at once. It must not raise."""
        if self._free:
            self._free -= 1
            granted()
        else:
            self._queue.append(granted)

    async def take(self) -> None:
        """Wait for a slot. If this is cancelled there is none taken."""
        turn = trio.Event()
        granted = turn.set
        self.request(granted)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():
                self.leave()
            else:
                self._queue.remove(granted)
            raise

    def leave(self) -> None:
        """Give one back."""
        if self._queue:
            self._queue.popleft()()
        else:
            self._free += 1
