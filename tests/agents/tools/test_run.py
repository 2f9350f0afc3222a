"""Where tools run: in the turn's task, in threads, in processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actrio.actors import Runtime, open_runtime
from actrio.agents import Agent, InvalidTool, ToolContext, tool
from actrio.agents.tools import _run as where
from actrio.agents.tools import open_workers
from actrio.providers import ToolCall
from actrio.testing import Say, ScriptedProvider
from tests.agents.tools.calls import PATIENCE, Bench, until, use, with_processes

# In the turn's task


async def test_a_tool_that_blocks_is_named(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, "BLOCKING_S", 0.02)

    @tool
    async def block() -> str:
        await trio.lowlevel.checkpoint()
        time.sleep(0.03)  # noqa: ASYNC251 - the mistake that is reported
        return "done"

    bench = Bench(block)
    done = await bench.call("block")

    assert done.outcome == "done"
    assert bench.counts.blocked == {"block": 1}
    assert "agent a: tool 'block' kept all tasks waiting for 0.0" in caplog.text


async def test_waiting_is_not_blocking(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    @tool
    async def wait() -> None:
        await trio.sleep(1000)

    bench = Bench(wait)
    await bench.call("wait")

    assert bench.counts.blocked == {}


async def test_a_tool_sees_its_cancellation_and_its_errors_where_it_waits(autojump_clock: MockClock) -> None:
    seen: list[str] = []

    @tool(timeout=1)
    async def look() -> None:
        with trio.move_on_after(0.5):
            await trio.sleep_forever()
        seen.append("own")
        with pytest.RaisesGroup(ValueError):
            await fail_beside()
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            seen.append("cancelled")
            raise

    async def fail() -> None:
        raise ValueError("here")

    async def fail_beside() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            await trio.sleep_forever()

    assert (await use(look)).outcome == "timed out"
    assert seen == ["own", "cancelled"]


# In threads


async def test_a_sync_tool_does_not_hold_up_the_others() -> None:
    entered, leave = threading.Event(), threading.Event()

    @tool
    def block(ctx: ToolContext) -> str:
        ctx.progress("in")
        entered.set()
        assert leave.wait(PATIENCE)
        ctx.progress("out")
        return threading.current_thread().name

    @tool
    async def release() -> None:
        await until(entered.is_set)
        leave.set()

    bench = Bench(block, release)
    await bench.box.call_all([ToolCall("b", "block", "{}"), ToolCall("r", "release", "{}")], bench.turn)

    assert bench.turn.uses["b"].outcome == "done"
    assert bench.turn.uses["b"].value != threading.current_thread().name
    assert bench.turn.progress == ["in", "out"]


@pytest.mark.parametrize("ended_by", ["timeout", "cancellation"])
async def test_a_thread_that_cannot_be_stopped_is_counted_until_it_ends(
    ended_by: str, caplog: pytest.LogCaptureFixture, mock_clock: MockClock
) -> None:
    entered, leave = threading.Event(), threading.Event()

    @tool(timeout=5)
    def block(ctx: ToolContext) -> None:
        entered.set()
        assert leave.wait(PATIENCE)
        ctx.progress("too late")

    bench = Bench(block)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.call, "block")
        await until(entered.is_set)
        if ended_by == "cancellation":
            nursery.cancel_scope.cancel()
        else:
            mock_clock.jump(5)

    assert list(bench.counts.abandoned.values()) == ["block"]
    assert "the thread of tool 'block' cannot be stopped: abandoned" in caplog.text
    leave.set()
    await until(lambda: not bench.counts.abandoned)
    assert bench.turn.progress == []


async def test_a_call_that_is_cancelled_before_it_has_a_thread_abandons_none(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, "THREADS", 1)

    @tool(timeout=1)
    def never() -> None:
        pytest.fail("it has no place")

    bench = Bench(never)
    limiter = where._thread_limiter()
    async with limiter:
        done = await bench.call("never")

    assert done.outcome == "timed out"
    assert bench.counts.abandoned == {}


async def test_progress_that_a_turn_cannot_take_ends_no_trio_run(runtime: Runtime) -> None:
    @tool
    def chat(ctx: ToolContext) -> str:
        for number in range(50):
            ctx.progress(number)
        return "done"

    model = ScriptedProvider(Say(tool_calls=(ToolCall("c", "chat", ""),)), "Done.")
    ref = await runtime.spawn(Agent("a", model, tools=[chat], max_events=20))

    with pytest.raises(Exception, match="max_events=20"):
        await ref.ask("Go.")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
def test_leaving_the_program_in_a_tool_leaves_it(stop: type[BaseException], is_async: bool) -> None:
    @tool
    def leave() -> None:
        raise stop

    @tool
    async def leave_here() -> None:
        raise stop

    made = leave_here if is_async else leave
    model = ScriptedProvider(Say(tool_calls=tuple(ToolCall(f"c{n}", made.name, "") for n in range(2))), "Done.")

    async def main() -> None:
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Agent("a", model, tools=[made]), restart="permanent")
            await ref.ask("Go.")

    with pytest.raises(BaseException) as caught:  # noqa: PT011 - in which groups it comes is Trio's
        trio.run(main)
    if not isinstance(caught.value, stop):
        assert isinstance(caught.value, BaseExceptionGroup)
        assert caught.value.subgroup(stop) is not None
    assert len(model.requests) == 1


# In processes


MODULE = """
    import os, signal, threading
    from enum import Enum

    from attrs import frozen

    from actrio.agents import ToolError, tool

    class Unit(Enum):
        M = "m"

    @frozen
    class Length:
        number: float
        unit: Unit

    @frozen
    class Area:
        sides: tuple[Length, Length]
        pid: int

    @tool(run_in="process")
    def area(one: Length, two: Length) -> Area:
        return Area((one, two), os.getpid())

    @tool(run_in="process")
    def fail(how: str) -> object:
        if how == "value":
            raise ValueError("no such thing")
        if how == "tool":
            raise ToolError("Ask for another.")
        if how == "lock":
            return threading.Lock()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of a user's with tools, which worker processes find as they find any other."""
    name = "a_module_of_tools"
    (tmp_path / f"{name}.py").write_text(dedent(MODULE))
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__(name)
    del sys.modules[name]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


