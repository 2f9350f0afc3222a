"""Asks and tells that would wait for one another for ever are refused where the circle would close."""

from typing import Any

import pytest
import trio
from attrs import frozen

from actrio.actors import Actor, ActorRef, handles, open_runtime
from actrio.mailbox import AskCycleError, Request, TellCycleError
from tests.actors.crew import Add, Counter, Do, Echo, Get


@frozen
class Ask(Request[int]):
    """Ask the first of these actors to ask the rest."""

    refs: tuple[ActorRef[Any], ...]


class Asker(Actor):
    @handles
    async def pass_on(self, message: Ask) -> int:
        if not message.refs:
            return 0
        first, *rest = message.refs
        return 1 + await first.ask(Ask(tuple(rest)))


async def askers(runtime: Any, names: str, **settings: Any) -> list[ActorRef[Any]]:
    return [await runtime.spawn(Asker, name=name, restart="permanent", **settings) for name in names]


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
async def test_an_ask_cycle_raises_where_it_would_close_and_names_the_cycle(names: str) -> None:
    async with open_runtime() as runtime:
        refs = await askers(runtime, names)
        with trio.fail_after(1), pytest.raises(AskCycleError) as info:
            await refs[0].ask(Ask((*refs[1:], refs[0])))
        *cycle, again = info.value.cycle
        assert again == cycle[0]
        assert "".join(cycle) in names * 2
        assert " -> ".join(info.value.cycle) in str(info.value)


async def test_a_chain_of_asks_that_closes_no_cycle_is_fine() -> None:
    async with open_runtime() as runtime:
        a, b, c = await askers(runtime, "abc")
        assert await a.ask(Ask((b, c))) == 2


async def test_an_ask_cycle_through_an_actor_with_a_free_slot_is_fine() -> None:
    async with open_runtime() as runtime:
        a, b = await askers(runtime, "ab", concurrency=2)
        assert await a.ask(Ask((b, a, b))) == 3
        with trio.fail_after(1), pytest.raises(AskCycleError):
            await a.ask(Ask((b, a, b, a)))


async def test_a_cycle_closed_by_asks_that_came_from_different_sides_is_found() -> None:
    async with open_runtime() as runtime:
        a, b = await askers(runtime, "ab")
        errors = list[AskCycleError]()

        async def start(one: ActorRef[Any], other: ActorRef[Any]) -> None:
            try:
                await one.ask(Ask((other,)))
            except AskCycleError as error:
                errors.append(error)

        with trio.fail_after(1):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(start, a, b)
                nursery.start_soon(start, b, a)
        assert len(errors) == 1
        assert set(errors[0].cycle) == {"a", "b"}


async def test_an_ask_cycle_through_a_task_of_the_handler_is_found() -> None:
    async with open_runtime() as runtime:
        (a,) = await askers(runtime, "a")

        async def in_a_nursery(actor: Counter) -> None:
            async with trio.open_nursery() as nursery:  # noqa: ASYNC112 - that it is another task is what is tested
                nursery.start_soon(a.ask, Ask((actor.ctx.ref,)))

        ref = await runtime.spawn(Counter)
        with trio.fail_after(1), pytest.RaisesGroup(AskCycleError):
            await ref.ask(Do(in_a_nursery))


async def test_an_ask_to_oneself_in_the_started_hook_raises() -> None:
    class Eager(Counter):
        async def started(self) -> None:
            await self.ctx.ref.ask(Get())

    async with open_runtime() as runtime:
        with trio.fail_after(1), pytest.raises(AskCycleError):
            await runtime.spawn(Eager)


async def test_an_ask_cycle_through_the_started_hook_raises() -> None:
    class Eager(Asker):
        def __init__(self, other: ActorRef[Any]) -> None:
            self.other = other

        async def started(self) -> None:
            await self.other.ask(Ask((self.ctx.ref,)))

    async with open_runtime() as runtime:
        (a,) = await askers(runtime, "a")
        with trio.fail_after(1), pytest.raises(AskCycleError):
            await runtime.spawn(Eager, a)


async def test_a_started_hook_may_ask_others() -> None:
    class Curious(Counter):
        def __init__(self, other: ActorRef[Any]) -> None:
            super().__init__()
            self.other = other

        async def started(self) -> None:
            self.count = await self.other.ask(Echo(7))

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Curious, await runtime.spawn(Counter))
        assert await ref.ask(Get()) == 7


async def test_tells_that_wait_for_room_in_a_cycle_raise_where_it_would_close() -> None:
    async with open_runtime() as runtime:
        a = await runtime.spawn(Counter, name="a", capacity=1)
        b = await runtime.spawn(Counter, name="b", capacity=1)
        errors = list[TellCycleError]()

        def tell(other: ActorRef[Any]) -> Do:
            async def work(_: Counter) -> None:
                try:
                    for number in range(3):
                        await other.tell(Add(number))
                except TellCycleError as error:
                    errors.append(error)

            return Do(work)

        with trio.fail_after(1):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(a.ask, tell(b))
                nursery.start_soon(b.ask, tell(a))
        assert [set(error.cycle) for error in errors] == [{"a", "b"}]


async def test_a_tell_to_oneself_that_would_wait_for_room_raises() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, capacity=1)

        async def tell_twice(actor: Counter) -> None:
            await actor.ctx.ref.tell(Add())
            with pytest.raises(TellCycleError, match="counter -> counter"):
                await actor.ctx.ref.tell(Add())

        with trio.fail_after(1):
            await ref.ask(Do(tell_twice))
        assert await ref.ask(Get()) == 1


async def test_an_actor_may_tell_itself_while_there_is_room() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)

        async def tell(actor: Counter) -> None:
            await actor.ctx.ref.tell(Add(4))

        await ref.ask(Do(tell))
        assert await ref.ask(Get()) == 4
