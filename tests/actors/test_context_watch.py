"""Watching through ``ctx``, stopping oneself, logging."""

import logging
import subprocess
import sys
from typing import Any

import pytest
import trio

from actrio.actors import Actor, ActorRef, Down, NoHandler, handles, open_runtime
from actrio.mailbox import ActrioError
from tests.actors.crew import Add, Boom, Counter, Do, Watcher, settle

# Watching


async def watch(actor: Watcher, ref: ActorRef[Any]) -> None:
    actor.ctx.watch(ref)


async def test_a_watching_actor_gets_one_down_before_its_other_mail() -> None:
    order = list[str]()

    class Busy(Actor):
        @handles
        async def down(self, message: Down) -> None:
            order.append(f"down: {message.reason}")

        @handles
        async def add(self, message: Add) -> None:
            order.append("add")

        @handles
        async def do(self, message: Do) -> Any:
            return await message.work(self)

    async with open_runtime() as runtime:
        watched, ref = await runtime.spawn(Counter), await runtime.spawn(Busy)

        async def work(actor: Busy) -> None:
            actor.ctx.watch(watched)
            actor.ctx.watch(watched)
            await actor.ctx.ref.tell(Add())
            await watched.stop()

        await ref.ask(Do(work))
        await settle()
    assert order == ["down: stopped", "add"]


async def test_a_down_carries_the_error_of_the_crash_and_counts_it_as_handled() -> None:
    downs = list[Down]()
    async with open_runtime() as runtime:
        watched, watcher = await runtime.spawn(Counter), await runtime.spawn(Watcher, downs)
        await watcher.ask(Do(lambda actor: watch(actor, watched)))
        await watched.tell(Boom("seen"))
        await trio.sleep(1)
        assert [(down.ref, str(down.error)) for down in downs] == [(watched, "seen")]


async def test_watching_a_stopped_actor_gives_its_down_at_once() -> None:
    downs = list[Down]()
    async with open_runtime() as runtime:
        watched, watcher = await runtime.spawn(Counter), await runtime.spawn(Watcher, downs)
        await watched.stop()
        await watcher.ask(Do(lambda actor: watch(actor, watched)))
        await settle()
        assert downs == [Down(watched, "stopped", None)]


async def test_watching_twice_gives_one_down_while_the_watched_actor_lives() -> None:
    downs = list[Down]()
    async with open_runtime() as runtime:
        watched, watcher = await runtime.spawn(Counter), await runtime.spawn(Watcher, downs)
        for _ in range(3):
            await watcher.ask(Do(lambda actor: watch(actor, watched)))
        await watched.stop()
        await settle()
        assert len(downs) == 1


async def doze(_: Watcher) -> None:
    await trio.sleep(1)


async def test_an_actor_that_handles_everything_may_watch_and_one_that_does_not_handle_down_may_not() -> None:
    got = list[object]()

    class Everything(Actor):
        @handles
        async def all(self, message: object) -> None:
            if isinstance(message, Do):
                await message.work(self)
            else:
                got.append(message)

    async with open_runtime() as runtime:
        watched, ref = await runtime.spawn(Counter), await runtime.spawn(Everything)
        await ref.tell(Do(lambda actor: watch(actor, watched)))
        await settle()
        await watched.stop()
        await settle()
        assert got == [Down(watched, "stopped", None)]

        async def watch_ref(actor: Counter) -> None:
            with pytest.raises(NoHandler, match="has no handler for Down"):
                actor.ctx.watch(ref)

        await (await runtime.spawn(Counter)).ask(Do(watch_ref))


async def test_a_down_passes_a_full_mailbox() -> None:
    downs = list[Down]()
    async with open_runtime() as runtime:
        watched = await runtime.spawn(Counter)
        watcher = await runtime.spawn(Watcher, downs, capacity=1)
        await watcher.ask(Do(lambda actor: watch(actor, watched)))
        await watcher.tell(Do(doze))
        await settle()
        await watcher.tell(Do(doze))
        await watched.stop()
        await trio.sleep(1.5)
        assert len(downs) == 1


# Stopping oneself, logging


async def test_ctx_stop_ends_the_actor_after_the_message_in_hand() -> None:
    async def stop(actor: Counter) -> str:
        actor.ctx.stop()
        await trio.sleep(1)
        return "finished"

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        assert await ref.ask(Do(stop)) == "finished"
        assert (await ref.watch()).reason == "stopped itself"


async def test_ctx_stop_in_started_ends_the_spawn_with_actor_stopped() -> None:
    class Reluctant(Counter):
        async def started(self) -> None:
            self.ctx.stop()
            await trio.sleep_forever()

    async with open_runtime() as runtime:
        with pytest.raises(ActrioError, match="stopped"):
            await runtime.spawn(Reluctant)
        assert not runtime.metrics().actors


async def test_ctx_log_names_actor_and_message_type_but_no_content(caplog: pytest.LogCaptureFixture) -> None:
    async def log(actor: Counter) -> None:
        await trio.lowlevel.checkpoint()
        actor.ctx.log.info("working with %s", "care", extra={"more": 1})

    class Logs(Counter):
        async def started(self) -> None:
            self.ctx.log.info("ready")

    with caplog.at_level(logging.INFO, logger="actrio.actor"):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Logs, name="abacus")
            await ref.ask(Do(log))
    ready, working = [record for record in caplog.records if record.name == "actrio.actor"]
    assert ready.getMessage() == "[abacus -] ready"
    assert working.getMessage() == "[abacus Do] working with care"
    assert [vars(working)[key] for key in ("actor", "message_type", "more")] == ["abacus", "Do", 1]


def test_nothing_is_logged_to_the_screen_unless_the_host_configures_it() -> None:
    """In a process of its own: pytest configures logging in this one."""
    program = """
import trio, trio.testing, actrio.actors as actors

class A(actors.Actor):
    @actors.handles
    async def text(self, message: str) -> None:
        self.ctx.log.warning("not shown")
        raise ValueError

async def main():
    async with actors.open_runtime() as runtime:
        ref = await runtime.spawn(A, restart="permanent")
        await ref.tell("crash")
        await trio.testing.wait_all_tasks_blocked()

trio.run(main)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
