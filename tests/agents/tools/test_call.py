"""What comes of a call, and what the model is told of it."""

import logging
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from actrio.agents import ToolContext, ToolError, tool
from actrio.agents.tools import ToolUse
from tests.agents.tools.calls import Bench, use


@frozen
class Point:
    x: int


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("as it is", "as it is"),
        ("x" * 3_000_000, "x" * 3_000_000),
        (Point(1), '{"x":1}'),
        ([1, "a", None], '[1,"a",null]'),
        ("half a \ud83d character", "half a \ufffd character"),
        ("whole \ud83d\ude00", "whole \U0001f600"),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_the_model_is_told_a_text_as_it_is_and_all_else_as_json(value: Any, text: str) -> None:
    @tool
    async def give() -> Any:
        return value

    done = await use(give)

    assert (done.outcome, done.text) == ("done", text)


loop: list[Any] = []
loop.append(loop)


class Nowhere(tzinfo):
    """A place without time."""

    def utcoffset(self, _: datetime | None) -> timedelta:
        raise LookupError("nowhere")

    dst = utcoffset

    def tzname(self, _: datetime | None) -> str:
        return "nowhere"


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {"a": [object()]},
        loop,
        ["\ud800"],
        {Point(1): 1},
        ValueError("x"),
        datetime(2025, 1, 1, tzinfo=Nowhere()),
    ],
)
async def test_what_json_cannot_carry_is_a_failure_that_says_so(value: Any) -> None:
    tries = 0

    @tool(idempotent=True)
    async def give() -> Any:
        nonlocal tries
        tries += 1
        return value

    done = await use(give)

    assert done.outcome == "failed"
    assert done.text.startswith("give failed: TypeError: what it returned cannot be told to a model, as JSON cannot")
    assert tries == 1


class Mute(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


def group(*errors: Exception) -> ExceptionGroup[Exception]:
    return ExceptionGroup("of a nursery", errors)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no such thing"), "f failed: ValueError: no such thing"),
        (ToolError("Ask for another."), "Ask for another."),
        (ToolError(KeyError("x")), "'x'"),  # type: ignore[arg-type]
        (StopIteration(1), "f failed: RuntimeError: coroutine raised StopIteration"),
        (Mute(), "f failed: Mute:"),
        (OSError(2, "no file", "\udcff"), "f failed: FileNotFoundError: [Errno 2] no file: '\\udcff'"),
        (group(ToolError("Ask."), group(ToolError("Again."))), "Ask.; Again."),
        (group(ValueError("one"), group(KeyError("two"))), "f failed: ValueError: one; KeyError: 'two'"),
    ],
)
async def test_what_a_tool_raises_is_told_in_words_that_help(error: Exception, text: str) -> None:
    @tool
    async def f() -> None:
        raise error

    done = await use(f)

    assert (done.outcome, done.text, done.attempts) == ("failed", text, 1)


async def test_an_error_is_logged_with_its_traceback_but_a_tool_error_is_not(caplog: pytest.LogCaptureFixture) -> None:
    @tool
    async def fail(kindly: bool) -> None:
        raise ToolError("No.") if kindly else ValueError("no")

    await use(fail, '{"kindly": true}')
    assert caplog.records == []

    await use(fail, '{"kindly": false}')
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.WARNING, "agent a: tool 'fail' failed")
    assert record.exc_info


async def test_only_an_idempotent_tool_is_tried_again_after_a_growing_pause(autojump_clock: MockClock) -> None:
    at: list[float] = []

    @tool(idempotent=True, attempts=4)
    async def flaky(fails: int) -> str:
        at.append(trio.current_time() - began)
        if len(at) <= fails:
            raise ConnectionError("down")
        return "up"

    bench = Bench(flaky)
    began = trio.current_time()
    done = await bench.call("flaky", '{"fails": 2}')
    assert (done.outcome, done.text, done.attempts, at) == ("done", "up", 3, [0, 0.25, 0.75])

    at.clear()
    done = await bench.call("flaky", '{"fails": 9}')
    assert (done.outcome, done.attempts, len(at)) == ("failed", 4, 4)
    assert bench.counts.retries == 2 + 3
    assert bench.counts.calls == {("flaky", "done"): 1, ("flaky", "failed"): 1}


async def test_a_tool_is_not_tried_again_when_there_is_no_time_for_it(autojump_clock: MockClock) -> None:
    @tool(idempotent=True, attempts=9, timeout=1)
    async def flaky() -> None:
        raise ConnectionError("down")

    began = trio.current_time()
    done = await use(flaky)

    assert (done.outcome, done.text, done.attempts) == ("failed", "flaky failed: ConnectionError: down", 3)
    assert trio.current_time() - began == 0.75


async def test_a_timeout_is_for_all_attempts_and_is_told(autojump_clock: MockClock) -> None:
    @tool(timeout=2.5)
    async def slow() -> None:
        await trio.sleep_forever()

    done = await use(slow)

    assert (done.outcome, done.text, done.duration) == ("timed out", "slow took longer than 2.5 s.", 2.5)


@pytest.mark.parametrize("in_nursery", [False, True])
async def test_a_tool_that_fails_when_its_time_is_over_crashes_nothing(
    in_nursery: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def end_badly() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("cannot end")

    @tool(timeout=1)
    async def slow() -> None:
        if not in_nursery:
            await end_badly()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(end_badly)
            nursery.start_soon(trio.sleep_forever)

    done = await use(slow)

    assert done.outcome == ("timed out" if in_nursery else "failed")
    assert "cannot end" in caplog.text


@pytest.mark.parametrize("siblings", [0, 2])
async def test_a_tool_that_fails_while_it_is_cancelled_leaves_just_the_cancellation(
    siblings: int, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    @tool
    async def slow() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("cannot end")

    bench = Bench(slow)
    async with trio.open_nursery() as nursery:
        for _ in range(siblings + 1):
            nursery.start_soon(bench.call, "slow")
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

    assert caplog.text.count("ValueError: cannot end") == siblings + 1


async def test_progress_is_told_while_the_call_goes_on_and_not_after(autojump_clock: MockClock) -> None:
    kept: list[ToolContext] = []

    @tool
    async def work(ctx: ToolContext) -> str:
        kept.append(ctx)
        ctx.progress("half")
        await trio.sleep(1)
        ctx.progress({"done": 1})
        return "whole"

    bench = Bench(work)
    await bench.call("work")
    kept[0].progress("too late")

    assert bench.turn.progress == ["half", {"done": 1}]


async def test_a_tool_is_told_of_its_call(autojump_clock: MockClock) -> None:
    seen: list[Any] = []

    @tool(timeout=5)
    async def look(at: int, ctx: ToolContext) -> None:
        seen.extend((ctx.agent, ctx.conversation, ctx.call.id, ctx.call.arguments, ctx.deadline - trio.current_time()))

    await use(look, '{"at": 1}')

    assert seen == ["a", "u1", "c0", '{"at": 1}', 5]


async def test_a_tool_that_nobody_has_is_told_with_those_there_are() -> None:
    @tool
    async def find() -> None: ...

    bench = Bench(find)
    done: ToolUse = await bench.call("fnid")

    assert (done.outcome, done.text) == ("unknown tool", "There is no tool 'fnid'. There are: find.")
    assert bench.counts.calls == {("(unknown)", "unknown tool"): 1}
