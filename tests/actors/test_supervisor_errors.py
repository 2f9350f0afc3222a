"""Errors that nobody restarts leave the runtime, and none is lost."""

import pytest
import trio

from actrio.actors import Down, Supervisor, child, open_runtime
from tests.actors.crew import Boom, Counter, Do, Late, Nap, Watcher, settle


async def test_an_untaken_crash_of_a_temporary_actor_leaves_the_runtime() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="boom")):
        async with open_runtime() as runtime:
            await (await runtime.spawn(Counter)).tell(Boom())
            await trio.sleep_forever()


@pytest.mark.parametrize("steps", range(5))
async def test_a_crash_just_before_the_runtime_closes_is_not_lost(steps: int) -> None:
    async with open_runtime() as outer:
        assert not outer.metrics().actors
    crashed = False
    try:
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter)
            await ref.tell(Boom())
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            crashed = ref.metrics().mailbox.failed == 1
    except* ValueError:
        crashed = False
    assert not crashed, "it crashed, and nobody got the error"


async def test_a_crash_while_the_runtime_closes_leaves_it() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="late")):
        async with open_runtime() as runtime:
            first = await runtime.spawn(Counter)
            second = await runtime.spawn(Counter)
            await first.tell(Late(1))
            await second.tell(Nap(3))
            await settle()


async def test_a_crash_of_a_temporary_child_whose_supervisor_stops_leaves_the_runtime() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="late")):
        async with open_runtime() as runtime:
            children = [child(Counter, name=name, restart="temporary") for name in "ab"]
            s = await runtime.spawn(Supervisor("s", children=children))
            await s.child("a").tell(Late(1))
            await s.child("b").tell(Nap(3))
            await settle()
            await s.stop()
            await trio.sleep_forever()


async def test_errors_of_several_actors_leave_the_runtime_as_one_group() -> None:
    with pytest.RaisesGroup(ValueError, ValueError):
        async with open_runtime() as runtime:
            refs = [await runtime.spawn(Counter) for _ in range(2)]
            for ref in refs:
                ref.tell_nowait(Boom())
            await trio.sleep_forever()


async def test_the_crash_of_an_actor_watched_by_one_that_has_stopped_is_not_lost() -> None:
    with pytest.RaisesGroup(ValueError):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter)
            watcher = await runtime.spawn(Watcher, list[Down]())

            async def watch(actor: Watcher) -> None:
                actor.ctx.watch(ref)

            await watcher.ask(Do(watch))
            await watcher.stop()
            await ref.tell(Boom())
            await trio.sleep(1)
