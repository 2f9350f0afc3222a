"""Once, replay and record: who is asked, and what is kept."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import trio

from actrio.providers import (
    Connection,
    Finished,
    KeyMissing,
    ModelEvent,
    ModelRequest,
    Reasoning,
    Say,
    ScriptedProvider,
    ToolCall,
    User,
)
from actrio.providers._errors import NotRecorded
from actrio.providers.recording._recorded import RecordedProvider, RecordMode
from tests.providers.recording.asking import BYE, HELLO, ask, ask_some, written

# Once, replay and record


async def test_what_is_not_in_the_cassette_is_asked_and_after_that_replayed(path: Path) -> None:
    model = ScriptedProvider("Hi there.")

    first = await ask(RecordedProvider(path, model))
    again = await ask(RecordedProvider(path, model))
    replayed = await ask(RecordedProvider(path, mode="replay"))

    assert first == again == replayed
    assert len(model.requests) == 1


async def test_every_kind_of_event_comes_back_as_it_was(path: Path) -> None:
    say = Say(
        'Ünïcödé \n\t"text" \u2028.',
        reasoning=Reasoning("Hm, well.", origin="anthropic-messages", token="a+b/c=="),
        tool_calls=(ToolCall("c1", "search", '{"q": "x"}'),),
        response_id="r1",
    )
    recorded = await ask(RecordedProvider(path, ScriptedProvider(say)))

    assert await ask(RecordedProvider(path)) == recorded == await ask(ScriptedProvider(say))


async def test_replay_asks_and_writes_nothing_also_where_there_is_a_provider(path: Path) -> None:
    model = ScriptedProvider("Hi.", cycle=True)
    await ask(RecordedProvider(path, model))
    before = written(path)

    with pytest.raises(NotRecorded):
        await ask(RecordedProvider(path, model, "replay"), BYE)

    assert len(model.requests) == 1
    assert written(path) == before


async def test_record_asks_always_and_begins_anew(path: Path) -> None:
    await ask(RecordedProvider(path, ScriptedProvider("Old.")))
    provider = RecordedProvider(path, ScriptedProvider("One.", "Two.", "Three."), "record")

    assert await ask_some(provider, HELLO, HELLO) == ["One.", "Two."]
    # The same object goes on with its cassette.
    assert await ask_some(provider, BYE) == ["Three."]
    assert await ask_some(RecordedProvider(path), HELLO, BYE) == ["One.", "Three."]


async def test_recordings_of_one_request_are_replayed_in_order_and_the_last_again_and_again(path: Path) -> None:
    await ask_some(RecordedProvider(path, ScriptedProvider("One.", "Two."), "record"), HELLO, HELLO)
    provider = RecordedProvider(path)

    assert await ask_some(provider, HELLO, HELLO, HELLO) == ["One.", "Two.", "Two."]
    assert await ask_some(provider, HELLO) == ["One."]


async def test_the_provider_is_opened_when_it_is_needed_and_closed_with_the_connection(path: Path) -> None:
    model = ScriptedProvider("Hi.", cycle=True)
    await ask(RecordedProvider(path, model))

    async with RecordedProvider(path, model).open() as connection:
        async with connection.stream(HELLO):
            assert model.statistics().connections_open == 0
        async with connection.stream(BYE):
            assert model.statistics().connections_open == 1
        async with connection.stream(ModelRequest([User("More?")])):
            assert model.statistics().connections_open == 1
    assert model.statistics().connections_open == 0


async def test_what_is_in_the_cassette_needs_no_key_and_what_is_not_says_that_it_does(path: Path) -> None:
    await ask(RecordedProvider(path, ScriptedProvider("Hi.")))
    locked = Locked("More.")

    async with RecordedProvider(path, locked).open() as connection:
        for request, needs_key in ((HELLO, False), (BYE, True), (HELLO, False), (BYE, True)):
            with pytest.raises(KeyMissing) if needs_key else nullcontext():
                await read(connection, request)
        locked.unlocked = True
        assert await read(connection, BYE) == await ask(RecordedProvider(path, mode="replay"), BYE)


class Locked(ScriptedProvider):
    """A provider that cannot be opened for want of a key."""

    unlocked = False

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Any]:
        await trio.lowlevel.checkpoint()
        if not self.unlocked:
            raise KeyMissing(self.name, "KEY")
        async with super().open() as connection:
            yield connection


async def read(connection: Connection, request: ModelRequest) -> list[ModelEvent]:
    async with connection.stream(request) as stream:
        return [event async for event in stream]


# The provider


def test_it_is_named_as_the_one_who_is_asked() -> None:
    assert RecordedProvider("a.jsonl", ScriptedProvider(name="writer")).name == "writer"
    assert RecordedProvider("a.jsonl").name == "recorded"
    assert RecordedProvider("a.jsonl", name="mine").name == "mine"


def test_equal_ones_are_equal() -> None:
    assert RecordedProvider("a.jsonl") == RecordedProvider(Path("a.jsonl"))
    assert hash(RecordedProvider("a.jsonl")) == hash(RecordedProvider(Path("a.jsonl")))


@pytest.mark.parametrize(("mode", "speed"), [("record", 1), ("twice", 1), ("once", -1), ("once", float("nan"))])
def test_nonsense_is_refused_where_it_is_written(mode: RecordMode, speed: float) -> None:
    with pytest.raises(ValueError, match=r"needs a provider|is one of|0 for no pauses"):
        RecordedProvider("a.jsonl", mode=mode, speed=speed)


async def test_the_end_of_an_answer_is_its_end(path: Path) -> None:
    await ask(RecordedProvider(path, ScriptedProvider("Hi.")))

    async with RecordedProvider(path).open() as connection, connection.stream(HELLO) as stream:
        events = [event async for event in stream]
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    assert isinstance(events[-1], Finished)
