from traceback import walk_tb
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actrio.providers import (
    Fail,
    Finished,
    ModelEvent,
    ModelRequest,
    ModelStream,
    Say,
    ScriptedProvider,
    ScriptExhausted,
    Stall,
    TextDelta,
    User,
)

HELLO = ModelRequest([User("Hello?")])


async def text_of(stream: ModelStream) -> str:
    return "".join([event.text async for event in stream if isinstance(event, TextDelta)])


async def ask(provider: ScriptedProvider, request: ModelRequest = HELLO) -> str:
    async with provider.open() as connection, connection.stream(request) as stream:
        return await text_of(stream)


async def test_lines_are_played_in_order_whoever_asks() -> None:
    provider = ScriptedProvider("one", "two")

    assert [await ask(provider), await ask(provider)] == ["one", "two"]


async def test_a_script_that_has_run_out_says_so() -> None:
    provider = ScriptedProvider("one", name="writer")
    await ask(provider)

    with pytest.raises(
        ScriptExhausted, match=r"provider 'writer': request 2 came, but the script has 1 line\. .*cycle"
    ):
        await ask(provider)


async def test_a_cycle_starts_over() -> None:
    provider = ScriptedProvider("one", "two", cycle=True)

    assert [await ask(provider) for _ in range(5)] == ["one", "two", "one", "two", "one"]


async def test_a_function_makes_the_line_from_the_request() -> None:
    provider = ScriptedProvider(lambda request: f"You said {request.messages[-1].text}", cycle=True)

    assert await ask(provider, ModelRequest([User("A")])) == "You said A"
    assert await ask(provider, ModelRequest([User("B")])) == "You said B"
    assert [request.messages for request in provider.requests] == [(User("A"),), (User("B"),)]


async def test_tokens_come_at_their_times_on_trios_clock(autojump_clock: MockClock) -> None:
    provider = ScriptedProvider(Say("a b c", delay_s=2, token_s=0.5))
    times: list[tuple[float, ModelEvent]] = []

    async with provider.open() as connection, connection.stream(HELLO) as stream:
        start = trio.current_time()
        async for event in stream:
            times.append((trio.current_time() - start, event))  # noqa: PERF401 - the time is taken as it comes

    assert times[:3] == [(2.0, TextDelta("a")), (2.5, TextDelta(" b")), (3.0, TextDelta(" c"))]
    assert [time for time, _ in times[3:]] == [3.0, 3.0]


async def test_an_error_on_cue_comes_after_so_many_tokens(autojump_clock: MockClock) -> None:
    provider = ScriptedProvider(Fail(OSError("gone"), after=2, of=Say("a b c", token_s=1)))

    async with provider.open() as connection, connection.stream(HELLO) as stream:
        assert [await anext(stream), await anext(stream)] == [TextDelta("a"), TextDelta(" b")]
        with pytest.raises(OSError, match="gone"):
            await anext(stream)

    assert provider.statistics().streams_failed == 1


async def test_a_request_that_fails_at_once_opens_no_stream() -> None:
    provider = ScriptedProvider(Fail(OSError))

    async with provider.open() as connection:
        with pytest.raises(OSError):  # noqa: PT011 - it has no text
            async with connection.stream(HELLO):
                pytest.fail("the stream opened")

    assert (provider.statistics().requests, provider.statistics().streams_opened) == (1, 0)


async def test_an_exception_that_is_raised_again_and_again_keeps_no_traceback_of_the_times_before() -> None:
    error = OSError("gone")
    provider = ScriptedProvider(Fail(error), cycle=True)
    lengths: list[int] = []
    for _ in range(3):
        with pytest.raises(OSError, match="gone"):
            await ask(provider)
        lengths.append(len(list(walk_tb(error.__traceback__))))
    assert lengths == [lengths[0]] * 3


async def test_a_stall_never_goes_on_until_cancelled(autojump_clock: MockClock) -> None:
    provider = ScriptedProvider(Stall(after=1))

    async with provider.open() as connection:
        with trio.move_on_after(3600) as scope:
            async with connection.stream(HELLO) as stream:
                assert await anext(stream) == TextDelta("word")
                await anext(stream)

    assert scope.cancelled_caught
    assert provider.statistics().streams_left_early == 1


async def test_streams_are_counted_by_how_they_ended() -> None:
    provider = ScriptedProvider("a b", "a b", Fail(OSError, after=1))

    async with provider.open() as connection:
        async with connection.stream(HELLO) as stream:
            await text_of(stream)
        async with connection.stream(HELLO) as stream:
            await anext(stream)
            assert provider.statistics().streams_open == 1
            assert repr(provider) == "<ScriptedProvider 'scripted': 2 requests, 3 lines, 1 streams open>"
        async with connection.stream(HELLO) as stream:
            await anext(stream)
            with pytest.raises(OSError):  # noqa: PT011 - it has no text
                await anext(stream)

    now = provider.statistics()
    assert (now.streams_opened, now.streams_finished, now.streams_left_early, now.streams_failed) == (3, 1, 1, 1)
    assert (now.connections_open, now.streams_open) == (0, 0)


async def test_the_same_script_gives_the_same_events() -> None:
    runs: list[list[ModelEvent]] = []
    for _ in range(2):
        provider = ScriptedProvider("The same again.")
        async with provider.open() as connection, connection.stream(HELLO) as stream:
            runs.append([event async for event in stream])

    assert runs[0] == runs[1]
    assert runs[0][-1] == Finished("stop")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            ["one", "two"],
            r"line 2 of the script is \['one', 'two'\]; give the lines one by one: ScriptedProvider\(\*lines",
        ),
        (3, "line 2 of the script is 3; a line is a text, a Say"),
        (Stall, "a line is a text, a Say"),
    ],
)
def test_what_is_no_line_is_refused_when_the_script_is_written(line: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        ScriptedProvider("Yes.", line)
