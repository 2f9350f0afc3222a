"""Cancellation and deadlines of one ask cross to its handler."""

import pytest
import trio

from actrio.actors import State, open_runtime
from actrio.mailbox import DeadlinePassed
from tests.actors.crew import Add, Counter, Do, Echo, Get, Log, Nap, cancelled_at


async def test_the_handler_is_cancelled_with_its_asker_and_has_ended_before_the_scope_exits() -> None:
    log = Log()

    async def slow_end(_: Counter) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
            log("finally ran")

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.move_on_after(1) as scope:
            await ref.ask(Do(slow_end))
        log("scope left")
        assert scope.cancelled_caught
        assert log.lines == ["finally ran", "scope left"]
        assert await ref.ask(Get()) == 0


async def test_an_asker_that_its_own_handler_cancels_is_let_go() -> None:
    async def cancel_asker(_: Counter) -> None:
        scope.cancel()
        await trio.sleep_forever()

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.CancelScope() as scope:
            await ref.ask(Do(cancel_asker))
        assert scope.cancelled_caught
        assert await ref.ask(Get()) == 0


async def test_a_deadline_ends_the_ask_exactly_then() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        start = trio.current_time()
        with pytest.raises(trio.TooSlowError), trio.fail_after(7):
            await ref.ask(Nap())
        assert trio.current_time() - start == 7


async def test_the_cancellation_of_a_handler_is_level_triggered() -> None:
    cancelled = list[int]()

    async def stubborn(_: Counter) -> None:
        for number in range(3):
            try:
                await trio.lowlevel.checkpoint() if number else await trio.sleep_forever()
            except trio.Cancelled:  # noqa: ASYNC103 - swallowed, and comes again
                cancelled.append(number)
        await trio.lowlevel.checkpoint()

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.move_on_after(1) as scope:
            await ref.ask(Do(stubborn))
        assert scope.cancelled_caught
        assert cancelled == [0, 1, 2]


async def test_a_handler_that_swallows_its_cancellation_does_not_answer_its_asker() -> None:
    async def swallow(_: Counter) -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
        return "too late"

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        answer = None
        with trio.move_on_after(1) as scope:
            answer = await ref.ask(Do(swallow))
        assert (answer, scope.cancelled_caught) == (None, True)
        assert ref.metrics().mailbox.abandoned == 1
        assert await ref.ask(Echo("mine")) == "mine"


async def test_an_ask_cancelled_while_queued_is_withdrawn_and_never_handled() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, log)
        await ref.tell(Nap(5))
        with trio.move_on_after(1) as scope:
            await ref.ask(Do(lambda actor: actor.log("handled")))
        assert trio.current_time() == scope.deadline
        assert ref.metrics().mailbox.queued == 0
        await trio.sleep(10)
        assert "handled" not in log.lines


async def test_an_ask_whose_deadline_has_passed_is_not_sent() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.move_on_after(0) as scope:
            await ref.ask(Get())
        assert scope.cancelled_caught
        assert ref.metrics().mailbox.sent == 0


async def test_a_detached_ask_works_on_after_its_asker_left_and_its_reply_is_dropped() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, log)
        with trio.move_on_after(1) as scope:
            await ref.ask(Nap(5), detached=True)
        assert trio.current_time() == scope.deadline
        assert "counter awake" not in log.lines
        assert await ref.ask(Echo("mine")) == "mine"
        assert log.lines[-1] == "counter awake"
        assert ref.metrics().mailbox.handled == 2


async def test_a_detached_ask_gives_its_reply_to_an_asker_that_stays() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        assert await ref.ask(Nap(5), detached=True) == "rested"


async def test_a_cancelled_ask_spoils_no_later_message_of_any_actor() -> None:
    async with open_runtime() as runtime:
        refs = [await runtime.spawn(Counter) for _ in range(3)]
        for _ in range(5):
            for ref in refs:
                with trio.move_on_after(1):
                    await ref.ask(Nap())
                assert await ref.ask(Nap(3)) == "rested"
                await ref.tell(Add())
        assert [await ref.ask(Get()) for ref in refs] == [5, 5, 5]


async def test_a_deadline_moved_after_the_ask_does_not_reach_it_and_the_error_says_so() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.move_on_after(1) as scope:
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def _() -> None:
                    await trio.sleep(0.5)
                    scope.deadline += 10

                with pytest.raises(DeadlinePassed, match="ask inside the scope with the later one"):
                    await ref.ask(Nap(5))
        assert await ref.ask(Get()) == 0


async def test_ask_cancelled_at_any_await_leaves_nothing_in_the_mailbox() -> None:
    async def work(_: Counter) -> int:
        await trio.lowlevel.checkpoint()
        await trio.sleep(1)
        return await other.ask(Nap(1)) == "rested"

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        other = await runtime.spawn(Counter)
        at = 1
        while await cancelled_at(at, lambda: ref.ask(Do(work)), any_task=True):
            for one in (ref, other):
                mailbox = one.metrics().mailbox
                assert (mailbox.queued, mailbox.in_hand, mailbox.balanced) == (0, 0, True), at
                assert mailbox.asks_in_flight == 0
                assert one.state is State.RUNNING
            at += 1
        assert await ref.ask(Do(work)) == 1
    assert at > 5


async def test_a_handlers_own_timeout_is_its_own_affair() -> None:
    async def patient(_: Counter) -> bool:
        with trio.move_on_after(2) as scope:
            await trio.sleep_forever()
        return scope.cancelled_caught

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.fail_after(100):
            assert await ref.ask(Do(patient)) is True
