"""Record and replay: a provider that answers from a cassette, and asks another one for what is not in it."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import trio
from attrs import Attribute, Factory, define, field, frozen

from actrio.mailbox._nursery import open_nursery
from actrio.providers._errors import NotRecorded, ProviderError
from actrio.providers._provider import Provider
from actrio.providers._request import ModelRequest
from actrio.providers._stream import EventStream
from actrio.providers.policy._standby import Standby, Standbys
from actrio.providers.recording._cassette import Cassette
from actrio.providers.recording._recording import Recording
from actrio.providers.recording._request_lines import difference, likeness, request_lines
from actrio.providers.recording._scrub import Scrubber, known_secrets
from actrio.providers.recording._take import Playback, Take

RecordMode: TypeAlias = Literal["once", "replay", "record"]

_MODES = ("once", "replay", "record")


def _one_of(_: object, attribute: "Attribute[RecordMode]", mode: RecordMode) -> None:
    if mode not in _MODES:
        raise ValueError(f"{attribute.name} is one of {', '.join(map(repr, _MODES))}, not {mode!r}")


def _not_negative(_: object, attribute: "Attribute[float]", value: float) -> None:
    if not value >= 0:
        raise ValueError(f"{attribute.name} is how many times as fast, or 0 for no pauses, not {value!r}")


@define
class _Begun:
    """Whether a cassette was begun anew."""

    done: bool = False


@frozen
class RecordedProvider:
    """Answers requests from a cassette: what another provider answered to them once, with its timing and its errors.

        RecordedProvider("tests/cassettes/report.jsonl", OpenAIProvider("gpt-5-mini"))
        RecordedProvider("tests/cassettes/report.jsonl", mode="replay")

    A request is found if all of it that a provider sends is the same: messages, tools, settings. A request that was
    recorded several times is answered with the first recording, then the second and so on, and after the last with that
    one again; each `open()` begins with the first. One cassette is for one model: which provider answered is not kept.

    Recorded are whole answers, and errors that are a `ProviderError`, as which they are raised again, with the same
    attributes; other errors are not. An answer whose reader left early is kept as far as it came, marked so, as long as
    there is no whole one. It is never taken for an answer where the provider can be asked. In replay it is played so
    that the same reader can leave again, and raises `NotRecorded` if read beyond its end.

    The cassette is text to be kept under version control; see `_cassette` for its form. Images are in it as their hash.
    These are replaced by ``***``: the provider's own key, those of providers that it wraps, and those in environment
    variables whose names end in ``API_KEY`` or ``AUTH_TOKEN``; texts that look like keys (``sk-…``, ``AIza…``,
    ``gsk_…``, ``xai-…``, ``hf_…``, those of GitHub, and what follows ``Bearer`` or ``Basic``); and texts in
    `extra_body` and in errors under names such as ``authorization``, ``api_key``, ``token``, ``password`` and
    ``cookie``. Keys are found also where the model repeats them, in however many pieces. Look at what was written
    before you publish it.

    The file is read when the provider is opened, which blocks for about 0.1 s a megabyte, or 20,000 events. A recording
    is appended in one write when it has ended, which blocks for about 3 ms where it has 500 events. So two programs may
    add to one cassette, and see what the other added when they open it anew.

    Args:
        path: The cassette. It is made, with its folders, when there is something to record.
        provider: Who is asked. It is opened with the first request for it, so a cassette that has all needs no key.
        mode: "once": what is not in the cassette is asked, and added. "replay": nothing is asked or written. "record":
            everything is asked, and the cassette begins anew when this object is first opened. Without a provider,
            "once" is the same as "replay".
        speed: How many times as fast as recorded an answer is replayed, on Trio's clock. 0: without pauses.
        scrub: Gives a text back without what must not be written. It is called with every text that is recorded, those
            of an answer joined, and with those of each request, so equal texts have to give equal ones.
        name: The provider's name; by default that of the one who is asked, or "recorded".

    Raises:
        ValueError: there is no such mode, no provider to record, or a speed below 0.
    """

    path: Path = field(converter=Path)
    provider: Provider | None = None
    mode: RecordMode = field(default="once", validator=_one_of)
    speed: float = field(default=1.0, kw_only=True, validator=_not_negative)
    scrub: Callable[[str], str] | None = field(default=None, kw_only=True)
    name: str = field(default=Factory(lambda self: _name_of(self.provider), takes_self=True), kw_only=True)
    _begun: _Begun = field(factory=_Begun, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.mode == "record" and self.provider is None:
            raise ValueError("mode='record' needs a provider to ask")

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["_RecordedConnection"]:
        """Read the cassette; see `Provider.open`.

        Raises:
            CassetteBroken: it cannot be read; the message has the line and the reason.
        """
        await trio.lowlevel.checkpoint()
        cassette = self._load()
        async with open_nursery() as nursery:
            standbys = Standbys(nursery)
            live = None if self.provider is None or self.mode == "replay" else standbys.add(self.provider)
            connection = _RecordedConnection(self, cassette, live)
            try:
                yield connection
            finally:
                connection.closed = True
                # Bounded by what the provider gets to close.
                with trio.CancelScope(shield=True):
                    await standbys.close()

    def _load(self) -> Cassette:
        if self.mode == "record" and not self._begun.done:
            self._begun.done = True
            return Cassette.anew(self.name, self.path)
        return Cassette(self.name, self.path)


def _name_of(provider: Provider | None) -> str:
    return "recorded" if provider is None else provider.name


class _RecordedConnection:
    def __init__(self, provider: RecordedProvider, cassette: Cassette, live: Standby | None) -> None:
        self.closed = False
        self._provider = provider
        self._cassette = cassette
        self._live = live
        self._scrubber = Scrubber(known_secrets(provider.provider), provider.scrub)
        self._played: Counter[tuple[str, ...]] = Counter()  # how many of a request's recordings

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[EventStream]:
        """Replay the answer, or have it and record it; see `Connection.stream`.

        Raises:
            NotRecorded: the cassette has no answer, and nobody can be asked.
        """
        if self.closed:
            raise trio.ClosedResourceError(f"provider {self._provider.name!r} is not open any more")
        lines = request_lines(request, self._scrubber)
        recording = None if self._provider.mode == "record" else self._find(lines)
        if recording is not None:
            source = self._replay(recording)
        elif self._live is not None:
            source = self._record(self._live, request, lines)
        else:
            raise self._not_recorded(lines)
        async with source as stream:
            yield stream

    def _find(self, lines: tuple[str, ...]) -> Recording | None:
        answers = self._cassette.answers(lines)
        if answers:
            played = self._played[lines]
            self._played[lines] += 1
            return answers[min(played, len(answers) - 1)]
        return self._cassette.left_early(lines) if self._live is None else None

    def _not_recorded(self, lines: tuple[str, ...]) -> NotRecorded:
        cassette, path = self._cassette, str(self._provider.path)
        known = cassette.requests
        if not known:
            there = "there is no such file" if not self._provider.path.exists() else "it has no recordings"
            return NotRecorded(self._provider.name, path, f"the request is not in {path}: {there}")
        nearest = max(known, key=lambda recorded: likeness(recorded, lines))
        problem = f"the request is not in {path}. The nearest is in line {cassette.line_of(nearest)}; it differs in"
        return NotRecorded(self._provider.name, path, problem, difference(nearest, lines))

    @asynccontextmanager
    async def _replay(self, recording: Recording) -> AsyncGenerator[EventStream]:
        playback = Playback(self._provider.name, str(self._provider.path), recording, self._provider.speed)
        if recording.ending == "refused":
            await playback.wait_until(recording.at)
            raise playback.error()
        await trio.lowlevel.checkpoint()
        stream = EventStream(playback.next_event, received=playback.received)
        try:
            yield stream
        finally:
            stream.close()

    @asynccontextmanager
    async def _record(
        self, live: Standby, request: ModelRequest, lines: tuple[str, ...]
    ) -> AsyncGenerator[EventStream]:
        connection = await live.connection()
        take = Take(lines, self._scrubber, self._cassette)
        try:
            async with connection.stream(request) as source:
                take.source = source
                stream = EventStream(
                    take.next_events, received=take.received, quota=lambda: getattr(source, "quota", None)
                )
                try:
                    yield stream
                finally:
                    stream.close()
                    take.leave()
        except ProviderError as error:
            # With a source it is the body's error, or was recorded where it came.
            if take.source is None:
                take.end("refused", error)
            raise
