"""Coroutine actors."""

from contextvars import ContextVar
from typing import Any

import pytest
import trio

from actrio.actors import State, open_runtime
from actrio.mailbox import (
    ActorStopped,
    AlreadyAnswered,
    AskCycleError,
    Envelope,
    Inbox,
    NotAnAsk,
    NotAnswered,
    ask,
)
from tests.actors.crew import Add, Boom, Counter, Do, Echo, Get, Log, Nap, Unknown, counter, crash, settle


async def test_async_for_ends_when_the_actor_is_to_stop_and_the_function_may_clean_up() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter, log)
        await ref.stop()
        assert log.lines == ["started", "ended"]


async def test_a_letter_in_hand_may_be_finished_within_the_grace() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter, grace=5)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                assert await ref.ask(Nap(4)) == "rested"

            await settle()
            await ref.stop()


async def test_what_does_not_end_within_the_grace_is_cancelled() -> None:
    log = Log()

    async def deaf(_: Inbox[Any]) -> None:
        try:
            await trio.sleep_forever()
        finally:
            log("cancelled")

    async with open_runtime() as runtime:
        ref = await runtime.spawn(deaf, grace=3)
        start = trio.current_time()
        await ref.stop()
        assert trio.current_time() - start == 3
        assert log.lines == ["cancelled"]
        assert ref.state is State.STOPPED


async def test_a_letter_cut_by_the_stop_tells_its_asker() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter, grace=1)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(ActorStopped):
                    await ref.ask(Nap())

            await settle()
            await ref.stop()
        assert ref.metrics().mailbox.failed == 1


async def test_a_crash_fails_the_letter_in_hand_and_a_restart_finds_the_queue() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter, restart="permanent")
        ref.tell_nowait(Boom())
        ref.tell_nowait(Add(3))
        assert await ref.ask(Get()) == 3
        assert ref.metrics().restarts == 1


async def test_a_crash_that_the_asker_got_is_handled() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter)
        await crash(ref)
        assert str((await ref.watch()).error) == "boom"


async def test_an_untaken_crash_leaves_the_runtime() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="boom")):
        async with open_runtime() as runtime:
            await (await runtime.spawn(counter)).tell(Boom())
            await trio.sleep_forever()


async def test_a_crash_before_the_first_letter_keeps_the_mail_for_the_next_instance() -> None:
    starts = list[int]()

    async def shaky(inbox: Inbox[Any]) -> None:
        starts.append(1)
        if len(starts) < 3:
            raise OSError
        await counter(inbox)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(shaky, restart="permanent")
        await ref.tell(Add(2))
        assert await ref.ask(Get()) == 2
        assert len(starts) == 3


async def test_an_ask_that_is_not_answered_before_the_next_receive_fails() -> None:
    async with open_runtime() as runtime:

        async def silent(inbox: Inbox[Any]) -> None:
            async for _ in inbox:
                pass

        ref = await runtime.spawn(silent)
        with pytest.raises(NotAnswered, match="received its next message without answering"):
            await ref.ask(Get())


async def test_an_ask_in_hand_when_the_function_returns_fails() -> None:
    async with open_runtime() as runtime:

        async def takes_one(inbox: Inbox[Any]) -> None:
            await inbox.receive()

        ref = await runtime.spawn(takes_one)
        with pytest.raises(NotAnswered):
            await ref.ask(Get())
        assert (await ref.watch()).reason == "returned"


