"""Conversations: several messages in hand at once, never two of one key, in order within each."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import DeadReason, Envelope, Inbox, MailboxFull, Overflow
from tests.mailbox.mailroom import start_ask


def key(message: Any) -> str | None:
    """The conversation of "u1" is "u"; that of "-" is none; that of what is asked is "u"."""
    if not isinstance(message, str):
        return "u"
    return None if message.startswith("-") else message[0]


def lanes(*values: str, overflow: Overflow = "wait", capacity: int = 100, dead: list[str] | None = None) -> Inbox[Any]:
    """An inbox with conversations and these messages; all were sent at the same time, by its clock."""

    def bury(letter: Envelope[Any], _: DeadReason) -> None:
        if dead is not None:
            dead.append(letter.message)

    inbox: Inbox[Any] = Inbox(
        "ada", capacity=capacity, overflow=overflow, concurrency=9, key_of=key, clock=lambda: 0.0, on_dead=bury
    )
    for value in values:
        inbox.send_nowait(value)
    return inbox


def take_all(inbox: Inbox[Any]) -> dict[str, Envelope[Any]]:
    """What may be in hand now, in the order in which it was taken."""
    return {letter.message: letter for letter in iter(inbox.take, None)}


def serve(inbox: Inbox[Any]) -> list[str]:
    """Handle everything, one message of each conversation at a time; in the order in which it was taken."""
    served: list[str] = []
    while taken := take_all(inbox):
        served += taken
        for letter in taken.values():
            letter.settle()
    return served


def test_two_messages_of_one_conversation_are_never_in_hand_together() -> None:
    inbox = lanes("u1", "u2", "v1", "u3", "v2")
    assert list(take_all(inbox)) == ["u1", "v1"]
    assert inbox.statistics().queued == 3


def test_order_is_kept_within_a_conversation() -> None:
    served = serve(lanes("u1", "u2", "v1", "u3", "v2", "v3", "u4"))
    assert [message for message in served if message[0] == "u"] == ["u1", "u2", "u3", "u4"]
    assert [message for message in served if message[0] == "v"] == ["v1", "v2", "v3"]


def test_messages_of_no_conversation_wait_for_nobody() -> None:
    assert list(take_all(lanes("-1", "u1", "-2", "u2", "-3"))) == ["-1", "u1", "-2", "-3"]


def test_an_inbox_that_serves_one_message_at_a_time_asks_for_no_key() -> None:
    def refuse(_: Any) -> None:
        raise AssertionError("nobody needs a key here")

    inbox: Inbox[str] = Inbox("ada", key_of=refuse, clock=lambda: 0.0)
    inbox.send_nowait("a")
    assert inbox.receive_nowait().message == "a"


ENDS: dict[str, Callable[[Envelope[Any]], object]] = {
    "succeed": lambda letter: letter.succeed(None),
    "settle": lambda letter: letter.settle(),
    "break_off": lambda letter: letter.break_off(ValueError()),
    "cut": lambda letter: letter.cut("restarted"),
    "die": lambda letter: letter.die(DeadReason.UNHANDLED, ValueError()),
    "abandon": lambda letter: letter.inbox.abandon(letter),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_however_a_message_ends_the_next_of_its_conversation_may_be_taken(
    end: Callable[[Envelope[Any]], object],
) -> None:
    inbox = lanes("u1", "u2")
    taken = take_all(inbox)
    end(taken["u1"])
    assert list(take_all(inbox)) == ["u2"]


def test_a_message_given_back_is_taken_again_before_the_later_ones_of_its_conversation() -> None:
    inbox = lanes("u1", "u2", "u3")
    inbox.put_back(take_all(inbox)["u1"])
    assert serve(inbox) == ["u1", "u2", "u3"]


def test_the_capacity_counts_what_waits_for_its_conversation() -> None:
    inbox = lanes("u1", "u2", "u3", capacity=3)
    take_all(inbox)
    inbox.send_nowait("v1")
    with pytest.raises(MailboxFull):
        inbox.send_nowait("v2")


async def test_a_sender_that_waits_gets_the_room_of_a_message_that_waited_for_its_conversation() -> None:
    inbox = lanes("u1", "u2", capacity=2)
    first = take_all(inbox)["u1"]
    inbox.send_nowait("u3")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.send, "u4")
        await trio.testing.wait_all_tasks_blocked()
        first.settle()
        assert list(take_all(inbox)) == ["u2"]
    assert inbox.statistics().queued == 2


def test_drop_oldest_drops_what_was_sent_first_also_if_it_waits_for_its_conversation() -> None:
    dead: list[str] = []
    inbox = lanes("u1", "v1", "v2", "u2", "w1", "u3", overflow="drop_oldest", capacity=6, dead=dead)
    inbox.take()
    inbox.take()
    assert inbox.take() is not None  # "w1"; looking for it found "v2" and "u2" waiting, in this order
    for value in ("x1", "x2", "x3", "x4", "x5", "x6"):
        inbox.send_nowait(value)
    assert dead == ["v2", "u2", "u3"]


def test_drop_oldest_drops_what_was_sent_first_in_whatever_order_conversations_became_free() -> None:
    dead: list[str] = []
    inbox = lanes("u1", "v1", "v2", "u2", overflow="drop_oldest", capacity=4, dead=dead)
    taken = take_all(inbox)
    taken["v1"].settle()
    taken["u1"].settle()
    for value in ("x1", "x2", "x3", "x4"):
        inbox.send_nowait(value)
    assert dead == ["v2", "u2"]
    assert serve(inbox) == ["x1", "x2", "x3", "x4"]


def test_signals_pass_busy_conversations() -> None:
    inbox = lanes("u1", "u2")
    take_all(inbox)
    inbox.signal("-down")
    assert list(take_all(inbox)) == ["-down"]


async def test_an_ask_that_is_given_up_behind_a_busy_conversation_is_never_taken() -> None:
    inbox = lanes("u1")
    first = take_all(inbox)["u1"]
    async with trio.open_nursery() as nursery:
        asked = await start_ask(nursery, inbox)
        assert take_all(inbox) == {}
        asked.scope.cancel()
    inbox.send_nowait("u2")
    first.settle()
    assert serve(inbox) == ["u2"]
    assert inbox.statistics().abandoned == 1
