"""What is replayed: times, errors, answers that were left early; and what was not recorded."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actrio.providers import (
    ConnectionLost,
    Fail,
    Image,
    KeyMissing,
    ModelEvent,
    ModelRequest,
    ProtocolViolation,
    Provider,
    ProviderError,
    RateLimited,
    Say,
    ScriptedProvider,
    Stall,
    TextDelta,
    User,
)
from actrio.providers._errors import NotRecorded
from actrio.providers.recording._recorded import RecordedProvider
from tests.providers.recording.asking import HELLO, ask, ask_some, leave_after, written

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 1000


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