async def test_a_letter_can_be_failed_without_a_crash() -> None:
    async def refuses(inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            letter.fail(KeyError("no"))

    async with open_runtime() as runtime:
        ref = await runtime.spawn(refuses)
        for _ in range(2):
            with pytest.raises(KeyError, match="no"):
                await ref.ask(Get())
        assert ref.metrics().restarts == 0


async def test_answering_twice_or_a_told_letter_is_an_error_of_the_actor() -> None:
    errors = list[Exception]()

    async def careless(inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            for _ in range(2):
                try:
                    letter.reply(1)
                except (AlreadyAnswered, NotAnAsk) as error:
                    errors.append(error)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(careless)
        assert await ref.ask(Get()) == 1
        await ref.tell(Add())
        await settle()
    assert [type(error) for error in errors] == [AlreadyAnswered, NotAnAsk, NotAnAsk]


async def test_an_actor_with_endless_mail_does_not_starve_others() -> None:
    async def endless(inbox: Inbox[Any]) -> None:
        async for _ in inbox:
            inbox.send_nowait(Add())

    async with open_runtime() as runtime:
        ref, other = await runtime.spawn(endless), await runtime.spawn(counter)
        await ref.tell(Add())
        for number in range(10):
            assert await other.ask(Get()) == number
            await other.tell(Add())
        await ref.stop()


async def test_a_letter_may_be_answered_by_another_task_while_it_is_in_hand() -> None:
    async def delegates(inbox: Inbox[Any]) -> None:
        async with trio.open_nursery() as nursery:
            async for letter in inbox:
                nursery.start_soon(answer, letter)
                await trio.sleep(2)

    async def answer(letter: Envelope[Any]) -> None:
        await trio.sleep(1)
        letter.reply(7)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(delegates)
        assert await ref.ask(Get()) == 7


async def test_work_is_cancelled_with_its_asker_and_the_actor_goes_on() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter)
        with trio.move_on_after(1) as scope:
            await ref.ask(Nap())
        assert scope.cancelled_caught
        assert await ref.ask(Get()) == 0
        assert ref.metrics().mailbox.abandoned == 1


async def test_without_work_a_cancelled_asker_is_let_go_at_once_and_the_letter_says_so() -> None:
    seen = list[bool]()

    async def slow(inbox: Inbox[Any]) -> None:
        async for letter in inbox:
            await trio.sleep(5)
            seen.append(letter.abandoned)
            letter.reply("dropped")

    async with open_runtime() as runtime:
        ref = await runtime.spawn(slow)
        with trio.move_on_after(1) as scope:
            await ref.ask(Get())
        assert trio.current_time() == scope.deadline
        await trio.sleep(10)
        assert seen == [True]


async def test_a_coroutine_actor_may_ask_and_a_cycle_through_it_is_found() -> None:
    async with open_runtime() as runtime:
        far = await runtime.spawn(Counter, restart="permanent")
        near = await runtime.spawn(counter, name="near")

        async def ask_back(_: Counter) -> Any:
            return await near.ask(Get())

        async def pass_on(_: Any) -> Any:
            with pytest.raises(AskCycleError):
                await far.ask(Do(ask_back))
            return await far.ask(Echo(5))

        with trio.fail_after(10):
            assert await near.ask(Do(pass_on)) == 5


async def test_an_ask_to_oneself_raises_with_or_without_a_letter_in_hand() -> None:
    errors = list[Exception]()

    async def selfish(inbox: Inbox[Any]) -> None:
        for _ in range(2):
            try:
                await ask(inbox, Get())
            except AskCycleError as error:
                errors.append(error)
            await anext(inbox, None)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(selfish)
        await settle()
        await ref.tell(Add())
        await settle()
        assert len(errors) == 2


async def test_the_end_of_the_inbox_let_out_of_the_function_is_no_crash() -> None:
    async def receives(inbox: Inbox[Any]) -> None:
        while True:
            letter = await inbox.receive()
            letter.reply("answered")

    async with open_runtime() as runtime:
        ref = await runtime.spawn(receives)
        assert await ref.ask(Echo()) == "answered"
        other = await runtime.spawn(receives)
        await other.stop()
        assert (await other.watch()).error is None


async def test_a_crash_during_the_stop_reaches_the_owner_of_the_runtime() -> None:
    async def fails_at_the_end(inbox: Inbox[Any]) -> None:
        async for _ in inbox:
            pass
        raise OSError("at the end")

    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="at the end")):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(fails_at_the_end)
            await ref.stop()
            await trio.sleep_forever()


async def test_a_coroutine_actor_that_crashes_while_cancelled_tells_its_askers() -> None:
    async def fails_when_cancelled(inbox: Inbox[Any]) -> None:
        async for _ in inbox:
            try:
                await trio.sleep_forever()
            finally:
                raise OSError("when cancelled")

    with pytest.RaisesGroup(pytest.RaisesExc(OSError), flatten_subgroups=True):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(fails_when_cancelled, grace=1)
            await ref.tell(Get())
            await settle()
            await ref.stop()
            await trio.sleep_forever()


async def test_messages_of_an_unknown_type_are_the_functions_own_affair() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter)
        await ref.tell(Unknown())  # its match has a case for the rest, which leaves the loop
        assert (await ref.watch()).reason == "returned"


trace: ContextVar[str] = ContextVar("trace", default="none")


async def test_a_restarted_coroutine_actor_begins_with_the_context_of_its_spawner_again() -> None:
    seen = list[str]()

    async def marked(inbox: Inbox[Any]) -> None:
        seen.append(trace.get())
        trace.set("first instance")
        await counter(inbox)

    trace.set("spawner")
    async with open_runtime() as runtime:
        ref = await runtime.spawn(marked, restart="permanent")
        await crash(ref)
        await settle()
    assert seen == ["spawner", "spawner"]


async def test_context_variables_of_a_coroutine_actor_are_those_of_its_spawner() -> None:
    async def read(_: Any) -> str:
        return trace.get()

    trace.set("spawner")
    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter)
        trace.set("asker")
        assert await ref.ask(Do(read)) == "spawner"
