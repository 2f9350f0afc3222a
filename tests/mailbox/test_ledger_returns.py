"""Messages that are given up or given back, and waiting for quiet."""

import gc
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import pytest
import trio
import trio.testing

from actrio.mailbox import ActorStopped, Inbox, MailboxFull, Request, Stage
from tests.mailbox.letters import full, rest, settle
from tests.mailbox.mailroom import Asked, start_ask


async def test_the_room_of_an_ask_that_is_given_up_is_free_at_once() -> None:
    inbox, dead = full("wait", "a", "b")
    inbox.receive_nowait()
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, inbox)
        nursery.start_soon(inbox.send, "c")
        await settle()
        assert inbox.statistics().waiting_senders == 1
        asked.scope.cancel()
        await settle()
        assert inbox.statistics().waiting_senders == 0
    assert rest(inbox) == ["b", "c"]
    assert not dead
    assert inbox.statistics().abandoned == 1


async def test_a_thousand_asks_given_up_leave_nothing_behind_in_the_queue() -> None:
    alive = Alive()
    inbox: Inbox[Any] = Inbox("ada", capacity=5)
    inbox.send_nowait("a")
    await alive.ask_and_give_up(inbox, 300, Inbox[Any].has_mail)
    assert len(alive) < 100
    assert rest(inbox) == ["a"]


async def test_asks_given_up_in_a_queue_of_nothing_else_leave_it_empty() -> None:
    inbox: Inbox[Any] = Inbox("ada", capacity=5)
    await Alive().ask_and_give_up(inbox, 33, Inbox[Any].has_mail)
    assert not inbox.has_mail()
    assert inbox.take() is None
    inbox.send_nowait("a")
    assert rest(inbox) == ["a"]


async def test_asks_given_up_before_their_conversation_was_looked_at_leave_nothing_behind() -> None:
    alive = Alive()
    inbox: Inbox[Any] = Inbox("ada", capacity=5, concurrency=2, key_of=lambda _: "one and the same")
    await alive.ask_and_give_up(inbox, 300, Inbox[Any].has_mail)
    assert len(alive) < 100


async def test_asks_given_up_behind_a_busy_conversation_leave_nothing_behind() -> None:
    alive = Alive()
    inbox: Inbox[Any] = Inbox("ada", capacity=5, concurrency=2, key_of=lambda _: "one and the same")
    inbox.send_nowait("a")
    busy = inbox.take()
    await alive.ask_and_give_up(inbox, 300, Inbox[Any].take)
    assert len(alive) < 100
    assert busy is not None
    busy.settle()
    inbox.send_nowait("b")
    assert rest(inbox) == ["b"]


async def test_a_message_given_back_is_the_next_one_again_with_its_asker_still_waiting() -> None:
    inbox, _ = full("wait", "a", "b")
    inbox.receive_nowait().settle()
    inbox.receive_nowait().settle()
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, inbox)
        letter = inbox.receive_nowait()
        inbox.send_nowait("c")
        inbox.put_back(letter)
        assert letter.stage is Stage.QUEUED
        again = inbox.receive_nowait()
        assert again is letter
        again.reply("second time lucky")
    assert asked.end == "second time lucky"
    assert rest(inbox) == ["c"]


def test_a_message_given_back_may_pass_the_capacity_by_one_and_the_high_water_mark_shows_it() -> None:
    inbox, _ = full("wait", "a")
    letter = inbox.receive_nowait()
    inbox.send_nowait("b")
    inbox.put_back(letter)
    with pytest.raises(MailboxFull):
        inbox.send_nowait("c")
    statistics = inbox.statistics()
    assert (statistics.queued, statistics.high_water, statistics.balanced) == (2, 2, True)


async def test_a_message_given_back_to_a_closed_inbox_dies_and_its_asker_learns_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    inbox, dead = full("wait", "a")
    inbox.receive_nowait().settle()
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            asked = await start_ask(nursery, inbox)
            letter = inbox.receive_nowait()
            inbox.close("worn out")
            inbox.put_back(letter)
    assert isinstance(asked.end, ActorStopped)
    assert len(dead) == 1


def test_whoever_waits_for_quiet_is_called_once_when_nothing_is_in_hand_any_more() -> None:
    inbox, _ = full("wait", "a", "b")
    calls: list[str] = []
    batch = inbox.receive_batch_nowait()
    inbox.call_when_quiet(lambda: calls.append("quiet"))
    batch[0].settle()
    assert not calls
    batch[1].settle()
    inbox.send_nowait("c")
    inbox.receive_nowait().settle()
    assert calls == ["quiet"]


class Alive:
    """Counts the asked messages that somebody still holds."""

    def __init__(self) -> None:
        self._messages: WeakSet[Request[str]] = WeakSet()

    def __len__(self) -> int:
        gc.collect()
        return len(self._messages)

    async def ask_and_give_up(self, inbox: Inbox[Any], times: int, look: Callable[[Inbox[Any]], object]) -> None:
        """Ask, look into the inbox, and give up, so many times."""

        class Tracked(Request[str]):
            pass

        for _ in range(times):
            message = Tracked()
            self._messages.add(message)
            asked = Asked()

            async def run(asked: Asked = asked, message: Request[str] = message) -> None:
                await asked.run(inbox, message)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(run)
                await settle()
                look(inbox)
                asked.scope.cancel()
            assert asked.end is trio.Cancelled
