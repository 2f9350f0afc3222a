"""Watching an actor, and what its ref shows."""

import trio

from actrio.actors import Down, State, Supervisor, child, open_runtime
from tests.actors.busy import SlowStart
from tests.actors.crew import Add, Counter, Get, Nap, crash, settle

# Watching


async def test_every_watcher_learns_the_end() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        downs = list[Down]()
        async with trio.open_nursery() as nursery:
            for _ in range(3):

                @nursery.start_soon
                async def _watch() -> None:
                    downs.append(await ref.watch())

            await settle()
            await ref.stop()
        assert downs == [Down(ref, "stopped", None)] * 3


async def test_watching_a_stopped_actor_tells_at_once_how_it_ended() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.stop()
        with trio.testing.assert_checkpoints():
            assert await ref.watch() == Down(ref, "stopped", None)


async def test_the_down_of_an_actor_stopped_long_after_a_crash_names_no_error() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        await crash(ref)
        await ref.ask(Get())
        await ref.stop()
        assert await ref.watch() == Down(ref, "stopped", None)


# Looks


async def test_a_ref_shows_name_state_and_depth() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, name="abacus", restart="permanent")
        await crash(ref)
        await settle()
        await ref.tell(Nap())
        await settle()
        await ref.tell(Add())
        assert repr(ref) == "<ActorRef abacus [actor] running, 1/1000 queued, 1 in hand, 1 restarts>"
        assert (ref.name, ref.state) == ("abacus", State.RUNNING)


async def test_a_ref_equals_itself_alone_and_can_be_a_key() -> None:
    async with open_runtime() as runtime:
        a, b = await runtime.spawn(Counter), await runtime.spawn(Counter)
        assert a != b
        assert {a: 1, b: 2}[runtime.find("counter")] == 1


async def test_the_state_of_an_actor_is_what_its_ref_says() -> None:
    async with open_runtime() as runtime:
        children = [child(SlowStart, name="slow"), child(Counter, name="a", grace=1)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runtime.spawn, Supervisor("s", intensity=1, backoff=9, children=children))
            await settle()
            slow, ref = runtime.find("s/slow"), runtime.find("s/a")
            assert (slow.state, ref.state) == (State.STARTING, State.NEW)
        assert (slow.state, ref.state) == (State.RUNNING, State.RUNNING)
        await ref.tell(Nap())
        await settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ref.stop)
            await settle()
            stopping = ref.state
        assert (stopping, ref.state) == (State.STOPPING, State.STOPPED)