LENGTHS = '{"one": {"number": 1, "unit": "m"}, "two": {"number": 2, "unit": "m"}}'


async def test_a_worker_process_takes_and_gives_types_of_the_users_and_tells_errors(
    tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with with_processes(tools.area, tools.fail) as bench:
        done = await bench.call("area", LENGTHS)
        raised = [await bench.call("fail", f'{{"how": "{how}"}}') for how in ("value", "tool", "lock", "kill")]
        assert not is_alive(done.value.pid)
        again = await bench.call("area", LENGTHS)
        os.kill(again.value.pid, signal.SIGKILL)  # while it waits for work

    assert done.value == tools.Area((tools.Length(1.0, tools.Unit.M), tools.Length(2.0, tools.Unit.M)), done.value.pid)
    assert len({done.value.pid, again.value.pid, os.getpid()}) == 3
    assert {one.outcome for one in raised} == {"failed"}
    assert raised[0].text == "fail failed: ValueError: no such thing"
    assert raised[1].text == "Ask for another."
    assert "pickle" in raised[2].text
    assert raised[3].text == "fail failed: WorkerDied: its worker process died before it had a result"
    assert "worker processes of tools did not end by themselves, or not well" in caplog.text


async def test_an_error_inside_the_block_of_workers_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_workers():
            raise ZeroDivisionError


async def test_without_the_package_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trio_parallel", None)

    with pytest.raises(InvalidTool, match=r"pip install \"actrio\[process\]\""):
        async with open_workers():
            pytest.fail("it is not there")


PROGRAM = """
    import os

    import trio
    from attrs import frozen

    from actrio.actors import open_runtime
    from actrio.agents import Agent, tool
    from actrio.providers import ToolCall
    from actrio.testing import Say, ScriptedProvider

    @frozen
    class Number:
        value: int
        pid: int = 0

    @tool(run_in="process")
    def double(number: Number) -> Number:
        return Number(2 * number.value, os.getpid())

    async def main() -> None:
        call = ToolCall("c", "double", '{"number": {"value": 4}}')
        model = ScriptedProvider(Say(tool_calls=(call,)), "Done.")
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Agent("a", model, tools=[double]))
            answer = (await ref.ask("Go.")).tool_uses[0].value
            os.kill(answer.pid, 0)
        print(answer == Number(8, answer.pid))
        try:
            os.kill(answer.pid, 0)
        except ProcessLookupError:
            print("gone")

    if __name__ == "__main__":
        trio.run(main)
"""


def test_a_program_may_have_such_tools_in_its_main_file_and_their_processes_go_with_the_runtime(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(dedent(PROGRAM))

    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert (done.stdout, done.stderr) == ("True\ngone\n", "")


async def test_tools_that_block_at_once_in_threads_are_all_served(autojump_clock: MockClock) -> None:
    # No virtual second passes: threads run on the real clock.
    barrier = threading.Barrier(3)

    @tool
    def meet() -> int:
        return barrier.wait(PATIENCE)

    bench = Bench(meet)
    await wait_all_tasks_blocked()
    await bench.box.call_all([ToolCall(str(n), "meet", "{}") for n in range(3)], bench.turn)

    assert sorted(use.value for use in bench.turn.uses.values()) == [0, 1, 2]
