"""Looking on: the tree, life events, the log."""

import logging

import pytest
import trio
import trio.lowlevel

from actrio.actors import LifeEvent, Supervisor, child, open_runtime
from actrio.mailbox import Lagged
from tests.actors.crew import Add, Counter, Do, Get, Nap, counter, crash, settle


async def test_the_tree_shows_supervisors_actors_states_and_depths() -> None:
    async with open_runtime() as runtime:
        s = await runtime.spawn(Supervisor("desk", "rest_for_one", children=[child(Counter, name="a"), child(counter)]))
        await s.child("counter").tell(Nap())
        await settle()
        await s.child("counter").tell(Add())

        async def spawn(actor: Counter) -> None:
            await actor.ctx.spawn(Counter, name="kid")

        await s.child("a").ask(Do(spawn))
        assert str(runtime).splitlines() == [
            "runtime [one_for_one] running",
            "  desk [rest_for_one] running",
            "    desk/a [actor] running, 0/1000 queued",
            "      desk/a/kid [actor] running, 0/1000 queued",
            "    desk/counter [coroutine] running, 1/1000 queued, 1 in hand",
        ]
        assert runtime.tree() == str(runtime)
        await s.child("counter").stop()


async def test_the_repr_of_a_runtime_is_a_status_line() -> None:
    async with open_runtime() as runtime:
        await runtime.spawn(Counter)
        await runtime.spawn(Counter)
        assert repr(runtime).startswith("<Runtime open, 2 actors, ")
    assert repr(runtime).startswith("<Runtime closed, 0 actors, ") or "closing" in repr(runtime)


async def test_life_events_are_told_in_order_with_their_time() -> None:
    async with open_runtime() as runtime:
        with runtime.events() as events:
            await trio.sleep(1)
            ref = await runtime.spawn(Counter, name="a")
            await trio.sleep(1)
            await ref.stop()
            told: list[LifeEvent | Lagged] = events.receive_batch_nowait()
    now = trio.current_time()
    mine = [(now - e.at, e.state) for e in told if isinstance(e, LifeEvent) and e.actor == "a"]
    assert mine[-4:] == [(1, "running"), (0, "stopping"), (0, "down"), (0, "stopped")]


async def test_the_events_stream_ends_with_the_runtime() -> None:
    async with trio.open_nursery() as nursery, open_runtime() as runtime:

        @nursery.start_soon
        async def _() -> None:
            with runtime.events() as events:
                assert [event async for event in events]

        await settle()


async def test_the_runtime_is_silent_unless_logging_is_configured_and_names_no_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, logger="actrio"):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter, restart="permanent")
            await crash(ref, "a secret")
            await ref.ask(Get())
            await settle()
            await ref.stop()
    assert [record.name.split(".")[0] for record in caplog.records] == ["actrio"] * len(caplog.records)
    assert "actor counter crashed: ValueError" in caplog.text
    assert "a secret" not in caplog.text


async def test_the_names_are_those_of_the_living_in_the_order_they_were_spawned() -> None:
    async with open_runtime() as runtime:
        second = await runtime.spawn(Counter, name="b")
        await runtime.spawn(Counter, name="a")
        assert runtime.names()[-2:] == ("b", "a")
        await second.stop()
        assert "b" not in runtime.names()
