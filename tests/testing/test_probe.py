"""`Probe`: an actor that records what it is sent, and answers as told."""

from collections.abc import AsyncGenerator

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from actrio.actors import open_runtime
from actrio.mailbox import NotAnswered, Request
from actrio.testing import Probe, stopwatch


@frozen
class Note:
    text: str


@frozen
class Report:
    text: str


@frozen
class Research(Request[Report]):
    topic: str


@frozen
class Deep(Research):
    pass


@pytest.fixture
async def probe() -> AsyncGenerator[Probe]:
    async with open_runtime() as runtime:
        yield await Probe.spawn(runtime, name="archive")


async def test_what_it_was_sent_is_given_out_oldest_first_by_type_and_once(probe: Probe) -> None:
    for message in (Note("a"), Report("x"), Note("b")):
        await probe.ref.tell(message)
    assert [await probe.received(Note), await probe.received(Note)] == [Note("a"), Note("b")]
    assert await probe.received(object) == Report("x")
    assert probe.messages == [Note("a"), Report("x"), Note("b")]
    assert repr(probe) == "<Probe: 3 messages, 0 not asked for>"


async def test_received_waits_until_it_comes(probe: Probe, autojump_clock: MockClock) -> None:
    async def send_later() -> None:
        await trio.sleep(3)
        await probe.ref.tell(Report("no"))
        await trio.sleep(4)
        await probe.ref.tell(Note("yes"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_later)
        with stopwatch() as took:
            assert await probe.received(Note) == Note("yes")
    assert took.seconds == 7


async def test_a_wait_that_was_cancelled_has_taken_nothing(probe: Probe, autojump_clock: MockClock) -> None:
    with trio.move_on_after(1) as waiting:
        await probe.received(Note)
    assert waiting.cancelled_caught
    await probe.ref.tell(Note("a"))
    assert await probe.received(Note) == Note("a")


async def test_asks_are_answered_as_told_the_nearest_type_first(probe: Probe) -> None:
    probe.answer(Research, lambda message: Report(message.topic))
    probe.answer(Deep, Report("deep"))
    assert probe.ref.name == "archive"
    assert await probe.ref.ask(Research("bees")) == Report("bees")
    assert await probe.ref.ask(Deep("bees")) == Report("deep")
    assert await probe.received(Deep) == Deep("bees")


async def test_an_error_as_an_answer_is_raised_in_the_asker(probe: Probe) -> None:
    probe.answer(Research, ValueError("closed on Mondays"))
    with pytest.raises(ValueError, match="closed on Mondays"):
        await probe.ref.ask(Research("bees"))


async def test_an_ask_without_an_answer_fails_and_is_recorded(probe: Probe) -> None:
    with pytest.raises(NotAnswered):
        await probe.ref.ask(Research("bees"))
    assert probe.messages == [Research("bees")]
