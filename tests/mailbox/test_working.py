"""Who works on what: the message in hand is that of the nearest worker above the running task."""

from typing import Any

import trio
import trio.testing

from actrio.mailbox import Envelope, Inbox
from actrio.mailbox._working import current_inbox, message_in_hand, workers
from tests.mailbox.mailroom import Body, consume


async def on_a_letter(body: Body) -> None:
    """Run the body as the consumer "ada", with the message "a" in hand."""
    inbox: Inbox[Any] = Inbox("ada")

    async def consumer(inbox: Inbox[Any]) -> None:
        await inbox.receive()
        await body(inbox)

    inbox.send_nowait("a")
    await consume(inbox, consumer)


def in_hand() -> Any:
    """What the message in hand says; None without one."""
    letter = message_in_hand()
    return None if letter is None else letter.message


def test_outside_actors_nobody_works_on_a_message() -> None:
    assert current_inbox.get() is None
    assert message_in_hand() is None


async def test_a_consumer_works_on_the_last_message_it_received() -> None:
    async def body(inbox: Inbox[Any]) -> None:
        assert in_hand() == "a"
        inbox.send_nowait("b")
        await inbox.receive()
        assert in_hand() == "b"

    await on_a_letter(body)


async def test_the_tasks_of_a_nursery_that_the_consumer_opened_work_on_its_message_at_any_depth() -> None:
    seen: list[Any] = []

    async def child(depth: int) -> None:
        seen.append(in_hand())
        if depth:
            async with trio.open_nursery() as nursery:
                for _ in range(2):
                    nursery.start_soon(child, depth - 1)

    async def body(_: Inbox[Any]) -> None:
        await child(3)

    await on_a_letter(body)
    assert seen == ["a"] * 15


async def test_a_task_in_a_nursery_from_elsewhere_sends_as_the_actor_but_works_on_no_message() -> None:
    seen: list[Any] = []

    async def task() -> None:
        await trio.lowlevel.checkpoint()
        inbox = current_inbox.get()
        seen.extend((None if inbox is None else inbox.name, message_in_hand()))

    async with trio.open_nursery() as elsewhere:

        async def body(_: Inbox[Any]) -> None:
            elsewhere.start_soon(task)
            await trio.testing.wait_all_tasks_blocked()

        await on_a_letter(body)
    assert seen == ["ada", None]


async def test_a_task_that_runs_beside_the_loop_of_its_actor_works_on_no_message() -> None:
    inbox: Inbox[Any] = Inbox("ada")
    seen: list[Any] = []

    async def look() -> None:
        await trio.testing.wait_all_tasks_blocked()
        seen.append(in_hand())

    async def body(inbox: Inbox[Any]) -> None:
        async with trio.open_nursery() as beside:
            await inbox.receive()
            beside.start_soon(look)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(look)
                nursery.start_soon(look)

    inbox.send_nowait("a")
    await consume(inbox, body)
    assert sorted(map(str, seen)) == ["None", "a", "a"]


async def test_an_actor_that_runs_inside_another_works_on_its_own_messages() -> None:
    inner: Inbox[Any] = Inbox("bob")
    inner.send_nowait("b")

    async def inner_body(inbox: Inbox[Any]) -> None:
        await inbox.receive()
        assert in_hand() == "b"

    async def body(_: Inbox[Any]) -> None:
        await consume(inner, inner_body)
        assert in_hand() == "a"

    await on_a_letter(body)


async def test_no_worker_is_left_registered_when_its_actor_has_ended() -> None:
    async def body(_: Inbox[Any]) -> None:
        assert len(workers) == 1
        await trio.lowlevel.checkpoint()

    await on_a_letter(body)
    assert workers == {}


async def test_what_is_worked_on_between_two_messages_is_the_actor_itself() -> None:
    works: list[Envelope[Any] | None] = []

    async def body(inbox: Inbox[Any]) -> None:
        inbox.settle_in_hand()
        works.append(message_in_hand())
        await trio.lowlevel.checkpoint()

    await on_a_letter(body)
    assert works[0] is not None
    assert works[0].message is None
    assert works[0].inbox.name == "ada"
