"""An ask through a host takes no task of the runtime, unless it waits for room; and it ends as it would in one."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio
import trio.lowlevel

import actrio
from actrio.hosts import AsyncioHost, Host
from actrio.hosts.asyncio import Mode
from tests.hosts.desk import Desk, Echo, Fail, Wait, run_asyncio, soon, until

MANY = 100
PATIENCE = 5  # seconds


async def tasks() -> int:
    """How many tasks there are in the runtime, with the one that runs this."""
    return trio.lowlevel.current_statistics().tasks_living


def test_a_hundred_asks_that_wait_for_their_replies_are_no_tasks() -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            desk, first = await host.spawn(Desk, capacity=MANY), Wait()
            busy = asyncio.ensure_future(desk.ask(first))
            await until(lambda: first.events)
            before = await host.call(tasks)
            asks = [asyncio.ensure_future(desk.ask(Echo(number))) for number in range(MANY)]
            await until(lambda: desk.native.metrics().mailbox.queued == MANY)
            assert await host.call(tasks) == before
            for one in asks[: MANY // 2]:
                one.cancel()
            await asyncio.wait(asks[: MANY // 2])
            assert desk.native.metrics().mailbox.abandoned == MANY // 2
            busy.cancel()
            ends = await asyncio.gather(*asks, return_exceptions=True)
            assert [type(end) for end in ends[: MANY // 2]] == [asyncio.CancelledError] * (MANY // 2)
            assert ends[MANY // 2 :] == list(range(MANY // 2, MANY))
            assert desk.native.metrics().mailbox.balanced
            assert not host._crossing.bridge.open

    run_asyncio(main)


def test_asks_for_which_there_is_no_room_wait_for_it() -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            desk, first = await host.spawn(Desk, capacity=1), Wait()
            busy = asyncio.ensure_future(desk.ask(first))
            await until(lambda: first.events)
            asks = [asyncio.ensure_future(desk.ask(Echo(number))) for number in range(5)]
            await until(lambda: desk.native.metrics().mailbox.waiting_senders == 4)
            asks[3].cancel()
            busy.cancel()
            ends = await asyncio.gather(*asks, return_exceptions=True)
            assert [end for end in ends if isinstance(end, int)] == [0, 1, 2, 4]
            assert isinstance(ends[3], asyncio.CancelledError)
            assert desk.native.metrics().mailbox.sent == 5

    run_asyncio(main)


def test_an_ask_in_hand_that_is_cancelled_is_over_when_its_handler_has_cleaned_up() -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            desk, wait = await host.spawn(Desk), Wait()
            asked = asyncio.ensure_future(desk.ask(wait))
            await until(lambda: wait.events)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert wait.events == ["began", "cleaned up"]

    run_asyncio(main)


def test_a_detached_ask_that_is_cancelled_goes_on() -> None:
    async def main() -> None:
        async with AsyncioHost() as host:
            desk, wait = await host.spawn(Desk, grace=0), Wait()
            asked = asyncio.ensure_future(desk.ask(wait, detached=True))
            await until(lambda: wait.events)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert wait.events == ["began"]

    run_asyncio(main)


def test_an_ask_ends_with_the_error_it_has() -> None:
    with Host() as host:
        desk = host.spawn(Desk)
        assert host.call(desk.native.ask, Echo(1)) == 1
        with pytest.raises(ValueError, match="on fire"):
            desk.ask(Fail())
        with pytest.raises(actrio.ActorStopped, match=desk.name):
            desk.ask(Echo(1))


def test_what_a_full_mailbox_refuses_is_raised() -> None:
    with Host() as host, ThreadPoolExecutor(2) as threads:
        desk, first = host.spawn(Desk, capacity=1, overflow="reject", grace=0), Wait()
        held = threads.submit(desk.ask, first)
        soon(lambda: first.events)
        queued = threads.submit(desk.ask, Echo(1))
        soon(lambda: desk.metrics().mailbox.queued)
        with pytest.raises(actrio.MailboxFull, match=desk.name):
            desk.ask(Echo(2))
        desk.stop()
        assert isinstance(held.exception(PATIENCE), actrio.ActorStopped)
        assert isinstance(queued.exception(PATIENCE), actrio.ActorStopped)


def test_an_ask_with_other_arguments_than_it_takes_is_a_type_error() -> None:
    with Host() as host:
        ask: Any = host.spawn(Desk).native.ask
        for arguments, settings in ((), {}), ((Echo(1),), {"urgent": True}), ((Echo(1), Echo(2)), {}):
            with pytest.raises(TypeError):
                host.call(ask, *arguments, **settings)


async def unready(number: int) -> int:
    return number


def test_what_is_no_async_function_is_refused_in_words() -> None:
    with Host() as host:
        call: Any = host.call
        with pytest.raises(TypeError, match=r"Desk.* is not async, and has given"):
            call(Desk)
        with pytest.raises(TypeError, match="give one, uncalled, and its arguments after it"):
            call(unready(1))
        with pytest.raises(TypeError, match="no async function"):
            call("find")


def test_a_supervisor_answers_nobody() -> None:
    with Host() as host, pytest.raises(actrio.NoHandler):
        host.spawn(actrio.Supervisor("team", children=[actrio.child(Desk, name="desk")])).ask(Echo(1))


def test_an_ask_that_waits_when_the_host_stops_is_told() -> None:
    host, ended = Host().start(), list[BaseException]()
    desk, wait = host.spawn(Desk, grace=0), Wait()

    def ask() -> None:
        try:
            desk.ask(wait)
        except actrio.ActorStopped as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    soon(lambda: wait.events)
    host.stop()
    asking.join(PATIENCE)
    assert len(ended) == 1
    assert wait.events == ["began", "cleaned up"]


@pytest.mark.parametrize("mode", ["thread", "guest"])
def test_a_call_after_one_that_was_cancelled_and_ended_nevertheless_is_its_own(mode: Mode) -> None:
    began: list[int] = []

    async def insist() -> int:
        began.append(1)
        with trio.CancelScope(shield=True):
            await trio.sleep(0.02)
        return 1

    async def wait() -> int:
        await trio.lowlevel.checkpoint()
        return 2

    async def main() -> None:
        async with AsyncioHost(mode=mode) as host:

            async def call() -> int:
                with pytest.raises(asyncio.CancelledError):
                    await host.call(insist)
                return await host.call(wait)

            calling = asyncio.ensure_future(call())
            await until(lambda: began)
            calling.cancel()
            assert await calling == 2

    run_asyncio(main)
