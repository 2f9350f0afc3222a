"""Tools of asyncio's, where the program has no asyncio loop: on one in a thread."""

import asyncio  # noqa: TID251 - the tools are its
import gc
import threading
import time
import traceback
from contextvars import ContextVar
from typing import Any

import anyio.lowlevel  # noqa: TID251 - as a library that a tool uses
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import actrio
from actrio.actors import Runtime, open_runtime
from actrio.agents import Agent, ToolContext, ToolError, ToolUse, tool
from actrio.agents.tools import Loop, TaskLost, open_loop
from actrio.agents.tools import _loop_thread as thread_of
from actrio.providers import ToolCall
from actrio.testing import Say, ScriptedProvider
from tests.agents.tools.calls import PATIENCE, Bench, until, use

user: ContextVar[str] = ContextVar("user", default="nobody")


def script(*names: str, arguments: str = "{}") -> ScriptedProvider:
    """A model that calls those tools at once, and is then done; again and again."""
    calls = tuple(ToolCall(f"c{at}", name, arguments) for at, name in enumerate(names))
    return ScriptedProvider(Say(tool_calls=calls), "Done.", cycle=True)


async def uses_of(runtime: Runtime, *tools: Any, arguments: str = "{}") -> list[ToolUse]:
    """What comes of calling each of the tools once, all at once."""
    ref = await runtime.spawn(Agent("a", script(*(one.name for one in tools), arguments=arguments), tools=list(tools)))
    uses = (await ref.ask("Go.")).tool_uses
    await ref.stop()
    return list(uses)


def loop_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "actrio asyncio tools"]


async def test_it_runs_on_one_loop_for_the_runtime_which_is_gone_after_it() -> None:
    loops: list[object] = []

    @tool(run_in="asyncio")
    async def look(word: str) -> str:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return f"{word} in {threading.current_thread().name}"

    async with open_runtime() as runtime:
        assert loop_threads() == []
        first = await runtime.spawn(Agent("a", script("look", "look", arguments='{"word": "one"}'), tools=[look]))
        other = await runtime.spawn(Agent("b", script("look", arguments='{"word": "two"}'), tools=[look]))
        reply = await first.ask("Go.")
        await other.ask("Go.")
        assert len(loop_threads()) == 1
    assert reply.tool_uses[0].value == "one in actrio asyncio tools"
    assert len(loops) == 3
    assert len(set(loops)) == 1
    assert loop_threads() == []


async def test_errors_keep_their_traceback_and_tool_errors_their_words(runtime: Runtime) -> None:
    def explode() -> None:
        raise ValueError("on fire")

    @tool(run_in="asyncio")
    async def burn() -> None:
        await asyncio.sleep(0)
        explode()

    @tool(run_in="asyncio")
    async def refuse() -> None:
        raise ToolError("Ask for another.")

    burnt, refused = await uses_of(runtime, burn, refuse)
    assert (burnt.outcome, burnt.text) == ("failed", "burn failed: ValueError: on fire")
    assert burnt.error is not None
    assert "explode" in [frame.name for frame in traceback.extract_tb(burnt.error.__traceback__)]
    assert refused.text == "Ask for another."


async def test_context_variables_go_along_and_progress_comes_back(runtime: Runtime) -> None:
    @tool(run_in="asyncio")
    async def who(ctx: ToolContext) -> str:
        ctx.progress("half")
        with pytest.raises(RuntimeError, match="await a ref that an AsyncioHost gave"):
            ctx.from_thread(trio.sleep, 0)
        with pytest.raises(RuntimeError, match="only a tool that runs on Trio"):
            _ = ctx.deadline
        return f"{user.get()} of {ctx.agent}"

    ref = await runtime.spawn(Agent("a", script("who"), tools=[who]))
    user.set("ada")
    async with ref.run("Go.") as turn:
        progress = [event.value async for event in turn.events() if isinstance(event, actrio.agents.ToolCallProgress)]
        assert (await turn.result()).tool_uses[0].value == "ada of a"
    assert progress == ["half"]


async def test_the_agent_at_work_has_the_loop_of_its_own_runtime_whoever_asks() -> None:
    @tool(run_in="asyncio")
    async def look() -> str:
        return threading.current_thread().name

    async with open_runtime() as outer:
        ref = await outer.spawn(Agent("a", script("look"), tools=[look]))
        async with open_runtime():
            await ref.ask("Go.")
        assert (await ref.ask("Go.")).tool_uses[0].outcome == "done"


async def test_code_on_anyio_finds_asyncio_there(runtime: Runtime) -> None:
    @tool(run_in="asyncio")
    async def sleep() -> str:
        await anyio.lowlevel.checkpoint()
        return type(asyncio.current_task()).__module__

    (done,) = await uses_of(runtime, sleep)
    assert done.value == "_asyncio"


@pytest.mark.parametrize("ended_by", ["timeout", "cancellation"])
async def test_cancelling_it_cancels_the_task_first_and_waits_for_its_end(runtime: Runtime, ended_by: str) -> None:
    steps: list[str] = []

    @tool(run_in="asyncio", timeout=0.05 if ended_by == "timeout" else None)
    async def wait() -> None:
        steps.append("began")
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            await asyncio.sleep(0.01)  # noqa: ASYNC102 - to see that it is waited for
            steps.append("cleaned up")

    ref = await runtime.spawn(Agent("a", script("wait"), tools=[wait]))
    async with ref.run("Go.") as turn:
        if ended_by == "timeout":
            assert (await turn.result()).tool_uses[0].outcome == "timed out"
        await until(lambda: bool(steps))
    assert steps == ["began", "cleaned up"]


