"""What is in the file of a recording provider, and no secret is."""

import logging
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actrio.providers import Fail, ModelRequest, RateLimited, Say, ScriptedProvider, Stall, ToolCall, Usage, User
from actrio.providers.recording._recorded import RecordedProvider
from tests.providers.recording.asking import BYE, HELLO, ask, ask_some, leave_after, written


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


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
