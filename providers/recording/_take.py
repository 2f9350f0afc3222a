"""One answer: as it is being recorded, and as it is being replayed."""

from collections.abc import Iterator

import trio

from actrio.providers._errors import NotRecorded, ProviderError
from actrio.providers._events import Arrived, Finished, ModelEvent, Restarted, TextDelta
from actrio.providers._provider import ModelStream
from actrio.providers._stream import EventStream
from actrio.providers.recording._cassette import Cassette
from actrio.providers.recording._recording import Ending, ErrorRecord, Recording
from actrio.providers.recording._scrub import Scrubber


def _text_of(events: list[ModelEvent]) -> str:
    text: list[str] = []
    for event in events:
        if isinstance(event, TextDelta):
            text.append(event.text)
        elif isinstance(event, Restarted):
            text.clear()
    return "".join(text)


class Playback:
    """One recording being played.

    Args:
        provider: Whom an error of our own names.
        path: The cassette.
        recording: It.
        speed: How many times as fast as it was recorded; 0: without pauses.
    """

    def __init__(self, provider: str, path: str, recording: Recording, speed: float) -> None:
        self._provider = provider
        self._path = path
        self._recording = recording
        self._speed = speed
        self._events: Iterator[tuple[float, ModelEvent]] = iter(recording.events)
        self._start = trio.current_time()
        self._given: list[ModelEvent] = []

    async def wait_until(self, at: float) -> None:
        """Wait until so many seconds after the request, as time goes here."""
        if self._speed:
            await trio.sleep_until(self._start + at / self._speed)
        else:
            await trio.lowlevel.checkpoint()

    async def next_event(self, arrived: Arrived) -> None:
        """Wait for the next event's time; see `EventStream`."""
        at, event = next(self._events, (self._recording.at, None))
        await self.wait_until(at)
        if event is None:
            raise self.error()
        self._given.append(event)
        arrived(event)

    def error(self) -> ProviderError:
        """The error with which the recording ends."""
        recording = self._recording
        if recording.error is not None:
            return recording.error.make()
        problem = f"the recording in line {recording.line} of {self._path} goes no further: its reader left early"
        return NotRecorded(self._provider, self._path, problem)

    def received(self) -> str:
        """The text that has come."""
        return _text_of(self._given)


class Take:
    """One answer being recorded.

    Args:
        request: Its lines.
        scrubber: Hides what must not be written.
        cassette: Where the recording goes when the answer has ended.

    Attributes:
        source: The stream of the provider that answers, once it is open.
    """

    def __init__(self, request: tuple[str, ...], scrubber: Scrubber, cassette: Cassette) -> None:
        self.source: ModelStream | None = None
        self._request = request
        self._scrubber = scrubber
        self._cassette = cassette
        self._start = trio.current_time()
        self._events: list[tuple[float, ModelEvent]] = []
        self._ended = False

    async def next_events(self, arrived: Arrived) -> None:
        """Wait for the next events and write down when they came; see `EventStream`."""
        source = self.source
        assert source is not None, "the stream above is made when the source is there"

        def take(event: ModelEvent) -> None:
            self._events.append((trio.current_time() - self._start, event))
            if isinstance(event, Finished):
                self.end("finished")
            arrived(event)

        try:
            if isinstance(source, EventStream):
                await source.receive_into(take)
            else:
                take(await anext(source))
        except ProviderError as error:
            self.end("failed", error)
            raise

    def end(self, ending: Ending, error: ProviderError | None = None) -> None:
        """Add it to the cassette."""
        self._ended = True
        record = None if error is None else ErrorRecord.of(error, self._scrubber)
        at = trio.current_time() - self._start
        self._cassette.add(Recording(self._request, tuple(self._scrubber.answer(self._events)), ending, at, record))

    def leave(self) -> None:
        """Say that its reader is gone."""
        if self._events and not self._ended:
            self.end("left")

    def received(self) -> str:
        """The text that has come."""
        return _text_of([event for _, event in self._events])
