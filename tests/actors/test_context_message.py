"""What ``ctx`` says of the message in hand: from whom, until when."""

from math import inf
from typing import Any

import trio

from actrio.actors import ActorRef, open_runtime
from tests.actors.crew import Counter, Do, Nap, counter, settle

# Who, from whom, until when


async def test_ctx_gives_the_actors_own_ref_and_its_runtime() -> None:
    async def look(actor: Counter) -> tuple[Any, Any]:
        return actor.ctx.ref, actor.ctx.runtime

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        assert await ref.ask(Do(look)) == (ref, runtime)


async def sender(actor: Counter) -> ActorRef[Any] | None:
    return actor.ctx.sender


async def test_the_sender_is_the_asking_actor_and_none_outside() -> None:
    async with open_runtime() as runtime:
        far, near = await runtime.spawn(Counter), await runtime.spawn(Counter)

        async def pass_on(_: Counter) -> Any:
            return await far.ask(Do(sender))

        assert await near.ask(Do(pass_on)) is near
        assert await far.ask(Do(sender)) is None


async def test_the_sender_of_a_told_message_is_the_telling_actor_even_from_its_tasks_and_hooks() -> None:
    senders = list[Any]()

    async def note(actor: Counter) -> None:
        senders.append(actor.ctx.sender)

    class Teller(Counter):
        async def started(self) -> None:
            await far.tell(Do(note))
            self.ctx.nursery.start_soon(far.tell, Do(note))

        async def stopped(self) -> None:
            await far.tell(Do(note))

    async with open_runtime() as runtime:
        far = await runtime.spawn(Counter)
        near = await runtime.spawn(Teller)

        async def in_a_nursery(_: Counter) -> None:
            async with trio.open_nursery() as nursery:  # noqa: ASYNC112 - that it is another task is what is tested
                nursery.start_soon(far.tell, Do(note))

        await near.ask(Do(in_a_nursery))
        await near.stop()
        await settle()
        assert senders == [near] * 4


async def test_the_sender_of_a_coroutine_actors_message_is_that_actor() -> None:
    async with open_runtime() as runtime:
        far = await runtime.spawn(Counter)

        async def pass_on(_: Any) -> Any:
            return await far.ask(Do(sender))

        near = await runtime.spawn(counter)
        assert await near.ask(Do(pass_on)) is near


async def test_the_deadline_is_the_askers_and_infinite_for_what_is_told_or_detached() -> None:
    deadlines = list[float]()

    async def note(actor: Counter) -> float:
        await trio.lowlevel.checkpoint()
        deadlines.append(actor.ctx.deadline)
        return actor.ctx.deadline

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.fail_after(30) as scope:
            with trio.fail_after(50):
                assert await ref.ask(Do(note)) == scope.deadline
            await ref.ask(Do(note), detached=True)
            await ref.tell(Do(note))
        await ref.ask(Do(note))
        await settle()
    assert deadlines[1:] == [inf] * 3


async def test_the_deadline_travels_through_the_asks_of_handlers() -> None:
    async with open_runtime() as runtime:
        far, near = await runtime.spawn(Counter), await runtime.spawn(Counter)

        async def deadline(actor: Counter) -> float:
            return actor.ctx.deadline

        async def pass_on(_: Counter) -> Any:
            with trio.move_on_after(100):
                return await far.ask(Do(deadline))

        with trio.fail_after(30) as scope:
            assert await near.ask(Do(pass_on)) == scope.deadline


async def test_the_trio_deadline_of_a_handler_is_the_askers() -> None:
    async def deadline(_: Counter) -> float:
        await trio.lowlevel.checkpoint()
        return trio.current_effective_deadline()

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.fail_after(30) as scope:
            assert await ref.ask(Do(deadline)) == scope.deadline
        assert await ref.ask(Do(deadline)) == inf


async def test_outside_a_message_there_is_no_sender_and_no_deadline() -> None:
    seen = list[Any]()

    class Looks(Counter):
        async def started(self) -> None:
            self.ctx.nursery.start_soon(self.look)
            await self.look()

        async def look(self) -> None:
            await trio.lowlevel.checkpoint()
            seen.append((self.ctx.sender, self.ctx.deadline))

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Looks)
        with trio.fail_after(10):
            await ref.ask(Nap(1))
    assert seen == [(None, inf)] * 2
