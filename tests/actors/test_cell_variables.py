"""Context variables: what a handler sees, and who sees what it sets."""

from contextvars import ContextVar
from typing import Any

import trio

from actrio.actors import Actor, Supervisor, child, open_runtime
from tests.actors.crew import Counter, Do, crash, ignore, settle

trace: ContextVar[str] = ContextVar("trace", default="none")


async def read(_: Actor) -> str:
    await trio.lowlevel.checkpoint()
    return trace.get()


def write(value: str, *, sleeps: bool = False) -> Do:
    async def work(_: Actor) -> str:
        if sleeps:
            await trio.sleep(1)
        trace.set(value)
        await trio.lowlevel.checkpoint()
        return trace.get()

    return Do(work)


async def test_an_asked_message_is_handled_in_the_askers_context() -> None:
    async with open_runtime() as runtime:
        far, near = await runtime.spawn(Counter), await runtime.spawn(Counter)
        trace.set("mine")

        async def pass_on(_: Counter) -> Any:
            return await far.ask(Do(read))

        assert await far.ask(Do(read)) == "mine"
        assert await near.ask(Do(pass_on)) == "mine"


async def test_what_a_handler_sets_reaches_neither_its_asker_nor_the_next_message() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        for sleeps in (False, True):
            assert await ref.ask(write("handlers", sleeps=sleeps)) == "handlers"
            assert trace.get() == "none"
            assert await ref.ask(Do(read)) == "none"


async def test_a_told_message_is_handled_in_the_context_of_where_the_actor_was_spawned() -> None:
    seen = list[str]()

    async def note(_: Counter) -> None:
        seen.append(await read(_))

    trace.set("spawner")
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        trace.set("teller")
        await ref.tell(Do(note))
        await settle()
        await crash(ref)
        await ref.tell(Do(note))
        await settle()
    assert seen == ["spawner", "spawner"]


async def test_actors_do_not_see_each_others_context() -> None:
    seen = dict[str, str]()

    async def note(actor: Counter) -> None:
        seen[actor.label] = trace.get()

    async with open_runtime() as runtime:
        one, other = [await runtime.spawn(Counter, ignore, label) for label in ("one", "other")]
        await one.tell(write("one's"))
        await other.tell(Do(note))
        await settle()
        assert seen == {"other": "none"}


async def test_overlapping_handlers_of_one_actor_do_not_see_each_others_context() -> None:
    seen = list[str]()

    async def note(_: Counter) -> None:
        await trio.sleep(2)
        seen.append(trace.get())

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, concurrency=2)
        await ref.tell(Do(note))
        await ref.tell(write("others", sleeps=True))
        await trio.sleep(5)
    assert seen == ["none"]


async def test_what_started_sets_is_there_for_told_messages_and_for_stopped() -> None:
    seen = list[str]()

    class Sets(Counter):
        async def started(self) -> None:
            trace.set("started")

        async def stopped(self) -> None:
            seen.append(trace.get())

    async def note(_: Counter) -> None:
        seen.append(trace.get())

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Sets)
        await ref.tell(Do(note))
        await settle()
    assert seen == ["started", "started"]
    assert trace.get() == "none"


async def test_the_tasks_of_a_handler_see_its_context() -> None:
    async def in_a_nursery(_: Counter) -> list[str]:
        seen = list[str]()

        async def note() -> None:
            await trio.lowlevel.checkpoint()
            seen.append(trace.get())

        async with trio.open_nursery() as nursery:  # noqa: ASYNC112 - that it is another task is what is tested
            nursery.start_soon(note)
        return seen

    trace.set("asker")
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        assert await ref.ask(Do(in_a_nursery)) == ["asker"]


async def test_a_child_that_is_made_anew_by_a_restart_has_its_supervisors_context() -> None:
    seen = list[str]()

    async def note(_: Counter) -> None:
        seen.append(trace.get())

    async def crash_in_a_context(value: str) -> None:
        trace.set(value)
        await crash(runtime.find("outer/inner/b"))

    trace.set("spawner")
    inner = Supervisor("inner", intensity=0, children=[child(Counter, name="a"), child(Counter, name="b")])
    async with open_runtime() as runtime, trio.open_nursery() as nursery:
        await runtime.spawn(Supervisor("outer", children=[inner]))
        await runtime.find("outer/inner/a").stop()
        nursery.start_soon(crash_in_a_context, "asker")
        await settle()
        await runtime.find("outer/inner/a").tell(Do(note))
        await settle()
    assert seen == ["spawner"]
