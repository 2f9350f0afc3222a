"""Telling and asking through a ref, also where the mailbox is full."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio

from actrio.actors import Actor, Down, NoHandler, Supervisor, handles, open_runtime
from actrio.mailbox import ActorStopped, MailboxFull, NotInTrio
from tests.actors.busy import busy
from tests.actors.crew import Add, Counter, Do, Echo, Factory, Get, Unknown, counter, settle

# Telling and asking


async def test_tell_returns_once_the_message_is_enqueued() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.tell(Add(2))
        ref.tell_nowait(Add(3))
        assert await ref.ask(Get()) == 5


async def test_tell_and_ask_are_checkpoints_and_tell_nowait_is_none() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.testing.assert_checkpoints():
            await ref.tell(Add())
        with trio.testing.assert_checkpoints():
            await ref.ask(Get())
        with trio.testing.assert_no_checkpoints():
            ref.tell_nowait(Add())


async def test_messages_and_replies_are_the_very_objects_that_were_given() -> None:
    value = object()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        assert await ref.ask(Echo(value)) is value


async def test_a_request_may_be_told_and_its_reply_is_dropped() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.tell(Get())
        await settle()
        assert ref.metrics().mailbox.handled == 1


async def test_messages_of_one_sender_are_handled_in_order() -> None:
    got = list[int]()

    class Keeper(Actor):
        @handles
        async def add(self, message: Add) -> None:
            if message.n % 7 == 0:
                await trio.sleep(1)
            got.append(message.n)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Keeper, capacity=5, grace=100)
        for number in range(50):
            await ref.tell(Add(number))
        await settle()
        await trio.sleep(100)
    assert got == list(range(50))


async def test_an_ask_that_no_handler_takes_raises_no_handler_and_the_actor_goes_on() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with pytest.raises(NoHandler) as info:
            await ref.ask(Unknown())
        assert (info.value.actor, info.value.message_type) == ("counter", "Unknown")
        assert info.value.handled_types == ("Add", "Boom", "Do", "Echo", "Get", "Late", "Nap")
        assert "actor 'counter' has no handler for Unknown; it handles: Add, Boom" in str(info.value)
        assert await ref.ask(Get()) == 0


async def test_a_tell_that_no_handler_takes_becomes_a_dead_letter_and_the_actor_goes_on() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.tell(Unknown())
        assert await ref.ask(Get()) == 0
        assert ref.metrics().mailbox.dead == 1


@pytest.mark.parametrize("factory", [Counter, counter])
async def test_a_stopped_actor_takes_no_message(factory: Factory) -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(factory)
        await ref.stop()
        with pytest.raises(ActorStopped, match="actor 'counter' has stopped"):
            ref.tell_nowait(Add())
        with pytest.raises(ActorStopped):
            await ref.tell(Add())
        with pytest.raises(ActorStopped) as info:
            await ref.ask(Get())
        assert (info.value.actor, info.value.reason) == ("counter", "stopped")


async def test_the_ref_of_a_closed_runtime_says_that_its_actor_has_stopped() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
    with pytest.raises(ActorStopped, match="the runtime closed"):
        await ref.ask(Get())
    await ref.stop()
    assert (await ref.watch()).reason == "the runtime closed"


async def test_a_full_mailbox_makes_tell_and_ask_wait_by_default() -> None:
    async with open_runtime() as runtime:
        ref = await busy(runtime, "wait")
        start = trio.current_time()
        with pytest.raises(MailboxFull, match="mailbox of 'counter' is full: capacity 1, overflow 'wait'"):
            ref.tell_nowait(Add(10))
        await ref.tell(Add(100))
        assert trio.current_time() - start == 1
        assert await ref.ask(Get()) == 101


async def test_a_full_mailbox_that_rejects_refuses_tell_and_ask() -> None:
    async with open_runtime() as runtime:
        ref = await busy(runtime, "reject")
        with pytest.raises(MailboxFull):
            ref.tell_nowait(Add(10))
        with pytest.raises(MailboxFull):
            await ref.tell(Add(10))
        with pytest.raises(MailboxFull):
            await ref.ask(Get())
        await trio.sleep(2)
        assert await ref.ask(Get()) == 1


async def test_a_full_mailbox_that_drops_the_newest_fails_a_new_ask() -> None:
    async with open_runtime() as runtime:
        ref = await busy(runtime, "drop_newest")
        await ref.tell(Add(10))
        with pytest.raises(MailboxFull):
            await ref.ask(Get())
        await trio.sleep(2)
        assert await ref.ask(Get()) == 1


async def test_a_full_mailbox_that_drops_the_oldest_fails_the_queued_ask() -> None:
    async with open_runtime() as runtime:
        ref = await busy(runtime, "drop_oldest")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(MailboxFull):
                    await ref.ask(Get())  # drops Add(1)

            await settle()
            await ref.tell(Add(10))
        await trio.sleep(2)
        assert await ref.ask(Get()) == 10


async def test_dropping_the_oldest_never_drops_a_down_message() -> None:
    downs = list[Down]()

    class Busy(Counter):
        @handles
        async def down(self, message: Down) -> None:
            downs.append(message)

    async with open_runtime() as runtime:
        watched = await runtime.spawn(Counter)
        ref = await runtime.spawn(Busy, capacity=1, overflow="drop_oldest")

        async def work(actor: Busy) -> None:
            actor.ctx.watch(watched)
            await watched.stop()
            for number in range(3):
                actor.ctx.ref.tell_nowait(Add(number))

        await ref.ask(Do(work))
        await trio.sleep(1)
        assert [down.ref for down in downs] == [watched]


# From where Trio does not run


@pytest.mark.parametrize("actor", [Counter, counter])
async def test_telling_an_idle_actor_from_another_thread_is_refused_and_leaves_it_as_it_was(actor: Any) -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(actor)
        await settle()
        with ThreadPoolExecutor() as threads:
            error = threads.submit(ref.tell_nowait, Add(2)).exception()
        assert isinstance(error, NotInTrio)
        assert f"a message was sent to {ref.name!r} from outside of its runtime's thread. Use" in str(error)
        await ref.tell(Add(3))
        assert await ref.ask(Get()) == 3
        assert ref.metrics().mailbox.sent == 2
        assert ref.metrics().mailbox.balanced


async def test_asking_with_a_class_says_to_send_an_instance() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with pytest.raises(NoHandler, match=r"It is the class Get: send what Get\(\.\.\.\) makes"):
            await ref.ask(Get)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_a_supervisor_says_to_send_it_to_a_child() -> None:
    async with open_runtime() as runtime:
        desk = await runtime.spawn(Supervisor("desk"))
        with pytest.raises(NoHandler, match=r"It is a supervisor: send it to one of its children"):
            desk.tell_nowait(Add(1))
