"""Tools with run_in="asyncio", in programs of every kind."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

import pytest

import actrio
from actrio.hosts import AsyncioHost, Host
from actrio.hosts.asyncio import Mode
from actrio.providers import ToolCall
from actrio.testing import Say
from tests.hosts.desk import LOOPS, chatty, run_asyncio, until, user

Run = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]

PATIENCE: Final = 5  # seconds


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen


@pytest.fixture(params=["thread", "guest"])
def mode(request: pytest.FixtureRequest) -> Mode:
    chosen: Mode = request.param
    return chosen


@actrio.tool(run_in="asyncio")
async def where() -> list[object]:
    """Tell where this runs, and for whom."""
    await asyncio.sleep(0)
    return [id(asyncio.get_running_loop()), threading.current_thread().name, user.get()]


def calls(*names: str) -> actrio.ScriptedProvider:
    """A model that calls those tools at once, and is then done; again and again."""
    return actrio.ScriptedProvider(
        Say(tool_calls=tuple(ToolCall(f"c{at}", name, "{}") for at, name in enumerate(names))), "Done.", cycle=True
    )


def test_it_runs_on_the_loop_of_the_asyncio_host(run: Run, mode: Mode) -> None:
    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            user.set("ada")
            agent = await host.spawn(actrio.Agent("a", model=calls("where", "where"), tools=[where]))
            here = [id(asyncio.get_running_loop()), threading.current_thread().name, "ada"]
            assert [use.value for use in (await agent.ask("Go.")).tool_uses] == [here, here]

    run(main)


def test_a_blocking_host_has_a_loop_for_it_which_ends_with_the_host() -> None:
    with Host() as host:
        agent = host.spawn(actrio.Agent("a", model=calls("where"), tools=[where]))
        (first,), (second,) = (agent.ask("Go.").tool_uses for _ in range(2))
        assert first.value == second.value
        assert first.value[1] == "actrio asyncio tools"
    assert "actrio asyncio tools" not in {thread.name for thread in threading.enumerate()}


def test_it_may_use_the_refs_of_its_host(run: Run, mode: Mode) -> None:
    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            writer = await host.spawn(actrio.Agent("writer", model=chatty(2)))

            @actrio.tool(run_in="asyncio")
            async def ask_writer() -> str:
                return (await writer.ask("Go.")).text

            agent = await host.spawn(actrio.Agent("a", model=calls("ask_writer"), tools=[ask_writer]))
            assert (await agent.ask("Go.")).tool_uses[0].value == "word word"

    run(main)


def test_cancelling_the_caller_cancels_its_task_first(run: Run, mode: Mode) -> None:
    steps: list[str] = []

    @actrio.tool(run_in="asyncio")
    async def wait() -> None:
        steps.append("began")
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            await asyncio.sleep(0)  # noqa: ASYNC102 - to see that it is waited for
            steps.append("cleaned up")

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            agent = await host.spawn(actrio.Agent("a", model=calls("wait"), tools=[wait]))
            asking = asyncio.ensure_future(agent.ask("Go."))
            await until(lambda: steps)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert steps == ["began", "cleaned up"]

    run(main)


def test_leaving_the_host_ends_a_tool_that_is_at_work(run: Run, mode: Mode) -> None:
    steps: list[str] = []

    @actrio.tool(run_in="asyncio")
    async def wait() -> None:
        steps.append("began")
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            steps.append("cleaned up")

    async def main() -> None:
        with pytest.raises(KeyError):  # noqa: PT012 - it leaves the block
            async with AsyncioHost(mode=mode) as host:
                agent = await host.spawn(actrio.Agent("a", model=calls("wait"), tools=[wait]))
                asking = asyncio.ensure_future(agent.ask("Go."))
                await until(lambda: steps)
                raise KeyError
        assert steps == ["began", "cleaned up"]
        with contextlib.suppress(actrio.ActrioError):
            await asking

    run(main)


def test_its_timeout_is_told_to_the_model_and_errors_too(run: Run, mode: Mode) -> None:
    @actrio.tool(run_in="asyncio", timeout=0.02)
    async def slow() -> None:
        await asyncio.sleep(PATIENCE)

    @actrio.tool(run_in="asyncio")
    async def fail() -> None:
        raise ValueError("no such word")

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            agent = await host.spawn(actrio.Agent("a", model=calls("slow", "fail"), tools=[slow, fail]))
            uses = (await agent.ask("Go.")).tool_uses
            assert [use.text for use in uses] == [
                "slow took longer than 0.02 s.",
                "fail failed: ValueError: no such word",
            ]

    run(main)


def test_a_host_that_has_not_started_says_so() -> None:
    with pytest.raises(actrio.RuntimeStopped, match="not been started"):
        AsyncioHost().on_loop(asyncio.sleep)


def test_a_timer_of_the_host_is_gone_when_it_has_stopped() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(3):
            async with AsyncioHost():
                assert len(loop._scheduled) <= 1  # type: ignore[attr-defined]  # of its own
            await asyncio.sleep(0)
        with pytest.raises(actrio.ActrioError):
            await AsyncioHost(intensity=-1).start()
        assert [one for one in loop._scheduled if not one.cancelled()] == []  # type: ignore[attr-defined]

    run_asyncio(main)
