"""Class actors at work: one message at a time, conversations, context variables, cancellation, redelivery."""

from collections.abc import Hashable
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from attrs import frozen

from actrio.actors import Actor, State, Supervisor, child, handles, open_runtime
from actrio.mailbox import ActorStopped, DeadlinePassed, MailboxFull, Request
from tests.actors.crew import (
    Add,
    Boom,
    Counter,
    Do,
    Echo,
    Get,
    Late,
    Log,
    Nap,
    Unknown,
    cancelled_at,
    crash,
    ignore,
    settle,
)

# One at a time, or several conversations


@frozen
class Say(Request[str]):
    """Something said in a conversation, which takes a while. Seconds."""

    conversation: Hashable
    text: str
    seconds: float = 1


class Talker(Counter):
    """Serves conversations; notes what begins and ends when."""

    now = 0

    def conversation(self, message: Any) -> Hashable | None:
        return message.conversation if isinstance(message, Say) else None

    @handles
    async def say(self, message: Say) -> str:
        self.log(f"{message.conversation}{message.text} begins")
        Talker.now += 1
        try:
            await trio.sleep(message.seconds)
            return f"{Talker.now} at once"
        finally:
            Talker.now -= 1
            self.log(f"{message.conversation}{message.text} ends")


async def test_an_actor_handles_one_message_at_a_time() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log)
        log.take()
        async with trio.open_nursery() as nursery:
            for conversation in "ab":
                nursery.start_soon(ref.ask, Say(conversation, "1"))
        assert len(log.lines) == 4
        assert log.lines[1].replace("ends", "begins") == log.lines[0]


async def test_concurrency_serves_as_many_conversations_at_once_and_no_more() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log, concurrency=2)
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            for conversation in "abcd":
                nursery.start_soon(ref.ask, Say(conversation, "1"))
            await settle()
            assert (ref.metrics().mailbox.in_hand, ref.metrics().mailbox.queued) == (2, 2)
        assert trio.current_time() - start == 2


async def test_one_conversation_is_served_in_order_and_never_twice_at_once() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log, concurrency=9)
        log.take()
        for text in "123":
            await ref.tell(Say("a", text))
        await ref.tell(Say("b", "1"))
        await trio.sleep(10)
        mine = [line for line in log.lines if line.startswith("a")]
        assert mine == [f"a{text} {event}" for text in "123" for event in ("begins", "ends")]
        assert log.lines.index("b1 begins") < log.lines.index("a1 ends")


async def test_messages_of_no_conversation_are_served_at_once() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, concurrency=3)
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ref.ask, Nap(1))
        assert trio.current_time() - start == 1


async def test_a_held_message_counts_as_queued_and_against_the_capacity() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, concurrency=2, capacity=2, overflow="reject")
        for text in "123":
            await ref.tell(Say("a", text))
            await settle()
        assert (ref.metrics().mailbox.in_hand, ref.metrics().mailbox.queued) == (1, 2)
        with pytest.raises(MailboxFull):
            await ref.tell(Say("b", "1"))
        await trio.sleep(10)
        assert ref.metrics().mailbox.handled == 3


async def test_a_cancelled_turn_lets_the_next_of_its_conversation_go_on() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, concurrency=2)
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(1):
                nursery.start_soon(ref.ask, Nap(1))
                await ref.ask(Say("a", "1", seconds=1e9))
            assert await ref.ask(Say("a", "2")) == "1 at once"


async def test_a_held_ask_that_is_given_up_leaves_the_others_of_its_conversation_alone() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log, concurrency=2)
        await ref.tell(Say("a", "1", seconds=5))
        with trio.move_on_after(1):
            await ref.ask(Say("a", "2"))
        await ref.ask(Say("a", "3"))
        assert "a2 begins" not in log.lines
        assert ref.metrics().mailbox.abandoned == 1
        assert ref.metrics().mailbox.balanced


async def test_a_crash_cuts_the_other_messages_in_hand_and_the_rest_survives() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log, concurrency=2, restart="permanent")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(ActorStopped, match="crashed: ValueError"):
                    await ref.ask(Say("a", "1", seconds=1e9))

            await settle()
            nursery.start_soon(ref.ask, Say("a", "2"))
            await settle()
            await crash(ref)
        assert log.lines[1:4] == ["a1 begins", "a1 ends", "counter stopped"]
        assert log.lines[-2:] == ["a2 begins", "a2 ends"]


async def test_two_messages_of_one_actor_that_crash_at_once_hide_neither_error() -> None:
    with pytest.RaisesGroup(ValueError, ValueError):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter, concurrency=2)
            for _ in range(2):
                await ref.tell(Late(1))
            await trio.sleep_forever()


@pytest.mark.parametrize("key", ["raises", "unhashable"])
async def test_a_conversation_key_that_cannot_be_is_a_crash_that_its_asker_gets(key: str) -> None:
    class Broken(Talker):
        def conversation(self, message: Any) -> Any:
            if not isinstance(message, Echo):
                return None
            return [] if key == "unhashable" else 1 // 0

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Broken, concurrency=2, restart="permanent")
        with trio.fail_after(10), pytest.raises((ZeroDivisionError, TypeError)):
            await ref.ask(Echo())
        assert await ref.ask(Get()) == 0
        assert ref.metrics().restarts == 1


class Particular(Talker):
    """Knows conversations of its own messages only."""

    def conversation(self, message: Any) -> Any:
        if isinstance(message, Unknown | Echo):
            raise LookupError  # noqa: TRY004 - as a look-up by it would
        return None


async def test_a_conversation_key_that_fails_for_an_unhandled_message_harms_no_other() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Particular, concurrency=2, restart="permanent")
        await ref.tell(Unknown())
        assert await ref.ask(Get()) == 0
        assert ref.metrics().restarts == 0


