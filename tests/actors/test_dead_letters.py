"""The stream of messages that nobody handled."""

from typing import Any

import pytest
import trio

from actrio.actors import ActorRef, DeadLetter, Runtime, open_runtime
from actrio.mailbox import DeadReason, Disconnected, Lagged, Overflow
from tests.actors.crew import Add, Counter, Do, Get, Nap, Unknown, settle


def buried(runtime: Runtime) -> list[DeadLetter]:
    """The dead letters so far."""
    with runtime.dead_letters() as letters:
        try:
            return [letter for letter in letters.receive_batch_nowait() if isinstance(letter, DeadLetter)]
        except (trio.WouldBlock, trio.EndOfChannel):
            return []


async def test_a_dead_letter_tells_message_actor_sender_reason_and_time() -> None:
    async with open_runtime() as runtime:
        far, near = await runtime.spawn(Counter), await runtime.spawn(Counter)

        async def tell(_: Counter) -> None:
            await far.tell(Unknown())

        await trio.sleep(5)
        await near.ask(Do(tell))
        await far.tell(Unknown())
        await settle()
        at = trio.current_time()
        assert buried(runtime) == [
            DeadLetter(far, near, Unknown(), DeadReason.UNHANDLED, at),
            DeadLetter(far, None, Unknown(), DeadReason.UNHANDLED, at),
        ]


async def test_messages_left_when_an_actor_stops_are_dead_letters_in_order() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.tell(Nap(1))
        await settle()
        for number in range(3):
            await ref.tell(Add(number))
        await ref.stop()
        assert [(letter.message, letter.reason) for letter in buried(runtime)] == [
            (Add(number), DeadReason.STOPPED) for number in range(3)
        ]


@pytest.mark.parametrize(
    ("overflow", "lost", "reason"),
    [("drop_oldest", Add(1), DeadReason.DROPPED_OLDEST), ("drop_newest", Add(2), DeadReason.DROPPED_NEWEST)],
)
async def test_dropped_messages_are_dead_letters(overflow: Overflow, lost: Add, reason: DeadReason) -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, capacity=1, overflow=overflow)
        await ref.tell(Nap(1))
        await settle()
        await ref.tell(Add(1))
        await ref.tell(Add(2))
        assert [(letter.message, letter.reason) for letter in buried(runtime)] == [(lost, reason)]
        assert ref.metrics().mailbox.dead_by_reason == {reason: 1}


async def test_a_message_to_a_stopped_actor_is_refused_and_no_dead_letter() -> None:
    async with open_runtime() as runtime:
        ref: ActorRef[Any] = await runtime.spawn(Counter)
        await ref.stop()
        with pytest.raises(trio.BrokenResourceError):
            await ref.tell(Add())
        assert buried(runtime) == []


async def test_the_stream_begins_with_the_oldest_kept_and_ends_with_the_runtime() -> None:
    async with trio.open_nursery() as nursery, open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.tell(Unknown())
        await settle()
        got = list[object]()

        @nursery.start_soon
        async def _() -> None:
            with runtime.dead_letters() as letters:
                got.extend([letter async for letter in letters])

        await settle()
        await ref.tell(Nap(1))
        await settle()
        await ref.tell(Add())
    assert [letter.message for letter in got if isinstance(letter, DeadLetter)] == [Unknown(), Add()]


async def test_a_slow_reader_holds_up_no_actor_and_is_told_what_it_missed() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, capacity=5_000)
        with runtime.dead_letters("lag") as lagging, runtime.dead_letters("disconnect") as disconnected:
            for _ in range(1_500):
                ref.tell_nowait(Unknown())
            assert await ref.ask(Get()) == 0
            assert lagging.receive_nowait() == Lagged(500)
            with pytest.raises(Disconnected):
                disconnected.receive_nowait()


async def test_a_message_that_no_handler_takes_is_a_warning_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.tell(Unknown())
        await settle()
    assert [(one.levelname, one.message) for one in caplog.records if one.name == "actrio.runtime"] == [
        ("WARNING", "dead letter: Unknown to counter: its actor has no handler for this type")
    ]
