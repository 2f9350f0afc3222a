"""Ctrl-C, wherever it comes, unwinds the runtime."""

import contextlib
import signal
import subprocess
import sys
from typing import Any

import pytest
import trio
import trio.lowlevel

from actrio.actors import ActorRef, Runtime, open_runtime
from actrio.mailbox import ActorStopped, Inbox
from tests.actors.crew import Add, Counter, Do, Get, Log, Nap, settle


def run_until_interrupted(log: Log, interrupt: Any) -> None:
    """Run a runtime with two actors and a waiting asker; ``interrupt`` says what the actor or the block does then."""

    async def main() -> None:
        async with open_runtime() as runtime:
            await runtime.spawn(Counter, log, "first")
            ref = await runtime.spawn(Counter, log, "second", restart="permanent")
            await interrupt(ref, runtime)

    with pytest.RaisesGroup(KeyboardInterrupt, allow_unwrapped=True, flatten_subgroups=True):
        trio.run(main)
    assert log.lines[-2:] == ["second stopped", "first stopped"]


def test_ctrl_c_in_the_synchronous_code_of_a_handler_unwinds_the_runtime() -> None:
    async def raise_signal(_: Counter) -> None:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it was not interrupted")

    async def interrupt(ref: ActorRef[Any], _: Runtime) -> None:
        await ref.tell(Do(raise_signal))
        await trio.sleep_forever()

    run_until_interrupted(Log(), interrupt)


def test_ctrl_c_in_a_handler_after_it_slept_unwinds_the_runtime() -> None:
    async def raise_signal(_: Counter) -> None:
        await trio.lowlevel.checkpoint()
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it was not interrupted")

    async def interrupt(ref: ActorRef[Any], _: Runtime) -> None:
        await ref.tell(Do(raise_signal))
        await trio.sleep_forever()

    run_until_interrupted(Log(), interrupt)


def test_ctrl_c_in_a_coroutine_actor_unwinds_the_runtime() -> None:
    async def interrupted(_: Inbox[Any]) -> None:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it was not interrupted")

    async def interrupt(_: ActorRef[Any], runtime: Runtime) -> None:
        await runtime.spawn(interrupted)
        await trio.sleep_forever()

    run_until_interrupted(Log(), interrupt)


def test_ctrl_c_while_everybody_waits_unwinds_the_runtime() -> None:
    log = Log()

    async def interrupt(ref: ActorRef[Any], _: Runtime) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ref.ask, Nap())
            await settle()

            @nursery.start_soon
            async def _kill() -> None:
                with trio.CancelScope(shield=True):
                    await trio.lowlevel.checkpoint()
                trio.lowlevel.current_trio_token().run_sync_soon(signal.raise_signal, signal.SIGINT)

            await trio.sleep_forever()

    run_until_interrupted(log, interrupt)
    assert "second awake" in log.lines


@pytest.mark.parametrize("where", ["block", "handler", "waiting"])
def test_an_uncaught_ctrl_c_ends_the_process_after_the_hooks_ran(where: str) -> None:
    """In a process of its own, with the signal from outside."""
    program = f"""
import os, signal, trio, actrio.actors as actors

class A(actors.Actor):
    async def stopped(self):
        print("hook ran", flush=True)
    @actors.handles
    async def text(self, message: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

async def main():
    async with actors.open_runtime() as runtime:
        ref = await runtime.spawn(A)
        if {where!r} == "handler":
            await ref.tell("now")
            await trio.sleep_forever()
        if {where!r} == "block":
            os.kill(os.getpid(), signal.SIGINT)
            await trio.sleep_forever()
        trio.lowlevel.current_trio_token().run_sync_soon(os.kill, os.getpid(), signal.SIGINT)
        await trio.sleep_forever()

trio.run(main)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "hook ran\n"
    assert "KeyboardInterrupt" in done.stderr
    assert done.returncode in (-signal.SIGINT, 128 + signal.SIGINT, 1)


def test_many_random_interrupts_never_hang_the_runtime() -> None:
    for after in range(1, 40):
        log = Log()

        async def main(after: int = after, log: Log = log) -> None:
            async with open_runtime() as runtime:
                refs = [await runtime.spawn(Counter, log, name) for name in "ab"]
                trio.lowlevel.add_instrument(Interrupt(after))
                while True:
                    for ref in refs:
                        await ref.tell(Add())
                        await ref.ask(Get())

        with contextlib.suppress(KeyboardInterrupt):
            try:
                trio.run(main, restrict_keyboard_interrupt_to_checkpoints=after % 2 == 0)
            except BaseExceptionGroup as group:
                interrupts, rest = group.split(KeyboardInterrupt)
                assert interrupts is not None
                assert rest is None or rest.split(ActorStopped)[1] is None
        assert sorted(log.lines) == ["a started", "a stopped", "b started", "b stopped"], after


class Interrupt(trio.abc.Instrument):
    """Raises the signal of a Ctrl-C after so many steps of tasks."""

    def __init__(self, after: int) -> None:
        self.left = after

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
