"""An ask whose end a function is told: it has the ends of any other, and no task waits for it."""

from contextvars import ContextVar, copy_context
from typing import Any

import pytest
import trio

from actrio.mailbox import ActorStopped, Inbox, MailboxFull, ToldAsk, ask_then
from tests.mailbox.askers import Clock, ends, settle
from tests.mailbox.mailroom import Question, consume

Told = list[tuple[Any, Exception | None]]


def asks(inbox: Inbox[Any], *, detached: bool = False) -> tuple[ToldAsk[Any], Told]:
    """An ask that is under way, and what is told of it."""
    told: Told = []
    asked = ask_then(inbox, Question(), lambda *end: told.append(end), copy_context(), detached=detached)
    assert asked is not None
    return asked, told


def actor_stopped(told: Told) -> str:
    """What the one end says that was told."""
    ((value, error),) = told
    assert value is None
    assert isinstance(error, ActorStopped)
    return str(error)


async def test_the_reply_is_told_in_the_step_that_gives_it(ada: Inbox[Any]) -> None:
    _, told = asks(ada)
    assert not told
    ada.receive_nowait().reply("yes")
    assert told == [("yes", None)]
    assert ends(ada) == (1, 0, 0, 0)


async def test_an_error_is_told(ada: Inbox[Any]) -> None:
    _, told = asks(ada)
    error = LookupError("no such page")
    ada.receive_nowait().fail(error)
    assert told == [(None, error)]
    assert ends(ada) == (0, 1, 0, 0)


async def test_an_inbox_that_closes_tells_who_is_queued_and_refuses_who_comes(ada: Inbox[Any]) -> None:
    _, told = asks(ada)
    ada.close("stopped")
    assert "'ada'" in actor_stopped(told)
    assert ends(ada) == (0, 0, 1, 0)
    with pytest.raises(ActorStopped, match="'ada'"):
        asks(ada)


async def test_where_there_is_no_room_nothing_is_sent_and_nothing_told() -> None:
    ada: Inbox[Any] = Inbox("ada", capacity=1)
    ada.send_nowait("a")
    told: Told = []
    assert ask_then(ada, Question(), lambda *end: told.append(end), copy_context()) is None
    ada.receive_nowait().settle()
    assert (told, ends(ada), ada.statistics().sent) == ([], (1, 0, 0, 0), 1)


async def test_what_the_policy_drops_is_told_before_the_ask_returns() -> None:
    ada: Inbox[Any] = Inbox("ada", capacity=1, overflow="drop_newest")
    ada.send_nowait("a")
    asked, ((_, error),) = asks(ada)
    assert isinstance(error, MailboxFull)
    assert asked.ended
    ada.receive_nowait().settle()
    assert ends(ada) == (1, 0, 1, 0)


async def test_what_a_full_inbox_refuses_is_raised() -> None:
    ada: Inbox[Any] = Inbox("ada", capacity=1, overflow="reject")
    ada.send_nowait("a")
    with pytest.raises(MailboxFull):
        asks(ada)


async def test_one_that_is_queued_is_withdrawn_when_it_is_given_up(ada: Inbox[Any]) -> None:
    asked, told = asks(ada)
    asked.cancel()
    assert "given up" in actor_stopped(told)
    assert ada.take() is None
    assert ends(ada) == (0, 0, 0, 1)


async def test_cancellation_is_told_only_when_the_finally_of_the_work_has_run(
    ada: Inbox[Any], autojump_clock: Clock
) -> None:
    log: list[str] = []

    async def work(inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            with letter.work():
                try:
                    await trio.sleep_forever()
                finally:
                    with trio.CancelScope(shield=True):
                        await trio.sleep(5)
                    log.append("work has ended")
            inbox.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, ada, work)
        asked = ask_then(ada, Question(), lambda *_: log.append("told"), copy_context())
        assert asked is not None
        await settle()
        asked.cancel()
        asked.cancel()  # the second time it changes nothing
    assert log == ["work has ended", "told"]
    assert ends(ada) == (0, 0, 0, 1)


async def test_an_error_out_of_cancelled_work_is_told(ada: Inbox[Any]) -> None:
    asked, told = asks(ada)
    letter = ada.receive_nowait()
    error = OSError("could not be closed")
    with letter.work():
        asked.cancel()
        letter.break_off(error)
    assert told == [(None, error)]
    assert ends(ada) == (0, 1, 0, 0)


async def test_a_detached_one_that_is_given_up_is_told_at_once_and_its_work_goes_on(ada: Inbox[Any]) -> None:
    asked, told = asks(ada, detached=True)
    letter = ada.receive_nowait()
    asked.cancel()
    assert "given up" in actor_stopped(told)
    assert not letter.abandoned
    letter.reply("too late")
    assert len(told) == 1
    assert ends(ada) == (1, 0, 0, 0)


async def test_giving_up_what_has_ended_changes_nothing(ada: Inbox[Any]) -> None:
    asked, told = asks(ada)
    ada.receive_nowait().reply("yes")
    asked.cancel()
    assert told == [("yes", None)]
    assert ends(ada) == (1, 0, 0, 0)


async def test_the_handler_has_the_context_that_was_given(ada: Inbox[Any]) -> None:
    user = ContextVar("user", default="nobody")
    context = copy_context()
    context.run(user.set, "eve")
    asked = ask_then(ada, Question(), lambda *_: None, context)
    assert asked is not None
    assert asked.context[user] == "eve"
    ada.close()