async def test_a_conversation_key_that_fails_is_blamed_on_its_own_message_alone() -> None:
    async with open_runtime() as runtime:
        ref, near = await runtime.spawn(Particular, concurrency=2, restart="permanent"), await runtime.spawn(Counter)
        outcomes = list[str]()

        async def ask_from_an_actor(_: Counter) -> None:
            with pytest.raises(LookupError):
                await ref.ask(Echo())
            outcomes.append("lookup error")

        for seconds in (1, 2):  # both slots are taken
            await ref.tell(Nap(seconds))
        await settle()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _get() -> None:
                outcomes.append(f"got {await ref.ask(Get())}")

            await settle()
            nursery.start_soon(near.ask, Do(ask_from_an_actor))
        assert sorted(outcomes) == ["got 0", "lookup error"]


async def test_stop_gives_every_conversation_in_hand_its_grace() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Talker, log, concurrency=3, grace=2)
        for conversation, seconds in (("a", 1), ("b", 3), ("a", 1)):
            await ref.tell(Say(conversation, "1", seconds))
        await settle()
        start = trio.current_time()
        await ref.stop()
        assert trio.current_time() - start == 2
        assert log.lines[1:] == ["a1 begins", "b1 begins", "a1 ends", "b1 ends", "counter stopped"]
        assert ref.metrics().mailbox.dead == 1


# Context variables

trace: ContextVar[str] = ContextVar("trace", default="none")


async def read(_: Actor) -> str:
    await trio.lowlevel.checkpoint()
    return trace.get()


def write(value: str, *, sleeps: bool = False) -> Do:
    async def work(_: Actor) -> str:
        if sleeps:
            await trio.sleep(1)
        trace.set(value)
        await trio.lowlevel.checkpoint()
        return trace.get()

    return Do(work)


async def test_an_asked_message_is_handled_in_the_askers_context() -> None:
    async with open_runtime() as runtime:
        far, near = await runtime.spawn(Counter), await runtime.spawn(Counter)
        trace.set("mine")

        async def pass_on(_: Counter) -> Any:
            return await far.ask(Do(read))

        assert await far.ask(Do(read)) == "mine"
        assert await near.ask(Do(pass_on)) == "mine"


async def test_what_a_handler_sets_reaches_neither_its_asker_nor_the_next_message() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        for sleeps in (False, True):
            assert await ref.ask(write("handlers", sleeps=sleeps)) == "handlers"
            assert trace.get() == "none"
            assert await ref.ask(Do(read)) == "none"


async def test_a_told_message_is_handled_in_the_context_of_where_the_actor_was_spawned() -> None:
    seen = list[str]()

    async def note(_: Counter) -> None:
        seen.append(await read(_))

    trace.set("spawner")
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        trace.set("teller")
        await ref.tell(Do(note))
        await settle()
        await crash(ref)
        await ref.tell(Do(note))
        await settle()
    assert seen == ["spawner", "spawner"]


async def test_actors_do_not_see_each_others_context() -> None:
    seen = dict[str, str]()

    async def note(actor: Counter) -> None:
        seen[actor.label] = trace.get()

    async with open_runtime() as runtime:
        one, other = [await runtime.spawn(Counter, ignore, label) for label in ("one", "other")]
        await one.tell(write("one's"))
        await other.tell(Do(note))
        await settle()
        assert seen == {"other": "none"}


async def test_overlapping_handlers_of_one_actor_do_not_see_each_others_context() -> None:
    seen = list[str]()

    async def note(_: Counter) -> None:
        await trio.sleep(2)
        seen.append(trace.get())

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, concurrency=2)
        await ref.tell(Do(note))
        await ref.tell(write("others", sleeps=True))
        await trio.sleep(5)
    assert seen == ["none"]


async def test_what_started_sets_is_there_for_told_messages_and_for_stopped() -> None:
    seen = list[str]()

    class Sets(Counter):
        async def started(self) -> None:
            trace.set("started")

        async def stopped(self) -> None:
            seen.append(trace.get())

    async def note(_: Counter) -> None:
        seen.append(trace.get())

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Sets)
        await ref.tell(Do(note))
        await settle()
    assert seen == ["started", "started"]
    assert trace.get() == "none"


async def test_the_tasks_of_a_handler_see_its_context() -> None:
    async def in_a_nursery(_: Counter) -> list[str]:
        seen = list[str]()

        async def note() -> None:
            await trio.lowlevel.checkpoint()
            seen.append(trace.get())

        async with trio.open_nursery() as nursery:  # noqa: ASYNC112 - that it is another task is what is tested
            nursery.start_soon(note)
        return seen

    trace.set("asker")
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        assert await ref.ask(Do(in_a_nursery)) == ["asker"]


async def test_a_child_that_is_made_anew_by_a_restart_has_its_supervisors_context() -> None:
    seen = list[str]()

    async def note(_: Counter) -> None:
        seen.append(trace.get())

    async def crash_in_a_context(value: str) -> None:
        trace.set(value)
        await crash(runtime.find("outer/inner/b"))

    trace.set("spawner")
    inner = Supervisor("inner", intensity=0, children=[child(Counter, name="a"), child(Counter, name="b")])
    async with open_runtime() as runtime, trio.open_nursery() as nursery:
        await runtime.spawn(Supervisor("outer", children=[inner]))
        await runtime.find("outer/inner/a").stop()
        nursery.start_soon(crash_in_a_context, "asker")
        await settle()
        await runtime.find("outer/inner/a").tell(Do(note))
        await settle()
    assert seen == ["spawner"]


# Cancellation and deadlines of one ask


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


# Redelivery


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
