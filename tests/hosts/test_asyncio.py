"""A runtime in a program on asyncio, on both of its loops, in a thread and as a guest."""

import asyncio
import contextlib
import gc
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import actrio
import actrio.agents.tools
from actrio.hosts import AsyncioHost, RuntimeStopped, WrongHost
from actrio.hosts._call import WINDOW
from actrio.hosts._streams import pump
from actrio.hosts.asyncio import Mode, Reader
from actrio.providers import ToolCall
from actrio.testing import Say, Stall
from tests.hosts.desk import LOOPS, Crash, Desk, Echo, Fail, Wait, Who, chatty, explode, run_asyncio, until, user

Run = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen


@pytest.fixture(params=["thread", "guest"])
def mode(request: pytest.FixtureRequest) -> Mode:
    chosen: Mode = request.param
    return chosen


def test_three_lines_are_enough(run: Run, mode: Mode) -> None:
    async def main() -> None:
        async with actrio.AsyncioHost(mode=mode) as host:
            desk = await host.spawn(Desk)
            assert await desk.ask(Echo(7)) == 7

    run(main)


def test_tokens_are_read_with_async_for(run: Run, mode: Mode) -> None:
    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            writer = await host.spawn(actrio.Agent("writer", model=chatty(600)))
            assert len([piece async for piece in host.run(writer, "Go.").text()]) == 600
            async with writer.run("Go.", conversation="u1") as turn:
                assert (await turn.result()).text == "".join([piece async for piece in turn.text()])
            assert len(await writer.history("u1")) == 2

    run(main)


def test_an_error_comes_as_it_is_with_the_traceback_it_had(run: Run, mode: Mode) -> None:
    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            with pytest.raises(ValueError, match="the desk is on fire") as caught:
                await (await host.spawn(Desk)).ask(Fail())
            assert "explode" in [frame.name for frame in traceback.extract_tb(caught.tb)]

    run(main)


def test_context_variables_go_along(run: Run, mode: Mode) -> None:
    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            desk = await host.spawn(Desk)
            user.set("ada")
            assert await desk.ask(Who()) == "ada"

    run(main)


def test_cancelling_the_task_cancels_the_work_first(run: Run, mode: Mode) -> None:
    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            desk, wait = await host.spawn(Desk), Wait()
            task = asyncio.create_task(desk.ask(wait))
            await until(lambda: wait.events)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert wait.events == ["began", "cleaned up"]

    run(main)


def test_timeouts_of_asyncio_work(run: Run, mode: Mode) -> None:
    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            desk, wait, other = await host.spawn(Desk, concurrency=2), Wait(), Wait()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await desk.ask(wait)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(desk.ask(other), 0.1)
            assert wait.events == other.events == ["began", "cleaned up"]

    run(main)


async def read(tokens: Reader[str]) -> None:
    async for _ in tokens:
        pass


def test_cancelling_a_reader_cancels_its_turn(run: Run, mode: Mode) -> None:
    model = actrio.ScriptedProvider(Stall(after=1))

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            writer = await host.spawn(actrio.Agent("writer", model=model))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(read(host.run(writer, "Go.").text()), 0.05)
            assert model.statistics().streams_left_early == 1

    run(main)


def test_an_iterator_that_is_closed_or_dropped_closes_the_models_stream(run: Run, mode: Mode) -> None:
    model = actrio.ScriptedProvider(Stall(after=1), cycle=True)

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            writer = await host.spawn(actrio.Agent("writer", model=model))
            async for _ in host.run(writer, "Go.").text():
                break
            await until(lambda: model.statistics().streams_left_early == 1)
            tokens = host.run(writer, "Go.").text()
            await anext(tokens)
            await tokens.aclose()
            assert model.statistics().streams_left_early == 2
            assert [token async for token in tokens] == []

    run(main)


def test_leaving_a_turn_early_cancels_it(run: Run, mode: Mode) -> None:
    model = actrio.ScriptedProvider(Stall(after=1))

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            async with (await host.spawn(actrio.Agent("writer", model=model))).run("Go.") as turn:
                await anext(turn.text())
            assert turn.over
            assert model.statistics().streams_left_early == 1
            with pytest.raises(actrio.ActrioError, match="its block was left"):
                await turn.result()

    run(main)


def test_a_slow_reader_holds_its_source_back(mode: Mode) -> None:
    given: list[int] = []

    class Numbers:
        def __aiter__(self) -> "Numbers":
            return self

        async def __anext__(self) -> int:
            await trio.lowlevel.checkpoint()
            if len(given) > 5 * WINDOW:
                raise StopAsyncIteration
            given.append(len(given))
            return given[-1]

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            numbers = host._crossing.read(pump, Numbers)
            assert await anext(numbers) == 0
            await until(lambda: len(given) >= WINDOW)
            await host.call(trio.sleep, 0.01)
            assert len(given) <= WINDOW + 2
            assert [number async for number in numbers] == list(range(1, 5 * WINDOW + 1))

    run_asyncio(main)


def test_a_hundred_tasks_ask_at_once(run: Run, mode: Mode) -> None:
    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            desk = await host.spawn(Desk)
            assert await asyncio.gather(*(desk.ask(Echo(n)) for n in range(100))) == list(range(100))

    run(main)


