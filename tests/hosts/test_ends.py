"""Every crossing ends, also when the process does."""

import signal
import subprocess
import sys
from textwrap import dedent
from typing import Final

import pytest

PROGRAM: Final = """
    import os, signal, sys, threading, time
    import trio
    import actrio

    interrupt = False

    class Wait(actrio.Request[None]):
        "Asked: wait for ever."

    class Desk(actrio.Actor):
        async def started(self):
            print("open", flush=True)

        async def stopped(self):
            print("closed", flush=True)

        @actrio.handles
        async def wait(self, message: Wait) -> None:
            print("waits", flush=True)
            if interrupt:
                threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT]).start()
            try:
                await trio.sleep_forever()
            finally:
                print("cleaned up", flush=True)
"""


def program(text: str) -> str:
    return dedent(PROGRAM) + dedent(text)


def said(text: str, *, code: int = 0) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program(text)], check=False, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (code, "")
    return done.stdout.splitlines()


def test_a_host_that_nobody_stopped_ends_with_the_interpreter() -> None:
    assert said("desk = actrio.Host().start().spawn(Desk)") == ["open", "closed"]


def test_a_daemon_thread_that_waits_does_not_keep_the_interpreter() -> None:
    text = """
        desk = actrio.Host().start().spawn(Desk)
        def ask():
            try:
                desk.ask(Wait())
            except actrio.ActrioError:
                pass
        threading.Thread(target=ask, daemon=True).start()
        time.sleep(0.2)
    """
    assert said(text) == ["open", "waits", "cleaned up", "closed"]


def test_sys_exit_in_the_block_ends_all() -> None:
    text = """
        with actrio.Host() as host:
            host.spawn(Desk)
            sys.exit(3)
    """
    assert said(text, code=3) == ["open", "closed"]


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no signals that interrupt a wait")
def test_ctrl_c_cancels_the_call_it_interrupts_and_ends_the_program() -> None:
    text = """
        interrupt = True
        try:
            with actrio.Host() as host:
                host.spawn(Desk).ask(Wait())
        except KeyboardInterrupt:
            print("interrupted")
    """
    assert said(text) == ["open", "waits", "cleaned up", "closed", "interrupted"]


def test_ctrl_c_ends_an_asyncio_program() -> None:
    text = """
        import asyncio
        async def main():
            async with actrio.AsyncioHost() as host:
                await (await host.spawn(Desk)).ask(Wait())
        interrupt = True
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """
    assert said(text) == ["open", "waits", "cleaned up", "closed", "interrupted"]


def test_an_asyncio_program_that_forgets_its_host_ends() -> None:
    text = """
        import asyncio
        async def main():
            global host
            host = await actrio.AsyncioHost().start()
            await host.spawn(Desk)
        asyncio.run(main())
    """
    assert said(text) == ["open", "closed"]


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no fork")
def test_a_forked_child_has_no_host_and_may_open_one() -> None:
    text = """
        import warnings
        warnings.simplefilter("ignore")
        with actrio.Host() as host:
            desk = host.spawn(Desk)
            child = os.fork()
            if child == 0:
                try:
                    desk.ask(Wait())
                except actrio.RuntimeStopped as error:
                    print("forked" in str(error), flush=True)
                host.stop()
                with actrio.Host() as own:
                    own.spawn(Desk)
                os._exit(0)
            os.waitpid(child, 0)
    """
    assert said(text) == ["open", "True", "open", "closed", "closed"]


def test_a_host_that_a_function_forgot_has_time_to_end_when_the_interpreter_exits() -> None:
    text = """
        class Slow(Desk):
            async def stopped(self):
                await trio.sleep(0.2)
                await super().stopped()
        def main():
            actrio.Host().start().spawn(Slow)
        main()
    """
    assert said(text) == ["open", "closed"]


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no fork")
def test_a_host_made_before_a_fork_may_be_started_in_the_child() -> None:
    text = """
        host = actrio.Host()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        with host:
            print(host.spawn(Desk).name, flush=True)
    """
    assert said(text) == ["open", "desk", "closed"] * 2


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no fork")
def test_a_stream_that_is_open_at_a_fork_has_ended_in_the_child_and_goes_on_in_the_parent() -> None:
    text = """
        import warnings
        warnings.simplefilter("ignore")
        async def go_on(runtime):
            model = actrio.ScriptedProvider(" ".join("a" * 1000))
            await runtime.spawn(actrio.Agent("writer", model=model))
        with actrio.Host(go_on) as host:
            pieces = host.find("writer").run("Go.").text()
            next(pieces)
            child = os.fork()
            if child == 0:
                try:
                    list(pieces)
                except actrio.RuntimeStopped as error:
                    print("forked" in str(error), flush=True)
                pieces.close()
                os._exit(0)
            os.waitpid(child, 0)
            print(len(list(pieces)))
    """
    assert said(text) == ["True", "999"]
