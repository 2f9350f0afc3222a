"""Messages that are delivered again after a crash."""

from typing import Any

import pytest
import trio

from actrio.actors import State, Supervisor, child, handles, open_runtime
from actrio.mailbox import ActorStopped, Inbox
from tests.actors.crew import Add, Boom, Counter, Do, Get, Late, settle


async def test_a_redelivered_message_keeps_its_place_among_the_messages_of_its_sender() -> None:
    got = list[str]()

    def note(text: str, *, fails: bool = False) -> Do:
        async def work(_: Counter) -> None:
            got.append(text)
            if fails and got.count(text) == 1:
                await trio.sleep(1)
                raise ValueError

        return Do(work)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent", redeliver=True)
        for message in (note("a"), note("b", fails=True), note("c")):
            await ref.tell(message)
        await trio.sleep(10)
    assert got == ["a", "b", "b", "c"]


async def test_a_declared_error_is_not_redelivered() -> None:
    class Fussy(Counter):
        @handles(raises=(KeyError,))
        async def add(self, message: Add) -> None:
            raise KeyError("declared")

        @handles(raises=(ValueError,))
        async def boom(self, message: Boom) -> int:
            raise ValueError("declared")

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Fussy, restart="permanent", redeliver=True)
        with pytest.raises(ValueError, match="declared"):
            await ref.ask(Boom())
        assert ref.metrics().restarts == 0


async def test_a_message_whose_asker_left_is_not_redelivered() -> None:
    async def fail_when_cancelled(_: Counter) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("at the end")

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent", redeliver=True)
        with pytest.raises(ValueError, match="at the end"), trio.move_on_after(1):
            await ref.ask(Do(fail_when_cancelled))
        await trio.sleep(10)
        assert ref.metrics().mailbox.balanced
        assert await ref.ask(Get()) == 0


async def test_a_letter_whose_asker_left_is_not_redelivered() -> None:
    lives = list[int]()

    async def fails_when_cancelled(inbox: Inbox[Any]) -> None:
        lives.append(1)
        async for letter in inbox:
            if len(lives) > 1:
                letter.fail(AssertionError("delivered again"))
                return
            with letter.work():
                try:
                    await trio.sleep_forever()
                finally:
                    raise ValueError("at the end")

    async with open_runtime() as runtime:
        ref = await runtime.spawn(fails_when_cancelled, restart="permanent", redeliver=True)
        with pytest.raises(ValueError, match="at the end"), trio.move_on_after(1):
            await ref.ask(Get())
        await trio.sleep(10)
        assert (ref.state, len(lives)) == (State.RUNNING, 2)


async def test_stopping_an_actor_ends_what_waits_to_be_redelivered() -> None:
    async with open_runtime() as runtime:
        children = [child(Counter, name="a", redeliver=True)]
        s = await runtime.spawn(Supervisor("s", intensity=9, backoff=50, max_backoff=50, children=children))
        ref = s.child("a")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(ActorStopped):
                    await ref.ask(Boom())

            await settle()
            assert ref.state is State.DOWN
            await ref.stop()
        assert ref.metrics().mailbox.dead == 1


async def test_a_message_that_fails_late_in_its_grace_ends_as_failed() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, redeliver=True, restart="permanent")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(ValueError, match="late"):
                    await ref.ask(Late(1))

            await settle()
            await ref.stop()
        assert ref.metrics().mailbox.failed == 1
