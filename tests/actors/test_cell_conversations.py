"""Class actors at work: one message at a time, or several conversations."""

from collections.abc import Hashable
from typing import Any

import pytest
import trio
from attrs import frozen

from actrio.actors import handles, open_runtime
from actrio.mailbox import ActorStopped, MailboxFull, Request
from tests.actors.crew import Counter, Do, Echo, Get, Late, Log, Nap, Unknown, crash, settle

# One at a time, or several conversations


@frozen
class Say(Request[str]):
    """Something said in a conversation, which takes a while. Seconds."""

    conversation: Hashable
    text: str
    seconds: float = 1


class Talker(Counter):
    """Serves conversations; notes what begins and ends when."""

    now = 0

    def conversation(self, message: Any) -> Hashable | None:
        return message.conversation if isinstance(message, Say) else None

    @handles
    async def say(self, message: Say) -> str:
        self.log(f"{message.conversation}{message.text} begins")
        Talker.now += 1
        try:
            await trio.sleep(message.seconds)
            return f"{Talker.now} at once"
        finally:
            Talker.now -= 1
            self.log(f"{message.conversation}{message.text} ends")


async def test_an_actor_handles_one_message_at_a_time() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log)
        log.take()
        async with trio.open_nursery() as nursery:
            for conversation in "ab":
                nursery.start_soon(ref.ask, Say(conversation, "1"))
        assert len(log.lines) == 4
        assert log.lines[1].replace("ends", "begins") == log.lines[0]


async def test_concurrency_serves_as_many_conversations_at_once_and_no_more() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log, concurrency=2)
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            for conversation in "abcd":
                nursery.start_soon(ref.ask, Say(conversation, "1"))
            await settle()
            assert (ref.metrics().mailbox.in_hand, ref.metrics().mailbox.queued) == (2, 2)
        assert trio.current_time() - start == 2


async def test_one_conversation_is_served_in_order_and_never_twice_at_once() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log, concurrency=9)
        log.take()
        for text in "123":
            await ref.tell(Say("a", text))
        await ref.tell(Say("b", "1"))
        await trio.sleep(10)
        mine = [line for line in log.lines if line.startswith("a")]
        assert mine == [f"a{text} {event}" for text in "123" for event in ("begins", "ends")]
        assert log.lines.index("b1 begins") < log.lines.index("a1 ends")


async def test_messages_of_no_conversation_are_served_at_once() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, concurrency=3)
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ref.ask, Nap(1))
        assert trio.current_time() - start == 1


async def test_a_held_message_counts_as_queued_and_against_the_capacity() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, concurrency=2, capacity=2, overflow="reject")
        for text in "123":
            await ref.tell(Say("a", text))
            await settle()
        assert (ref.metrics().mailbox.in_hand, ref.metrics().mailbox.queued) == (1, 2)
        with pytest.raises(MailboxFull):
            await ref.tell(Say("b", "1"))
        await trio.sleep(10)
        assert ref.metrics().mailbox.handled == 3


async def test_a_cancelled_turn_lets_the_next_of_its_conversation_go_on() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, concurrency=2)
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(1):
                nursery.start_soon(ref.ask, Nap(1))
                await ref.ask(Say("a", "1", seconds=1e9))
            assert await ref.ask(Say("a", "2")) == "1 at once"


async def test_a_held_ask_that_is_given_up_leaves_the_others_of_its_conversation_alone() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log, concurrency=2)
        await ref.tell(Say("a", "1", seconds=5))
        with trio.move_on_after(1):
            await ref.ask(Say("a", "2"))
        await ref.ask(Say("a", "3"))
        assert "a2 begins" not in log.lines
        assert ref.metrics().mailbox.abandoned == 1
        assert ref.metrics().mailbox.balanced


async def test_a_crash_cuts_the_other_messages_in_hand_and_the_rest_survives() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log, concurrency=2, restart="permanent")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(ActorStopped, match="crashed: ValueError"):
                    await ref.ask(Say("a", "1", seconds=1e9))

            await settle()
            nursery.start_soon(ref.ask, Say("a", "2"))
            await settle()
            await crash(ref)
        assert log.lines[1:4] == ["a1 begins", "a1 ends", "counter stopped"]
        assert log.lines[-2:] == ["a2 begins", "a2 ends"]


async def test_two_messages_of_one_actor_that_crash_at_once_hide_neither_error() -> None:
    with pytest.RaisesGroup(ValueError, ValueError):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter, concurrency=2)
            for _ in range(2):
                await ref.tell(Late(1))
            await trio.sleep_forever()


@pytest.mark.parametrize("key", ["raises", "unhashable"])
async def test_a_conversation_key_that_cannot_be_is_a_crash_that_its_asker_gets(key: str) -> None:
    class Broken(Talker):
        def conversation(self, message: Any) -> Any:
            if not isinstance(message, Echo):
                return None
            return [] if key == "unhashable" else 1 // 0

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Broken, concurrency=2, restart="permanent")
        with trio.fail_after(10), pytest.raises((ZeroDivisionError, TypeError)):
            await ref.ask(Echo())
        assert await ref.ask(Get()) == 0
        assert ref.metrics().restarts == 1


class Particular(Talker):
    """Knows conversations of its own messages only."""

    def conversation(self, message: Any) -> Any:
        if isinstance(message, Unknown | Echo):
            raise LookupError  # noqa: TRY004 - as a look-up by it would
        return None


async def test_a_conversation_key_that_fails_for_an_unhandled_message_harms_no_other() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Particular, concurrency=2, restart="permanent")
        await ref.tell(Unknown())
        assert await ref.ask(Get()) == 0
        assert ref.metrics().restarts == 0


async def test_a_conversation_key_that_fails_is_blamed_on_its_own_message_alone() -> None:
    async with open_runtime() as runtime:
        ref, near = await runtime.spawn(Particular, concurrency=2, restart="permanent"), await runtime.spawn(Counter)
        outcomes = list[str]()

        async def ask_from_an_actor(_: Counter) -> None:
            with pytest.raises(LookupError):
                await ref.ask(Echo())
            outcomes.append("lookup error")

        for seconds in (1, 2):  # both slots are taken
            await ref.tell(Nap(seconds))
        await settle()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _get() -> None:
                outcomes.append(f"got {await ref.ask(Get())}")

            await settle()
            nursery.start_soon(near.ask, Do(ask_from_an_actor))
        assert sorted(outcomes) == ["got 0", "lookup error"]


async def test_stop_gives_every_conversation_in_hand_its_grace() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log, concurrency=3, grace=2)
        for conversation, seconds in (("a", 1), ("b", 3), ("a", 1)):
            await ref.tell(Say(conversation, "1", seconds))
        await settle()
        start = trio.current_time()
        await ref.stop()
        assert trio.current_time() - start == 2
        assert log.lines[1:] == ["a1 begins", "b1 begins", "a1 ends", "b1 ends", "counter stopped"]
        assert ref.metrics().mailbox.dead == 1
