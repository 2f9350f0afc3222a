"""`assert_no_orphans`: what is left behind is named, what was there before is not blamed."""

import socket
import threading

import pytest
import trio

from actrio.actors import open_runtime
from actrio.agents import Agent
from actrio.testing import OrphansLeft, ScriptedProvider, Stall, assert_no_orphans


async def test_a_runtime_with_a_turn_that_was_cut_off_leaves_nothing() -> None:
    with assert_no_orphans():
        async with open_runtime() as runtime:
            agent = await runtime.spawn(Agent("a", ScriptedProvider(Stall(after=1, of="One two."))))
            async with agent.run("Go.") as turn:
                assert await anext(turn.text()) == "One"


async def test_a_task_that_goes_on_is_named() -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(OrphansLeft, match=r"left behind: task .*sleep_forever") as caught, assert_no_orphans():
            nursery.start_soon(trio.sleep_forever)
        assert len(caught.value.orphans) == 1
        nursery.cancel_scope.cancel()


async def test_a_task_of_before_is_not_blamed() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        with assert_no_orphans():
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


def test_around_a_run_a_thread_that_goes_on_is_named() -> None:
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait, name="left")
    with pytest.raises(OrphansLeft, match=r"thread left in"), assert_no_orphans():
        thread.start()
    go_on.set()
    thread.join()


def test_a_socket_that_is_open_is_named() -> None:
    with socket.socket() as before, assert_no_orphans():
        assert before.fileno() >= 0
    left: list[socket.socket] = []
    with pytest.raises(OrphansLeft, match=r"socket:\[\d+\], descriptor \d+, AF_INET"), assert_no_orphans():
        left.append(socket.socket())
    left[0].close()


def test_an_exception_out_of_the_block_comes_out_as_it_is() -> None:
    left: list[socket.socket] = []

    def fail() -> None:
        left.append(socket.socket())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), assert_no_orphans():
        fail()
    left[0].close()


async def test_a_worker_thread_that_trio_keeps_for_later_is_no_orphan() -> None:
    with assert_no_orphans():
        await trio.to_thread.run_sync(int)
