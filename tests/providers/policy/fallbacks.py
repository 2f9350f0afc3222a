"""Providers that fail on cue, and what a fallback over them does."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import trio
import trio.testing

from actrio.providers import (
    Connection,
    Fail,
    LineLike,
    ModelRequest,
    Provider,
    ProviderUnreachable,
    ScriptedProvider,
    TextDelta,
    User,
)
from actrio.providers.policy import (
    CircuitState,
    FallbackConnection,
)

REQUEST = ModelRequest([User("Say hello.")])


def scripted(name: str, *lines: LineLike) -> ScriptedProvider:
    return ScriptedProvider(*lines, cycle=True, name=name)


def failing(name: str, error: Callable[[], Exception] | None = None, *, after: int = 0) -> ScriptedProvider:
    return scripted(name, Fail(error or (lambda: ProviderUnreachable(name, "nobody there")), after=after))


async def text_of(connection: Connection, request: ModelRequest = REQUEST) -> str:
    async with connection.stream(request) as stream:
        return "".join([event.text async for event in stream if isinstance(event, TextDelta)])


def states(connection: FallbackConnection) -> list[CircuitState]:
    return [member.state for member in connection.statistics()]


class Closed:
    """A provider that cannot be opened, or not yet, and tells when it is opened and closed."""

    def __init__(
        self,
        provider: Provider,
        *errors: Exception,
        log: list[str] | None = None,
        opens_s: float = 0.0,
        close_s: float = 0.0,
    ) -> None:
        self.name = provider.name
        self.opened = 0
        self._provider = provider
        self._errors = list(errors)
        self._log = [] if log is None else log
        self._opens_s = opens_s
        self._close_s = close_s

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Connection]:
        self.opened += 1
        await trio.sleep(self._opens_s)
        if self._errors:
            raise self._errors.pop(0)
        async with self._provider.open() as connection:
            self._log.append(f"{self.name} open")
            try:
                yield connection
            finally:
                if self._close_s:
                    await trio.sleep(self._close_s)  # noqa: ASYNC102 - what does not close is what this is for
                self._log.append(f"{self.name} closed")
