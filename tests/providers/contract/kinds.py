"""The kinds of provider that the contract is asked of. A new one joins by a line in `KINDS`."""

from typing import Final

import pytest

from actrio.providers import (
    Connection,
    Fail,
    FallbackProvider,
    Finished,
    GovernedProvider,
    Limits,
    ModelEvent,
    ModelRequest,
    ModelStream,
    Provider,
    Retry,
    ScriptedProvider,
    ServerFailed,
    TextDelta,
    Timeouts,
)
from tests.providers.contract.cases import (
    SHORT,
    Kind,
    over_a_process,
    over_http,
    over_nothing,
    recording,
    replayed,
)
from tests.providers.contract.speakers import SPEAKERS


def governed(provider: Provider) -> Provider:
    return GovernedProvider(
        provider, retry=Retry(), limits=Limits(concurrent_requests=3), timeouts=Timeouts(total_s=60)
    )


def restarting(provider: Provider) -> Provider:
    return GovernedProvider(provider, retry=Retry(after_events=True), timeouts=Timeouts())


def standing_in(provider: Provider) -> Provider:
    out_of_order = ScriptedProvider(Fail(lambda: ServerFailed("first", 500, "no"), after=0), cycle=True, name="first")
    return FallbackProvider(out_of_order, provider)


KINDS: Final[dict[str, Kind]] = {
    "scripted": over_nothing(),
    "governed": over_nothing(governed),
    "restarting": over_nothing(restarting),
    "fallback": over_nothing(standing_in),
    "recording": recording(),
    "replayed": replayed(),
    "local": over_a_process(),
    "openai": over_http(SPEAKERS["openai"].provider, "ids", "reasoning"),
    "openai-responses": over_http(SPEAKERS["openai-responses"].provider, "ids", "reasoning"),
    "anthropic": over_http(SPEAKERS["anthropic"].provider, "ids", "reasoning"),
    # As aimock plays it, it counts no tokens, gives calls no ids, and thinks under another name than Ollama's.
    "ollama": over_http(SPEAKERS["ollama"].provider, tokens=None),
}


def only(ability: str) -> pytest.MarkDecorator:
    """The test is for providers whose models can do this."""
    return pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if ability in kind.can], indirect=True)


def reason_of(event: ModelEvent) -> str:
    assert isinstance(event, Finished)
    return event.reason


async def events_of(connection: Connection, request: ModelRequest = SHORT) -> list[ModelEvent]:
    async with connection.stream(request) as stream:
        return await rest_of(stream)


async def rest_of(stream: ModelStream) -> list[ModelEvent]:
    return [event async for event in stream]


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))
