"""A model that gives each token at its time, and notes it: one token a wait, as a scripted provider does."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import trio

from actrio.benchmarks.gateway._flow import Course
from actrio.providers import Arrived, EventStream, Finished, ModelRequest, TextDelta, Usage, UsageReported


class Model:
    """Answers each question with its course.

    Args:
        courses: {question: how it is answered}.
    """

    @property
    def name(self) -> str:
        """What errors would call it."""
        return "paced"

    def __init__(self, courses: Mapping[str, Course]) -> None:
        self._courses = courses

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["Model"]:
        """See `Provider.open`. It holds nothing, and is its own connection."""
        await trio.lowlevel.checkpoint()
        yield self

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[EventStream]:
        """See `Connection.stream`."""
        await trio.lowlevel.checkpoint()
        stream = EventStream(_Dictation(self._courses[request.messages[-1].text]).more)
        try:
            yield stream
        finally:
            stream.close()


class _Dictation:
    def __init__(self, course: Course) -> None:
        self._course = course
        self._texts = course.flow.texts
        self._next = 0

    async def more(self, arrived: Arrived) -> None:
        number = self._next
        self._next += 1
        if number < len(self._texts):
            if not self._course.flow.pace_ms:
                await trio.lowlevel.checkpoint()
            await self._course.wait(number)
            arrived(TextDelta(self._texts[number]))
        else:
            await trio.lowlevel.checkpoint()
            arrived(UsageReported(Usage(1, len(self._texts))))
            arrived(Finished("stop"))
