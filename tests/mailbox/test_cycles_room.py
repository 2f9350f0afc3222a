"""Circles in which somebody waits for room in a full mailbox are refused where they would close."""

from functools import partial
from types import NoneType
from typing import Any

import pytest
import trio
import trio.testing

from actrio.mailbox import AskCycleError, Envelope, Inbox, MailboxFull, TellCycleError, WaitCycleError, ask
from tests.mailbox.circles import Clock, acting, asks, fill, inboxes, replying, ring, settle, told
from tests.mailbox.mailroom import Asked, Question


async def test_an_actor_that_waits_for_room_in_its_own_full_mailbox_is_refused(autojump_clock: Clock) -> None:
    (a,) = inboxes("a", capacity=2)

    async def tell_itself(letter: Envelope[Any]) -> None:
        await fill(a)
        await a.send("one more")

    async with acting({a: replying(tell_itself)}):
        with pytest.raises(TellCycleError) as caught:
            await ask(a, Question())
    assert ring(caught.value) == "a"
    assert "this tell would close a cycle" in str(caught.value)


async def test_full_mailboxes_that_wait_for_each_other_are_refused(autojump_clock: Clock) -> None:
    a, b = inboxes("ab", capacity=1)
    refused: list[WaitCycleError] = []

    async def tell(target: Inbox[Any], inbox: Inbox[Any]) -> None:
        await inbox.receive()
        await fill(target)
        try:
            await target.send("one more")
        except TellCycleError as error:
            refused.append(error)

    for box in (a, b):
        box.send_nowait("begin")
    async with acting({a: partial(tell, b), b: partial(tell, a)}):
        await trio.sleep(1)
    assert [ring(error) for error in refused] == ["ab"]


async def test_a_circle_of_an_ask_and_a_tell_that_waits_for_room_is_refused_at_the_tell(autojump_clock: Clock) -> None:
    a, b = inboxes("ab", capacity=1)

    async def tell_back(_: Envelope[Any]) -> None:
        await fill(a)
        await a.send("one more")

    async with acting({a: asks(b), b: replying(tell_back)}):
        with pytest.raises(TellCycleError) as caught:
            await ask(a, Question())
    assert ring(caught.value) == "ab"


async def test_a_circle_of_a_tell_that_waits_for_room_and_an_ask_is_refused_at_the_ask(autojump_clock: Clock) -> None:
    a, b = inboxes("ab", capacity=1)

    async def tell_on(_: Envelope[Any]) -> None:
        await b.send("one more")

    async def ask_back(inbox: Inbox[Any]) -> None:
        await inbox.receive()
        await fill(inbox)
        a.send_nowait("begin")
        await settle()
        with pytest.raises(AskCycleError) as caught:
            await ask(a, Question())
        assert ring(caught.value) == "ab"
        inbox.close()

    b.send_nowait("begin")
    async with acting({a: told(tell_on), b: ask_back}):
        await trio.sleep(1)
    assert b.stopped


async def test_an_ask_that_waits_for_room_closes_a_circle_too(autojump_clock: Clock) -> None:
    a, b = inboxes("ab", capacity=1)

    async def fill_and_ask(_: Envelope[Any]) -> Any:
        await fill(a)
        return await ask(a, Question())

    async with acting({a: asks(b), b: replying(fill_and_ask)}):
        with pytest.raises(AskCycleError):
            await ask(a, Question())


@pytest.mark.parametrize("overflow", ["reject", "drop_oldest", "drop_newest"])
async def test_a_tell_that_does_not_wait_is_never_refused_as_a_circle(overflow: Any, autojump_clock: Clock) -> None:
    (a,) = inboxes("a", capacity=1, overflow=overflow)

    async def tell_itself(_: Envelope[Any]) -> None:
        await fill(a)
        await a.send("one more")

    async with acting({a: replying(tell_itself)}):
        asked = Asked()
        await asked.run(a, Question())
    assert isinstance(asked.end, MailboxFull if overflow == "reject" else NoneType)
