import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actrio.providers import (
    Connection,
    ConnectionLost,
    Fail,
    Finished,
    Image,
    KeyMissing,
    ModelEvent,
    ModelRequest,
    ProtocolViolation,
    Provider,
    ProviderError,
    RateLimited,
    Reasoning,
    Say,
    ScriptedProvider,
    Stall,
    TextDelta,
    ToolCall,
    Usage,
    User,
)
from actrio.providers._errors import NotRecorded
from actrio.providers.recording._recorded import RecordedProvider, RecordMode

HELLO = ModelRequest([User("Hello?")])
BYE = ModelRequest([User("Bye?")])
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "talk.jsonl"


def written(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


async def ask(provider: Provider, request: ModelRequest = HELLO) -> list[ModelEvent]:
    async with provider.open() as connection, connection.stream(request) as stream:
        return [event async for event in stream]


async def ask_some(provider: Provider, *requests: ModelRequest) -> list[str]:
    """The texts of the answers, all over one connection."""
    texts: list[str] = []
    async with provider.open() as connection:
        for request in requests:
            async with connection.stream(request) as stream:
                texts.append("".join([event.text async for event in stream if isinstance(event, TextDelta)]))
    return texts


async def leave_after(provider: Provider, events: int, request: ModelRequest = HELLO) -> None:
    async with provider.open() as connection, connection.stream(request) as stream:
        for _ in range(events):
            await anext(stream)


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


# What is replayed


async def test_events_are_replayed_at_their_times(path: Path, autojump_clock: MockClock) -> None:
    async def times(provider: Provider) -> list[float]:
        async with provider.open() as connection:
            start = trio.current_time()
            async with connection.stream(HELLO) as stream:
                return [trio.current_time() - start async for _ in stream]

    recorded = await times(RecordedProvider(path, ScriptedProvider(Say("a b c", delay_s=2, token_s=0.25))))

    assert recorded == pytest.approx([2, 2.25, 2.5, 2.5, 2.5])
    assert await times(RecordedProvider(path)) == pytest.approx(recorded)
    assert await times(RecordedProvider(path, speed=10)) == pytest.approx([time / 10 for time in recorded])
    assert await times(RecordedProvider(path, speed=0)) == [0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("p", 429, "Slow down.", code="rate_limit_exceeded", retry_after_s=2.5, request_id="r7"),
        ConnectionLost("p", "the cable", "Hel"),
        ProtocolViolation("p", "a chunk", b"\x00\xffnonsense"),
        KeyMissing("p", "SOME_KEY"),
    ],
)
@pytest.mark.parametrize("after", [0, 2])
async def test_errors_come_back_as_what_they_were_and_where_they_were(
    path: Path, error: ProviderError, after: int
) -> None:
    with pytest.raises(type(error)):
        await ask(RecordedProvider(path, ScriptedProvider(Fail(error, after=after))))

    events: list[ModelEvent] = []
    with pytest.raises(type(error)) as caught:
        await read_into(events, RecordedProvider(path))

    assert len(events) == after
    assert str(caught.value) == str(error)
    assert vars(caught.value) == {name: value for name, value in vars(error).items() if name != "__notes__"}


async def read_into(events: list[ModelEvent], provider: Provider) -> None:
    async with provider.open() as connection, connection.stream(HELLO) as stream:
        async for event in stream:
            events.append(event)  # noqa: PERF401 - what came before the error is the point


async def test_an_error_that_is_no_answer_is_not_recorded(path: Path) -> None:
    provider = RecordedProvider(path, ScriptedProvider(Fail(OSError), Fail(OSError, after=1), "Hi."))
    for _ in range(2):
        with pytest.raises(OSError):  # noqa: PT011 - it has no text
            await ask(provider)

    assert await ask_some(provider, HELLO) == ["Hi."]


async def test_an_error_of_the_reader_is_not_taken_for_the_models(path: Path) -> None:
    provider = RecordedProvider(path, ScriptedProvider("A b c.", "Whole."))
    with pytest.raises(KeyMissing):
        await fail_while_reading(provider)

    assert await ask_some(provider, HELLO) == ["Whole."]


async def fail_while_reading(provider: Provider) -> None:
    async with provider.open() as connection, connection.stream(HELLO):
        raise KeyMissing("mine", "KEY")


# Left early


