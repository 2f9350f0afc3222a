"""The one implementation of `ModelStream`: events on top, a function that waits for more of them below."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Self

import trio

from actrio.providers._events import Arrived, Finished, ModelEvent
from actrio.providers.wire._quota import Quota


def _nothing() -> str:
    return ""


def _unknown() -> None:
    return None


class EventStream:
    """Keeps the contract of `ModelStream` for a provider that only knows how to wait for its next events.

    Args:
        more: Waits for the next events and hands each to the function it is given, in order. It may hand over none, to
            be called again. It is not called again once it handed over `Finished`, raised or was cancelled. What it
            handed over before it raised is given out before the error.
        received: Gives the text that has come, for errors that tell it.
        quota: Gives what the server said is left of its limits, with this answer.
    """

    def __init__(
        self,
        more: Callable[[Arrived], Awaitable[None]],
        *,
        received: Callable[[], str] = _nothing,
        quota: Callable[[], Quota | None] = _unknown,
    ) -> None:
        self._quota = quota
        self._more = more
        self._text = received
        self._arrived: deque[ModelEvent] = deque()
        self._failure: Exception | None = None  # raised once all that arrived before it is given out
        self._waiting = False
        # Invariant: `more` is called only while neither holds.
        self._ended = False
        self._closed = False

    @property
    def quota(self) -> Quota | None:
        """What the server said is left of its limits, with this answer; None if it said nothing."""
        return self._quota()

    @property
    def received(self) -> str:
        """The text that has come from the server, whether or not it was read here."""
        return self._text()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ModelEvent:
        while not self._arrived:
            if not await self._wait():
                raise StopAsyncIteration
        return self._arrived.popleft()

    async def receive_into(self, arrived: Arrived) -> None:
        """Wait for the next events and hand over all that are there: what `more` does, for a stream above this one.

        Hands over none once the stream is at its end. Raises what `__anext__` does.
        """
        while not self._arrived:
            if not await self._wait():
                return
        while self._arrived:
            arrived(self._arrived.popleft())

    async def _wait(self) -> bool:
        """Wait once for more, which may be none; False at the end."""
        if self._waiting:
            raise trio.BusyResourceError("another task waits for this stream's next event: it has one consumer")
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._ended:
            return False
        if self._closed:
            raise trio.ClosedResourceError("the stream's `async with` block was left before the answer had ended")
        # Until it comes back: cancelled or failed, it ends the stream.
        self._waiting = self._ended = True
        try:
            await self._more(self._arrived.append)
        except Exception as failure:  # noqa: BLE001 - raised by the next call that finds nothing before it
            self._failure = failure
            return True
        finally:
            self._waiting = False
        self._ended = bool(self._arrived) and isinstance(self._arrived[-1], Finished)
        return True

    def close(self) -> None:
        """Drop what was not read. Called when the stream's block is left; the source below is closed by its owner."""
        if self._arrived:
            self._arrived.clear()
            self._ended = False
        self._failure = None
        self._closed = True
