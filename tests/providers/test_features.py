"""What each provider can do, as docs/providers.md has it in a table: each cell is a test."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from actrio.providers import (
    Assistant,
    BadRequest,
    Connection,
    LocalProvider,
    ModelEvent,
    ModelRequest,
    ReasoningFinished,
    ToolCall,
    ToolCallFinished,
    ToolResult,
)
from tests.providers.contract import transcripts
from tests.providers.contract.features import FEATURES, MATRIX, Absent, Cell, No, Yes, table, text_of
from tests.providers.contract.local_checks import LOCAL_CHECKS
from tests.providers.contract.speakers import SPEAKERS
from tests.providers.fault_server import Received, Send, chunk, fault_server

PAGE: Final = Path(__file__).parents[2] / "docs" / "providers.md"

TRANSCRIPTS: Final = {
    "openai": transcripts.CHAT,
    "openai-responses": transcripts.RESPONSES,
    "anthropic": transcripts.MESSAGES,
    "ollama": transcripts.OLLAMA,
}


# {provider: by what it is seen in a request that the thoughts are in it}
KEPT: Final = {
    "openai": '"reasoning_content":"One, two."',
    "openai-responses": '"encrypted_content":"sealed"',
    "anthropic": '"signature":"sealed"',
    "ollama": '"thinking":"One, two."',
}


def cells(kind: type[Cell]) -> pytest.MarkDecorator:
    """The cells of the table that are of this kind, but for those of the local model."""
    found = [
        pytest.param(provider, feature, id=f"{provider}-{feature}")
        for provider, column in MATRIX.items()
        for feature, cell in column.items()
        if isinstance(cell, kind) and provider != "local"
    ]
    return pytest.mark.parametrize(("provider", "feature"), found)


async def events_of(connection: Connection, request: ModelRequest) -> list[ModelEvent]:
    async with connection.stream(request) as stream:
        return [event async for event in stream]


async def ask(provider: str, feature: str) -> tuple[list[ModelEvent], list[Received], BadRequest | None]:
    """The events of the answer, what the server got, and the refusal if there was one."""
    speaker, request = SPEAKERS[provider], FEATURES[feature].request
    answer = speaker.head + chunk(TRANSCRIPTS[provider][FEATURES[feature].answer]()) + b"0\r\n\r\n"
    async with fault_server([Send(answer)]) as server, speaker.provider(server.url).open() as connection:
        try:
            return await events_of(connection, request), server.requests, None
        except BadRequest as refusal:
            return [], server.requests, refusal


def holds(whole: Any, part: Any) -> bool:
    """Whether the part is in the whole, at the same places. Of lists, the ends are compared."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(
            name in whole and holds(whole[name], inside) for name, inside in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) >= len(part) and all(map(holds, whole[-len(part) :], part))
    return bool(whole == part)


@cells(Yes)
async def test_what_it_can_do_its_server_is_asked_for_and_the_answer_has_it(provider: str, feature: str) -> None:
    events, [received], refusal = await ask(provider, feature)

    assert refusal is None
    FEATURES[feature].check(events)
    cell = MATRIX[provider][feature]
    assert isinstance(cell, Yes)
    assert holds(json.loads(received.body), cell.sent)


@pytest.mark.parametrize(("provider", "kept"), KEPT.items())
async def test_what_the_model_thought_goes_back_with_the_calls_that_it_led_to(provider: str, kept: str) -> None:
    events, _, _ = await ask(provider, "reasoning_back")
    calls = tuple(ToolCall(e.call_id, e.name, e.arguments) for e in events if isinstance(e, ToolCallFinished))
    thoughts = tuple(event.reasoning for event in events if isinstance(event, ReasoningFinished))
    answer = Assistant(tool_calls=calls, reasoning=thoughts)
    request = FEATURES["reasoning_back"].request

    received = await send(provider, evolve(request, messages=[*request.messages, answer, ToolResult(calls[0].id, "4")]))

    assert kept in received.body.decode()


async def send(provider: str, request: ModelRequest) -> Received:
    """What the server gets of a request."""
    speaker = SPEAKERS[provider]
    answer = speaker.head + b"".join(map(chunk, speaker.answer)) + b"0\r\n\r\n"
    async with fault_server([Send(answer)]) as server, speaker.provider(server.url).open() as connection:
        await events_of(connection, request)
        return server.requests[0]


@cells(No)
async def test_what_it_cannot_do_is_refused_before_anything_is_sent(provider: str, feature: str) -> None:
    _, received, refusal = await ask(provider, feature)

    assert not received
    assert refusal is not None
    assert (refusal.status, refusal.code) == (0, "not_supported")


@cells(Absent)
async def test_what_its_server_does_not_tell_is_not_in_the_answer(provider: str, feature: str) -> None:
    events, _, refusal = await ask(provider, feature)

    assert refusal is None
    with pytest.raises((AssertionError, ValueError)):
        FEATURES[feature].check(events)


async def test_what_the_local_model_can_do_it_does(local_provider: LocalProvider) -> None:
    can = [feature for feature, cell in MATRIX["local"].items() if isinstance(cell, Yes)]
    assert set(can) == set(LOCAL_CHECKS)
    async with local_provider.open() as connection:
        for feature in can:
            request, check = LOCAL_CHECKS[feature]
            try:
                check(await events_of(connection, request))
            except AssertionError as error:
                pytest.fail(f"{feature}: {error!r}")
        warm, _ = LOCAL_CHECKS["seed"]
        texts = [text_of(await events_of(connection, evolve(warm, seed=seed))) for seed in (7, 7, 8)]
        assert texts[0] == texts[1] != texts[2]


async def test_what_the_local_model_cannot_do_is_refused(local_provider: LocalProvider) -> None:
    cannot = [FEATURES[feature].request for feature, cell in MATRIX["local"].items() if isinstance(cell, No)]
    assert cannot
    async with local_provider.open() as connection:
        for request in cannot:
            with pytest.raises(BadRequest) as caught:
                await events_of(connection, request)
            assert (caught.value.status, caught.value.code) == (0, "not_supported")


async def test_what_the_local_model_does_not_tell_is_not_in_its_answer(local_provider: LocalProvider) -> None:
    silent = [feature for feature, cell in MATRIX["local"].items() if isinstance(cell, Absent)]
    assert silent
    async with local_provider.open() as connection:
        events = await events_of(connection, LOCAL_CHECKS["streaming"][0])
    for feature in silent:
        with pytest.raises((AssertionError, ValueError)):
            FEATURES[feature].check(events)


def test_the_table_of_the_page_is_the_one_that_was_tested() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


def test_every_provider_has_a_cell_for_every_feature() -> None:
    assert set(MATRIX) == {*SPEAKERS, "local"}
    assert set(KEPT) == {name for name, column in MATRIX.items() if isinstance(column["reasoning_back"], Yes)}
    assert all(set(column) == set(FEATURES) for column in MATRIX.values())