async def test_what_its_cleanup_raises_is_what_came_of_it(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    @tool(run_in="asyncio", timeout=0.02)
    async def wait() -> None:
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            raise ValueError("no clean end")

    (use,) = await uses_of(runtime, wait)
    assert use.text == "wait failed: ValueError: no clean end"
    assert "no clean end" in caplog.text


async def test_a_task_that_somebody_in_asyncio_cancels_is_a_failure_the_model_sees(runtime: Runtime) -> None:
    @tool(run_in="asyncio")
    async def leave() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(PATIENCE)

    (use,) = await uses_of(runtime, leave)
    assert use.text == "leave failed: TaskLost: its asyncio task was cancelled"


async def test_a_loop_that_a_tool_has_ended_fails_all_its_calls(runtime: Runtime) -> None:
    @tool(run_in="asyncio")
    async def end() -> None:
        for one in asyncio.all_tasks():
            one.cancel()
        await asyncio.sleep(PATIENCE)

    @tool(run_in="asyncio")
    async def wait() -> None:
        await asyncio.sleep(PATIENCE)

    assert {use.outcome for use in await uses_of(runtime, wait, end)} == {"failed"}
    await until(lambda: not loop_threads())
    (use,) = await uses_of(runtime, wait)
    assert use.text == "wait failed: TaskLost: the asyncio loop that it was to run on is closed"


@pytest.mark.parametrize("cancelled", [False, True])
async def test_who_waits_for_a_loop_that_was_closed_is_told(cancelled: bool) -> None:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # of the task that is lost
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    there, ended, begun = Loop(loop), list[BaseException](), threading.Event()

    async def sleep() -> None:
        begun.set()
        await asyncio.sleep(PATIENCE)

    async def wait() -> None:
        try:
            await there.run(sleep)
        except trio.Cancelled as error:
            ended.append(error)
            raise
        except TaskLost as error:
            ended.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await until(begun.is_set)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        if cancelled:
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await wait_all_tasks_blocked()
            assert ended == []
        loop.close()
        there.lose()
    assert [type(error) for error in ended] == [trio.Cancelled if cancelled else TaskLost]
    gc.collect()


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
def test_leaving_the_program_in_it_leaves_the_program(stop: type[BaseException]) -> None:
    @tool(run_in="asyncio")
    async def leave() -> None:
        raise stop

    async def main() -> None:
        async with open_runtime() as runtime:
            await uses_of(runtime, leave)

    with pytest.raises(BaseException) as caught:  # noqa: PT011 - in which groups it comes is Trio's
        trio.run(main)
    left = caught.value
    assert isinstance(left, stop) or (isinstance(left, BaseExceptionGroup) and left.subgroup(stop) is not None)


async def test_what_a_tool_leaves_running_there_is_cancelled_with_the_runtime() -> None:
    steps: list[str] = []
    kept: list[object] = []

    async def linger() -> None:
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            steps.append("cancelled")

    @tool(run_in="asyncio")
    async def begin() -> None:
        kept.append(asyncio.create_task(linger()))
        await asyncio.sleep(0)

    async with open_runtime() as runtime:
        await uses_of(runtime, begin)
        assert steps == []
    assert steps == ["cancelled"]


async def test_a_loop_that_does_not_end_is_logged_and_holds_nothing_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_of, "GRACE_S", 0.01)
    monkeypatch.setattr(thread_of, "JOIN_S", 0.01)
    leave = threading.Event()

    async with open_loop() as loop:

        async def block() -> None:
            there = asyncio.get_running_loop()
            there.call_soon(there.call_soon, leave.wait, PATIENCE)  # when the end of this has been told

        await loop.run(block)
    assert "did not end within 0.01 s: its thread is left behind" in caplog.text
    leave.set()
    await until(lambda: not loop_threads())


async def test_a_loop_that_is_not_wanted_any_more_when_it_is_there_ends() -> None:
    for _ in range(20):
        with trio.CancelScope() as scope:
            scope.cancel()
            async with open_loop():
                pytest.fail("it was cancelled before")
        assert loop_threads() == []


async def test_a_tool_that_holds_the_loop_up_is_named(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    @tool(run_in="asyncio")
    async def block() -> None:
        time.sleep(0.12)  # noqa: ASYNC251 - the mistake that is reported

    ref = await runtime.spawn(Agent("a", script("block"), tools=[block]))
    await ref.ask("Go.")
    assert ref.metrics().blocked == {"block": 1}
    assert "put the part that blocks into asyncio.to_thread" in caplog.text


async def test_code_of_asyncio_in_a_tool_of_trio_is_told_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    @tool
    async def wait() -> None:
        await asyncio.sleep(1)

    assert (await Bench(wait).call("wait")).text == "wait failed: RuntimeError: no running event loop"
    assert "tool 'wait' failed. It needs asyncio: make it with @tool(run_in=\"asyncio\")" in caplog.text


def test_a_hundred_runtimes_with_such_tools_leave_nothing() -> None:
    @tool(run_in="asyncio")
    async def look() -> str:
        return "here"

    async def main() -> None:
        for _ in range(100):
            async with open_runtime() as runtime:
                (use,) = await uses_of(runtime, look)
                assert use.value == "here"

    before = threading.active_count()
    trio.run(main)
    assert threading.active_count() <= before


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_cancellation_of_asyncios_that_another_tool_lets_out_is_its_failure(is_async: bool) -> None:
    async def give_up() -> None:
        task = asyncio.ensure_future(asyncio.sleep(99))
        task.cancel()
        await task

    @tool
    def fetch() -> None:
        asyncio.run(give_up())

    @tool
    async def fetch_here() -> None:
        raise asyncio.CancelledError

    done = await use(fetch_here if is_async else fetch)

    assert done.outcome == "failed"
    assert done.text.endswith("TaskLost: a task of asyncio's that it waited for was cancelled")
