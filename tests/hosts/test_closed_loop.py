"""The loop of a host is closed under it: whatever was under way ends, and so does the runtime."""

import asyncio
import gc
import threading
import time
import warnings
from collections.abc import Callable, Generator
from typing import Any, Final

import pytest
import trio
import uvloop

import actrio
from actrio.hosts import AsyncioHost
from actrio.hosts.asyncio import AgentRef
from actrio.providers import ToolCall
from actrio.testing import Say, Stall
from tests.hosts.desk import Desk, Wait, soon, until

PATIENCE: Final = 5  # seconds
NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def new_loop(request: pytest.FixtureRequest) -> NewLoop:
    chosen: NewLoop = request.param
    return chosen


@pytest.fixture(autouse=True)
def garbage() -> Generator[None]:
    """Python says of each task of the loop that it was lost; that is what these tests do."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


class Program:
    """A program that starts a host and much else on a loop, and closes the loop under all of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        loop.set_exception_handler(lambda *_: None)  # of tasks that are destroyed
        self.model = actrio.ScriptedProvider(Stall(after=1), cycle=True)
        self.waits = [Wait() for _ in range(5)]
        self.errands: list[str] = []
        self.host = AsyncioHost()
        self.kept: list[Any] = []

    async def begin(self) -> None:
        host = await self.host.start()
        desk = await host.spawn(Desk, concurrency=10)
        writer: AgentRef[str] = await host.spawn(actrio.Agent("writer", model=self.model))
        for wait in self.waits:
            self.keep(desk.ask(wait))
        for _ in range(5):
            self.keep(self.read(writer))
            self.keep(host.call(self.see_end, host.on_loop(self.wait)))
        tool = ToolCall("c", "wait", "{}")
        caller = actrio.Agent(
            "caller",
            model=actrio.ScriptedProvider(Say(tool_calls=(tool,)), "Done."),
            tools=[actrio.tool(run_in="asyncio")(self.wait)],
        )
        self.keep((await host.spawn(caller)).ask("Go."))
        await until(lambda: self.model.statistics().streams_open == 5 and len(self.errands) == 6)
        await until(lambda: all(wait.events for wait in self.waits))

    def keep(self, work: Any) -> None:
        self.kept.append(asyncio.ensure_future(work))

    async def read(self, writer: AgentRef[str]) -> None:
        async for _ in writer.run("Go.").text():
            pass

    async def wait(self) -> None:
        """Wait."""
        self.errands.append("began")
        await asyncio.sleep(600)

    async def see_end(self, errand: Callable[[], Any]) -> None:
        try:
            await errand()
        finally:
            self.errands.append("ended")

    def check_end(self) -> None:
        bridge = self.host._crossing.bridge
        soon(lambda: bridge.over)
        soon(lambda: not any(thread.name == "actrio runtime" for thread in threading.enumerate()))
        assert not bridge.open
        assert self.model.statistics().streams_open == 0
        assert {tuple(wait.events) for wait in self.waits} == {("began", "cleaned up")}
        assert self.errands.count("ended") == 5


def test_a_loop_that_is_closed_ends_all_that_was_under_way(new_loop: NewLoop) -> None:
    program = Program(new_loop())
    program.loop.run_until_complete(program.begin())
    program.loop.close()
    program.check_end()


def test_a_loop_that_another_thread_closes_does_so_too(new_loop: NewLoop) -> None:
    program = Program(new_loop())
    running = threading.Thread(target=program.loop.run_until_complete, args=(program.begin(),))
    running.start()
    running.join()
    closing = threading.Thread(target=program.loop.close)
    closing.start()
    closing.join()
    program.check_end()


def test_so_it_is_while_other_threads_have_coroutines_run_there() -> None:
    program = Program(asyncio.new_event_loop())
    program.loop.run_until_complete(program.begin())
    running = threading.Thread(target=program.loop.run_forever)
    running.start()
    refused, leave = [0], threading.Event()
    works: list[Any] = []

    async def ask() -> None:
        await (await program.host.find("desk")).ask(wait := Wait())
        program.waits.append(wait)

    def submit() -> None:
        while not leave.is_set():
            works.append(work := ask())
            try:
                program.kept.append(asyncio.run_coroutine_threadsafe(work, program.loop))
            except RuntimeError:
                refused[0] += 1
            time.sleep(0.001)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for one in threads:
        one.start()
    time.sleep(0.05)
    program.loop.call_soon_threadsafe(program.loop.stop)
    running.join()
    program.loop.close()
    soon(lambda: refused[0] > 4)
    leave.set()
    for one in threads:
        one.join()
    program.check_end()
    for work in works:
        work.close()  # those that the loop took, and did not begin


def test_asyncio_run_that_forgets_its_host_ends_it_with_the_loop() -> None:
    programs: list[Program] = []

    async def main() -> None:
        programs.append(Program(asyncio.get_running_loop()))
        await programs[0].begin()

    asyncio.run(main())
    programs[0].check_end()


def test_a_loop_that_closes_before_a_cancellation_has_reached_it_holds_nothing_up(new_loop: NewLoop) -> None:
    steps: list[str] = []
    loop, scope = new_loop(), trio.CancelScope()
    loop.set_exception_handler(lambda *_: None)

    async def sleep() -> None:
        steps.append("began")
        await asyncio.sleep(600)

    async def give_up(errand: Callable[[], Any]) -> None:
        with scope:
            await errand()
        steps.append("given up")

    async def main() -> AsyncioHost:
        host = await AsyncioHost().start()
        host.kept = asyncio.ensure_future(host.call(give_up, host.on_loop(sleep)))  # type: ignore[attr-defined]
        await until(lambda: steps)
        return host

    host = loop.run_until_complete(main())
    bridge = host._crossing.bridge
    cancelled = threading.Event()
    bridge.post(scope.cancel)  # while the loop does not run
    bridge.post(cancelled.set)
    assert cancelled.wait(PATIENCE)
    assert steps == ["began"]
    loop.close()
    soon(lambda: bridge.over)
    assert steps == ["began", "given up"]