async def test_an_answer_that_was_left_is_not_an_answer_where_the_model_can_be_asked(path: Path) -> None:
    provider = RecordedProvider(path, ScriptedProvider("A b c.", "Whole."))
    await leave_after(provider, 2)

    assert await ask_some(provider, HELLO) == ["Whole."]
    assert await ask_some(RecordedProvider(path), HELLO) == ["Whole."]


async def test_who_left_early_can_do_so_again_in_replay_but_not_read_on(path: Path) -> None:
    await leave_after(RecordedProvider(path, ScriptedProvider("A b c.")), 2)
    replay = RecordedProvider(path)

    await leave_after(replay, 2)
    events: list[ModelEvent] = []
    with pytest.raises(NotRecorded, match=r"the recording in line 2 of .*talk\.jsonl goes no further: its reader left"):
        await read_into(events, replay)
    assert events == [TextDelta("A"), TextDelta(" b")]


async def test_of_answers_that_were_left_the_longest_is_kept_and_no_other_written(path: Path) -> None:
    provider = RecordedProvider(path, ScriptedProvider("A b c d.", cycle=True))
    sizes: list[int] = []
    for events in (1, 3, 2, 3):
        await leave_after(provider, events)
        sizes.append(len(written(path)))
    assert sizes[0] < sizes[1] == sizes[2] == sizes[3]

    await leave_after(RecordedProvider(path), 3)


async def test_an_answer_that_was_cancelled_is_one_that_was_left(path: Path, autojump_clock: MockClock) -> None:
    provider = RecordedProvider(path, ScriptedProvider(Stall(after=2)))
    with trio.move_on_after(5) as scope:
        await ask(provider)

    assert scope.cancelled_caught
    assert '"left":"early"' in written(path).decode()
    await leave_after(RecordedProvider(path), 2)


# What was not recorded


async def test_a_request_that_is_not_there_is_an_error_with_what_differs_from_the_nearest(path: Path) -> None:
    model = ScriptedProvider("Yes.", cycle=True)
    long = "Once upon a time " * 30
    recorded = [HELLO, ModelRequest([User(f"{long} there was a king."), User("Go on.")], max_tokens=5)]
    await ask_some(RecordedProvider(path, model), *recorded)

    with pytest.raises(
        NotRecorded, match=r"'recorded': the request is not in .* The nearest is in line 7; it differs"
    ) as caught:
        await ask(
            RecordedProvider(path), ModelRequest([User(f"{long} there was a queen."), User("Go on.")], max_tokens=6)
        )

    removed_settings, added_settings, removed, added = caught.value.difference.splitlines()
    assert removed_settings.strip() == '- {"request":{"max_tokens":5}}'
    assert added_settings.strip() == '+ {"request":{"max_tokens":6}}'
    assert removed.strip() == '- …on a time Once upon a time  there was a king."}'
    assert added.strip() == '+ …on a time Once upon a time  there was a queen."}'
    assert "mode='once'" in str(caught.value)


async def test_a_cassette_that_is_not_there_is_said_so(path: Path) -> None:
    with pytest.raises(NotRecorded, match=r"talk\.jsonl: there is no such file\. Record it"):
        await ask(RecordedProvider(path))


@pytest.mark.parametrize(
    "other",
    [
        ModelRequest([User("Hello?")], temperature=0),
        ModelRequest([User("Hello?")], model="other"),
        ModelRequest([User("Hello?")], extra_body={"a": 1}),
        ModelRequest([User(["Hello?"])]),
        ModelRequest([User("Hello?"), User("")]),
    ],
)
async def test_a_request_is_the_same_only_if_all_of_it_is(path: Path, other: ModelRequest) -> None:
    await ask(RecordedProvider(path, ScriptedProvider("Hi.")))

    with pytest.raises(NotRecorded):
        await ask(RecordedProvider(path), other)


async def test_images_are_told_apart_by_their_hash_and_are_not_in_the_file(path: Path) -> None:
    model = ScriptedProvider("A cat.", "A dog.")
    cat, dog = (ModelRequest([User([Image(PNG + name)])]) for name in (b"cat", b"dog"))

    assert await ask_some(RecordedProvider(path, model), cat, dog) == ["A cat.", "A dog."]
    assert await ask_some(RecordedProvider(path), dog, cat) == ["A dog.", "A cat."]
    assert len(written(path)) < 2000
    assert '"bytes":6011' in written(path).decode()


# Secrets


class Keyed(ScriptedProvider):
    """A scripted provider with a key."""

    api_key = "my-own-key-0123456789"