def test_an_error_of_the_setup_comes_out_of_the_start(run: Run, mode: Mode) -> None:
    async def setup(runtime: actrio.Runtime) -> None:
        raise LookupError("no such database")

    async def main() -> None:
        with pytest.raises(LookupError, match="no such database"):
            async with AsyncioHost(setup, mode=mode):
                pass

    run(main)


def test_after_a_crash_calls_say_so_and_the_block_raises_the_error(run: Run, mode: Mode) -> None:
    async def main() -> None:
        with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="the desk is on fire"), flatten_subgroups=True):
            async with AsyncioHost(mode=mode) as host:
                desk = await host.spawn(Desk)
                await desk.tell(Crash())
                with pytest.raises(RuntimeStopped):
                    await host.call(trio.sleep_forever)

    run(main)


def test_cancelling_the_block_stops_all_at_once(run: Run, mode: Mode) -> None:
    wait = Wait()

    async def serve() -> None:
        async with AsyncioHost(mode=mode) as host:
            await (await host.spawn(Desk)).tell(wait)
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(serve())
        await until(lambda: wait.events)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert wait.events == ["began", "cleaned up"]

    run(main)


def test_a_loop_that_is_closed_ends_the_runtime_and_what_it_did_for_it() -> None:
    wait = Wait()

    async def main() -> AsyncioHost:
        host = await AsyncioHost().start()
        desk = await host.spawn(Desk)
        host.leaked = asyncio.ensure_future(desk.ask(wait))  # type: ignore[attr-defined]
        await until(lambda: wait.events)
        return host

    loop = asyncio.new_event_loop()
    host = loop.run_until_complete(main())
    loop.close()
    host._crossing.bridge.stop_soon(at_once=True)
    thread = host._crossing._run
    assert thread is not None
    thread.join()
    assert wait.events == ["began", "cleaned up"]
    del host, thread
    gc.collect()


def test_an_asyncio_host_inside_trio_names_the_runtime_itself() -> None:
    async def main() -> None:
        with pytest.raises(WrongHost, match=r"this is Trio, .* actrio.open_runtime\(\)"):
            async with AsyncioHost():
                pass

    trio.run(main)


def test_code_of_the_runtime_that_uses_the_host_is_told_what_it_has_there(mode: Mode) -> None:
    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            desk = await host.spawn(Desk)

            async def inside() -> None:
                with pytest.raises(WrongHost, match="or the refs of the runtime that this is"):
                    await desk.ask(Echo(1))

            await host.call(inside)

    run_asyncio(main)


def test_a_host_belongs_to_the_loop_that_started_it() -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            desk = await host.spawn(Desk)

            async def elsewhere() -> None:
                with pytest.raises(WrongHost, match="another event loop"):
                    await desk.ask(Echo(1))

            await asyncio.to_thread(lambda: asyncio.run(elsewhere()))

    run_asyncio(main)


def test_code_on_anyio_finds_trio_in_the_runtime(mode: Mode) -> None:
    async def sleep() -> str:
        await anyio.lowlevel.checkpoint()
        return anyio.get_current_task().name or ""

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            await anyio.lowlevel.checkpoint()
            assert "Worker" in await host.call(sleep)

    run_asyncio(main)


def test_only_the_two_modes_there_are_can_be_asked_for() -> None:
    with pytest.raises(ValueError, match="neither 'thread' nor 'guest'"):
        AsyncioHost(mode="gust")  # type: ignore[arg-type]


async def fetch(word: str) -> str:
    """Fetch a word, in asyncio."""
    await asyncio.sleep(0)
    assert asyncio.get_running_loop() is not None
    if word == "nothing":
        explode()
    return f"{word} for {user.get()}"


def test_code_of_asyncio_runs_in_its_loop_for_the_runtime(run: Run, mode: Mode) -> None:
    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            user.set("ada")
            assert await host.call(host.on_loop(fetch), "bread") == "bread for ada"
            with pytest.raises(ValueError, match="on fire"):
                await host.call(host.on_loop(fetch), "nothing")

    run(main)


def test_an_agent_uses_a_tool_of_asyncio(run: Run, mode: Mode) -> None:
    model = actrio.ScriptedProvider(Say(tool_calls=(ToolCall("1", "fetch", '{"word": "bread"}'),)), "Done.")

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            tool = actrio.agents.tools.tool(host.on_loop(fetch))
            reply = await (await host.spawn(actrio.Agent("writer", model=model, tools=[tool]))).ask("Go.")
            assert reply.text == "Done."
            assert "bread for nobody" in str(reply.tool_uses[0])

    run(main)


def test_cancelling_the_runtimes_task_cancels_that_of_asyncio_first(run: Run, mode: Mode) -> None:
    steps: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)  # noqa: ASYNC102 - to see that it is waited for
            steps.append("cleaned up")

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(host.call(host.on_loop(wait)), 0.02)
            assert steps == ["cleaned up"]

    run(main)


def test_a_task_of_asyncio_that_is_cancelled_before_it_begins_has_ended_too(mode: Mode) -> None:
    async def at_once(waiting: Callable[[], Awaitable[None]]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(waiting)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    async def never() -> None:
        raise AssertionError

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:
            call = asyncio.create_task(host.call(at_once, host.on_loop(never)))
            await asyncio.sleep(0)
            time.sleep(0.1)  # noqa: ASYNC251 - holds the loop up, so that it gets both at once
            if mode == "thread":
                await call
            else:
                with contextlib.suppress(ExceptionGroup):
                    await call

    run_asyncio(main)