async def test_no_secret_is_written_however_the_model_repeats_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "env-key-0123456789")
    key = Keyed.api_key
    model = Keyed(
        Say(tokens=("It is ", key[:5], key[5:9], key[9:], ", yes."), reasoning=f"The key {key}"),
        Say(tool_calls=(ToolCall("1", "login", f'{{"key": "{key}", "b": "env-key-0123456789"}}'),)),
        Fail(RateLimited("p", 429, f"key {key} has no credit", request_id="Bearer abcdefgh12345678")),
        Stall(after=2, of=Say(tokens=("a", key[:15], "b"))),
    )
    provider = RecordedProvider(path, model)
    asked = ModelRequest(
        [User(f"Use {key} or sk-abcdefghijkl.")], extra_body={"headers": {"Authorization": "short", "X-Api-Key": "x"}}
    )
    said = await ask_some(provider, asked)
    await ask(provider, BYE)
    with pytest.raises(RateLimited, match=key):
        await ask(provider)
    await leave_after(provider, 2, ModelRequest([User("Third?")]))

    text = written(path).decode()
    assert said == [f"It is {key}, yes."]
    for secret in (key, key[:10], "env-key", "sk-abc", "abcdefgh1234", "short", '"x"'):
        assert secret not in text
    assert await ask_some(provider, asked) == ["It is ***, yes."]


async def test_a_function_of_the_users_hides_more(path: Path) -> None:
    def scrub(text: str) -> str:
        return text.replace("Jane Doe", "NAME")

    asked = ModelRequest([User("I am Jane Doe.")])
    await ask(RecordedProvider(path, ScriptedProvider("Hello Jane Doe !"), scrub=scrub), asked)

    assert "Jane" not in written(path).decode()
    assert await ask_some(RecordedProvider(path, scrub=scrub), asked) == ["Hello NAME !"]


# The file


async def test_recordings_made_at_once_do_not_mix(path: Path, autojump_clock: MockClock) -> None:
    requests = [ModelRequest([User(f"{number}?")]) for number in range(8)]
    model = ScriptedProvider(
        lambda request: Say(f"{request.messages[0].text} a b c", token_s=0.1, delay_s=0.01), cycle=True
    )
    async with RecordedProvider(path, model).open() as connection, trio.open_nursery() as nursery:

        async def run(request: ModelRequest) -> None:
            async with connection.stream(request) as stream:
                async for _ in stream:
                    pass

        for request in requests:
            nursery.start_soon(run, request)

    assert await ask_some(RecordedProvider(path), *requests) == [f"{number}? a b c" for number in range(8)]


async def test_a_cassette_is_text_that_gives_small_differences(path: Path, autojump_clock: MockClock) -> None:
    say = Say("Hi you.", token_s=0.5, usage=Usage(1, 2))
    await ask(RecordedProvider(path, ScriptedProvider(say)), HELLO)
    tokens = '{"input_tokens":1,"output_tokens":2,"cached_tokens":0,"reasoning_tokens":0}'

    assert written(path).decode().splitlines() == [
        '{"cassette":"actrio","version":1}',
        '{"request":{}}',
        '{"user":"Hello?"}',
        '{"at":0.0,"event":"TextDelta","text":"Hi"}',
        '{"at":0.5,"event":"TextDelta","text":" you."}',
        f'{{"at":0.5,"event":"UsageReported","usage":{tokens}}}',
        '{"at":0.5,"event":"Finished","reason":"stop","response_id":""}',
    ]


async def test_every_beginning_of_the_last_recording_is_dropped_and_written_over(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = ScriptedProvider("One.", cycle=True)
    await ask(RecordedProvider(path, model), HELLO)
    first = written(path)
    await ask(RecordedProvider(path, model), BYE)
    whole = written(path)

    for end in range(len(first) + 1, len(whole) - 1):
        write(path, whole[:end])
        caplog.clear()
        assert await ask_some(RecordedProvider(path, model), HELLO, BYE) == ["One.", "One."]
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert written(path)[: len(first)] == first
        assert len(written(path).splitlines()) == len(whole.splitlines())


async def test_a_file_whose_last_line_has_no_end_is_added_to_in_a_new_line(path: Path) -> None:
    model = ScriptedProvider("One.", cycle=True)
    await ask(RecordedProvider(path, model), HELLO)
    write(path, written(path).rstrip())

    assert await ask_some(RecordedProvider(path, model), HELLO, BYE) == ["One.", "One."]
    assert await ask_some(RecordedProvider(path), HELLO, BYE) == ["One.", "One."]


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
