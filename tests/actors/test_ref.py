"""Telling, asking, stopping and watching through a ref: every outcome."""

from typing import Any

import pytest
import trio
from attrs import frozen

from actrio.actors import Actor, ActorRef, Down, NoHandler, State, Supervisor, child, handles, open_runtime
from actrio.mailbox import (
    ActorStopped,
    AskCycleError,
    MailboxFull,
    Overflow,
    Request,
    TellCycleError,
)
from tests.actors.crew import (
    Add,
    Boom,
    Counter,
    Do,
    Echo,
    Factory,
    Get,
    Late,
    Log,
    Nap,
    Unknown,
    cancelled_at,
    counter,
    crash,
    settle,
)

# Telling and asking


async def test_tell_returns_once_the_message_is_enqueued() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.tell(Add(2))
        ref.tell_nowait(Add(3))
        assert await ref.ask(Get()) == 5


async def test_tell_and_ask_are_checkpoints_and_tell_nowait_is_none() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with trio.testing.assert_checkpoints():
            await ref.tell(Add())
        with trio.testing.assert_checkpoints():
            await ref.ask(Get())
        with trio.testing.assert_no_checkpoints():
            ref.tell_nowait(Add())


async def test_messages_and_replies_are_the_very_objects_that_were_given() -> None:
    value = object()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        assert await ref.ask(Echo(value)) is value


async def test_a_request_may_be_told_and_its_reply_is_dropped() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.tell(Get())
        await settle()
        assert ref.metrics().mailbox.handled == 1


async def test_messages_of_one_sender_are_handled_in_order() -> None:
    got = list[int]()

    class Keeper(Actor):
        @handles
        async def add(self, message: Add) -> None:
            if message.n % 7 == 0:
                await trio.sleep(1)
            got.append(message.n)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Keeper, capacity=5, grace=100)
        for number in range(50):
            await ref.tell(Add(number))
        await settle()
        await trio.sleep(100)
    assert got == list(range(50))


async def test_an_ask_that_no_handler_takes_raises_no_handler_and_the_actor_goes_on() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        with pytest.raises(NoHandler) as info:
            await ref.ask(Unknown())
        assert (info.value.actor, info.value.message_type) == ("counter", "Unknown")
        assert info.value.handled_types == ("Add", "Boom", "Do", "Echo", "Get", "Late", "Nap")
        assert "actor 'counter' has no handler for Unknown; it handles: Add, Boom" in str(info.value)
        assert await ref.ask(Get()) == 0


async def test_a_tell_that_no_handler_takes_becomes_a_dead_letter_and_the_actor_goes_on() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.tell(Unknown())
        assert await ref.ask(Get()) == 0
        assert ref.metrics().mailbox.dead == 1


@pytest.mark.parametrize("factory", [Counter, counter])
async def test_a_stopped_actor_takes_no_message(factory: Factory) -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(factory)
        await ref.stop()
        with pytest.raises(ActorStopped, match="actor 'counter' has stopped"):
            ref.tell_nowait(Add())
        with pytest.raises(ActorStopped):
            await ref.tell(Add())
        with pytest.raises(ActorStopped) as info:
            await ref.ask(Get())
        assert (info.value.actor, info.value.reason) == ("counter", "stopped")


async def test_the_ref_of_a_closed_runtime_says_that_its_actor_has_stopped() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
    with pytest.raises(ActorStopped, match="the runtime closed"):
        await ref.ask(Get())
    await ref.stop()
    assert (await ref.watch()).reason == "the runtime closed"


# Full mailboxes


async def busy(runtime: Any, overflow: Overflow, seconds: float = 1) -> ActorRef[Any]:
    """An actor that naps, with one message queued where there is room for one."""
    ref: ActorRef[Any] = await runtime.spawn(Counter, capacity=1, overflow=overflow)
    await ref.tell(Nap(seconds))
    await settle()
    await ref.tell(Add(1))
    return ref


async def test_a_full_mailbox_makes_tell_and_ask_wait_by_default() -> None:
    async with open_runtime() as runtime:
        ref = await busy(runtime, "wait")
        start = trio.current_time()
        with pytest.raises(MailboxFull, match="mailbox of 'counter' is full: capacity 1, overflow 'wait'"):
            ref.tell_nowait(Add(10))
        await ref.tell(Add(100))
        assert trio.current_time() - start == 1
        assert await ref.ask(Get()) == 101


async def test_a_full_mailbox_that_rejects_refuses_tell_and_ask() -> None:
    async with open_runtime() as runtime:
        ref = await busy(runtime, "reject")
        with pytest.raises(MailboxFull):
            ref.tell_nowait(Add(10))
        with pytest.raises(MailboxFull):
            await ref.tell(Add(10))
        with pytest.raises(MailboxFull):
            await ref.ask(Get())
        await trio.sleep(2)
        assert await ref.ask(Get()) == 1


async def test_a_full_mailbox_that_drops_the_newest_fails_a_new_ask() -> None:
    async with open_runtime() as runtime:
        ref = await busy(runtime, "drop_newest")
        await ref.tell(Add(10))
        with pytest.raises(MailboxFull):
            await ref.ask(Get())
        await trio.sleep(2)
        assert await ref.ask(Get()) == 1


async def test_a_full_mailbox_that_drops_the_oldest_fails_the_queued_ask() -> None:
    async with open_runtime() as runtime:
        ref = await busy(runtime, "drop_oldest")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(MailboxFull):
                    await ref.ask(Get())  # drops Add(1)

            await settle()
            await ref.tell(Add(10))
        await trio.sleep(2)
        assert await ref.ask(Get()) == 10


async def test_dropping_the_oldest_never_drops_a_down_message() -> None:
    downs = list[Down]()

    class Busy(Counter):
        @handles
        async def down(self, message: Down) -> None:
            downs.append(message)

    async with open_runtime() as runtime:
        watched = await runtime.spawn(Counter)
        ref = await runtime.spawn(Busy, capacity=1, overflow="drop_oldest")

        async def work(actor: Busy) -> None:
            actor.ctx.watch(watched)
            await watched.stop()
            for number in range(3):
                actor.ctx.ref.tell_nowait(Add(number))

        await ref.ask(Do(work))
        await trio.sleep(1)
        assert [down.ref for down in downs] == [watched]


# Cycles


@frozen
class Ask(Request[int]):
    """Ask the first of these actors to ask the rest."""

    refs: tuple[ActorRef[Any], ...]


class Asker(Actor):
    @handles
    async def pass_on(self, message: Ask) -> int:
        if not message.refs:
            return 0
        first, *rest = message.refs
        return 1 + await first.ask(Ask(tuple(rest)))


async def askers(runtime: Any, names: str, **settings: Any) -> list[ActorRef[Any]]:
    return [await runtime.spawn(Asker, name=name, restart="permanent", **settings) for name in names]


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
async def test_an_ask_cycle_raises_where_it_would_close_and_names_the_cycle(names: str) -> None:
    async with open_runtime() as runtime:
        refs = await askers(runtime, names)
        with trio.fail_after(1), pytest.raises(AskCycleError) as info:
            await refs[0].ask(Ask((*refs[1:], refs[0])))
        *cycle, again = info.value.cycle
        assert again == cycle[0]
        assert "".join(cycle) in names * 2
        assert " -> ".join(info.value.cycle) in str(info.value)


async def test_a_chain_of_asks_that_closes_no_cycle_is_fine() -> None:
    async with open_runtime() as runtime:
        a, b, c = await askers(runtime, "abc")
        assert await a.ask(Ask((b, c))) == 2


async def test_an_ask_cycle_through_an_actor_with_a_free_slot_is_fine() -> None:
    async with open_runtime() as runtime:
        a, b = await askers(runtime, "ab", concurrency=2)
        assert await a.ask(Ask((b, a, b))) == 3
        with trio.fail_after(1), pytest.raises(AskCycleError):
            await a.ask(Ask((b, a, b, a)))


async def test_a_cycle_closed_by_asks_that_came_from_different_sides_is_found() -> None:
    async with open_runtime() as runtime:
        a, b = await askers(runtime, "ab")
        errors = list[AskCycleError]()

        async def start(one: ActorRef[Any], other: ActorRef[Any]) -> None:
            try:
                await one.ask(Ask((other,)))
            except AskCycleError as error:
                errors.append(error)

        with trio.fail_after(1):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(start, a, b)
                nursery.start_soon(start, b, a)
        assert len(errors) == 1
        assert set(errors[0].cycle) == {"a", "b"}


async def test_an_ask_cycle_through_a_task_of_the_handler_is_found() -> None:
    async with open_runtime() as runtime:
        (a,) = await askers(runtime, "a")

        async def in_a_nursery(actor: Counter) -> None:
            async with trio.open_nursery() as nursery:  # noqa: ASYNC112 - that it is another task is what is tested
                nursery.start_soon(a.ask, Ask((actor.ctx.ref,)))

        ref = await runtime.spawn(Counter)
        with trio.fail_after(1), pytest.RaisesGroup(AskCycleError):
            await ref.ask(Do(in_a_nursery))


async def test_an_ask_to_oneself_in_the_started_hook_raises() -> None:
    class Eager(Counter):
        async def started(self) -> None:
            await self.ctx.ref.ask(Get())

    async with open_runtime() as runtime:
        with trio.fail_after(1), pytest.raises(AskCycleError):
            await runtime.spawn(Eager)


async def test_an_ask_cycle_through_the_started_hook_raises() -> None:
    class Eager(Asker):
        def __init__(self, other: ActorRef[Any]) -> None:
            self.other = other

        async def started(self) -> None:
            await self.other.ask(Ask((self.ctx.ref,)))

    async with open_runtime() as runtime:
        (a,) = await askers(runtime, "a")
        with trio.fail_after(1), pytest.raises(AskCycleError):
            await runtime.spawn(Eager, a)


async def test_a_started_hook_may_ask_others() -> None:
    class Curious(Counter):
        def __init__(self, other: ActorRef[Any]) -> None:
            super().__init__()
            self.other = other

        async def started(self) -> None:
            self.count = await self.other.ask(Echo(7))

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Curious, await runtime.spawn(Counter))
        assert await ref.ask(Get()) == 7


async def test_tells_that_wait_for_room_in_a_cycle_raise_where_it_would_close() -> None:
    async with open_runtime() as runtime:
        a = await runtime.spawn(Counter, name="a", capacity=1)
        b = await runtime.spawn(Counter, name="b", capacity=1)
        errors = list[TellCycleError]()

        def tell(other: ActorRef[Any]) -> Do:
            async def work(_: Counter) -> None:
                try:
                    for number in range(3):
                        await other.tell(Add(number))
                except TellCycleError as error:
                    errors.append(error)

            return Do(work)

        with trio.fail_after(1):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(a.ask, tell(b))
                nursery.start_soon(b.ask, tell(a))
        assert [set(error.cycle) for error in errors] == [{"a", "b"}]


async def test_a_tell_to_oneself_that_would_wait_for_room_raises() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, capacity=1)

        async def tell_twice(actor: Counter) -> None:
            await actor.ctx.ref.tell(Add())
            with pytest.raises(TellCycleError, match="counter -> counter"):
                await actor.ctx.ref.tell(Add())

        with trio.fail_after(1):
            await ref.ask(Do(tell_twice))
        assert await ref.ask(Get()) == 1


async def test_an_actor_may_tell_itself_while_there_is_room() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)

        async def tell(actor: Counter) -> None:
            await actor.ctx.ref.tell(Add(4))

        await ref.ask(Do(tell))
        assert await ref.ask(Get()) == 4


# Errors out of handlers


class Fussy(Counter):
    @handles(raises=(KeyError,))
    async def look_up(self, message: Unknown) -> int:
        raise {1: KeyError("declared"), 2: IndexError("not declared")}[self.count]


async def test_a_declared_error_is_an_answer_and_the_state_stays() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Fussy)
        await ref.tell(Add(1))
        with pytest.raises(KeyError, match="declared"):
            await ref.ask(Unknown())
        assert await ref.ask(Get()) == 1
        assert ref.metrics().mailbox.failed == 1


async def test_an_undeclared_error_reaches_the_asker_and_crashes_the_actor() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Fussy, restart="permanent")
        await ref.tell(Add(2))
        with pytest.raises(IndexError, match="not declared"):
            await ref.ask(Unknown())
        assert await ref.ask(Get()) == 0


async def test_a_declared_error_that_nobody_asked_for_is_a_crash() -> None:
    with pytest.RaisesGroup(KeyError):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Fussy)
            await ref.tell(Add(1))
            await ref.tell(Unknown())
            await trio.sleep_forever()


async def test_a_crash_that_its_asker_got_does_not_end_the_runtime() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await crash(ref)
        down = await ref.watch()
        assert (down.reason, repr(down.error)) == ("crashed: ValueError('boom')", "ValueError('boom')")


async def test_a_crash_that_somebody_watches_does_not_end_the_runtime() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ref.tell, Boom())
            down = await ref.watch()
        assert str(down.error) == "boom"


async def test_a_watch_that_was_cancelled_takes_no_error() -> None:
    with pytest.RaisesGroup(ValueError):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter)
            with trio.move_on_after(1):
                await ref.watch()
            await ref.tell(Boom())
            await trio.sleep_forever()


async def test_the_error_of_a_detached_ask_that_was_given_up_leaves_the_runtime() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="late")):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter)
            with trio.move_on_after(1):
                await ref.ask(Late(2), detached=True)
            await trio.sleep_forever()


async def test_an_exception_group_out_of_a_handler_reaches_the_asker_as_it_is() -> None:
    async def group(_: Counter) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail, KeyError())
            nursery.start_soon(fail, IndexError())

    async def fail(error: Exception) -> None:
        raise error

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        with pytest.RaisesGroup(KeyError, IndexError):
            await ref.ask(Do(group))
        assert await ref.ask(Get()) == 0
        assert ref.metrics().restarts == 1


async def test_an_exception_group_with_the_cancellation_in_it_gives_the_asker_the_rest() -> None:
    async def fail_when_cancelled(_: Counter) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError("instead")

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        with pytest.RaisesGroup(KeyError), trio.move_on_after(1):
            await ref.ask(Do(fail_when_cancelled))
        assert ref.metrics().mailbox.in_hand == 0
        assert await ref.ask(Get()) == 0


@pytest.mark.parametrize("sleeps", [False, True])
async def test_a_keyboard_interrupt_out_of_a_handler_ends_the_runtime_and_the_hooks_run(sleeps: bool) -> None:
    log = Log()

    async def interrupt(_: Counter) -> None:
        if sleeps:
            await trio.sleep(1)
        raise KeyboardInterrupt

    with pytest.RaisesGroup(KeyboardInterrupt):
        async with open_runtime() as runtime:
            await runtime.spawn(Counter, log, "first")
            ref = await runtime.spawn(Counter, log, "second", restart="permanent")
            await ref.tell(Do(interrupt))
            await trio.sleep_forever()
    assert log.lines[2:] == ["second stopped", "first stopped"]


# Stopping


async def test_a_message_in_hand_that_ends_within_the_grace_is_finished() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, grace=5)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                assert await ref.ask(Nap(4)) == "rested"

            await settle()
            await ref.stop()
        assert ref.metrics().mailbox.handled == 1


async def test_a_message_in_hand_is_cut_after_the_grace_and_its_asker_told() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, log, grace=2)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(ActorStopped, match="stopped"):
                    await ref.ask(Nap())

            await settle()
            start = trio.current_time()
            await ref.stop()
            assert trio.current_time() - start == 2
    assert log.lines == ["counter started", "counter naps", "counter awake", "counter stopped"]


async def test_a_grace_of_zero_cuts_at_once_and_the_hook_still_runs() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, log, grace=0)
        await ref.tell(Nap())
        await settle()
        start = trio.current_time()
        await ref.stop()
        assert trio.current_time() == start
    assert log.lines[-2:] == ["counter awake", "counter stopped"]


@pytest.mark.parametrize("factory", [Counter, counter])
async def test_queued_messages_of_a_stopped_actor_become_dead_letters_and_their_askers_are_told(
    factory: Factory,
) -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(factory)
        await ref.tell(Nap(1))
        await settle()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(ActorStopped):
                    await ref.ask(Get())

            await ref.tell(Add())
            await settle()
            await ref.stop()
        assert ref.metrics().mailbox.dead == 2
        assert ref.metrics().mailbox.balanced


async def test_senders_that_wait_for_room_learn_that_the_actor_stops() -> None:
    async with open_runtime() as runtime:
        ref = await busy(runtime, "wait", seconds=3)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                start = trio.current_time()
                with pytest.raises(ActorStopped):
                    await ref.tell(Add())
                assert trio.current_time() == start

            await settle()
            await ref.stop()


def raise_key_error() -> None:
    raise KeyError


@pytest.mark.parametrize("how", ["stop", "ctx.stop", "crash", "close", "cancel", "error", "return"])
async def test_the_stopped_hook_runs_once_however_an_actor_ends(how: str) -> None:
    log = Log()

    async def stop_myself(actor: Counter) -> None:
        actor.ctx.stop()

    with trio.CancelScope() as scope:
        try:
            async with open_runtime() as runtime:
                ref = await runtime.spawn(Counter, log)
                match how:
                    case "stop":
                        await ref.stop()
                    case "ctx.stop":
                        await ref.ask(Do(stop_myself))
                        await ref.watch()
                    case "crash":
                        await crash(ref)
                        await ref.watch()
                    case "cancel":
                        scope.cancel()
                        await trio.sleep_forever()
                    case "error":
                        raise_key_error()
                    case _:
                        pass
        except KeyError:
            pass
    assert log.lines == ["counter started", "counter stopped"]


async def test_the_stopped_hook_is_cut_after_the_grace_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Counter):
        async def stopped(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                self.log("counter cut")

    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Slow, log, grace=3)
        start = trio.current_time()
        await ref.stop()
        assert trio.current_time() - start == 3
    assert log.lines == ["counter started", "counter cut"]
    assert "actor slow: stopped() took more than 3 s" in caplog.text


async def test_an_error_out_of_the_stopped_hook_leaves_the_runtime() -> None:
    class Bad(Counter):
        async def stopped(self) -> None:
            raise OSError("cannot stop")

    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="cannot stop")):
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Bad)
            await ref.stop()
            assert ref.state is State.STOPPED
            await trio.sleep_forever()


async def test_stop_from_the_actors_own_handler_returns_at_once_and_the_message_is_finished() -> None:
    log = Log()

    async def stop_myself(actor: Counter) -> str:
        await actor.ctx.ref.stop()
        log("stop returned")
        await trio.sleep(1)
        return "finished"

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, log)
        assert await ref.ask(Do(stop_myself)) == "finished"
        assert (await ref.watch()).reason == "stopped"
    assert log.lines == ["counter started", "stop returned", "counter stopped"]


async def test_stop_from_a_letter_of_a_coroutine_actor_returns_at_once() -> None:
    async def stop_myself(_: Any) -> str:
        await ref.stop()
        return "finished"

    async with open_runtime() as runtime:
        ref = await runtime.spawn(counter)
        with trio.fail_after(1):
            assert await ref.ask(Do(stop_myself)) == "finished"
            await ref.watch()


async def test_stop_from_a_child_task_of_the_actor_does_not_deadlock() -> None:
    log = Log()

    async def stop_later(actor: Counter) -> None:
        async def stop() -> None:
            try:
                await actor.ctx.ref.stop()
            finally:
                log("task ended")

        actor.ctx.nursery.start_soon(stop)

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, log)
        await ref.ask(Do(stop_later))
        with trio.fail_after(1):
            await ref.watch()
    assert log.lines == ["counter started", "task ended", "counter stopped"]


async def test_two_stops_at_once_both_wait_for_the_one_end() -> None:
    log = Log()
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, log)
        await ref.tell(Nap(2))
        await settle()
        async with trio.open_nursery() as nursery:
            for _ in range(2):

                @nursery.start_soon
                async def _stop() -> None:
                    await ref.stop()
                    log("stop returned")

    assert log.lines[-3:] == ["counter stopped", "stop returned", "stop returned"]


async def test_stop_on_a_stopped_actor_is_harmless_and_a_checkpoint() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.stop()
        with trio.testing.assert_checkpoints():
            await ref.stop()


class SlowStart(Counter):
    async def started(self) -> None:
        try:
            await trio.sleep(10)
        finally:
            self.log("start cut")
        await super().started()


async def test_a_stop_while_the_actor_starts_cuts_the_start_and_its_spawn_says_so() -> None:
    log = Log()
    async with open_runtime() as runtime:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(ActorStopped, match="stopped while it was starting"):
                    await runtime.spawn(SlowStart, log, name="slow")

            await settle()
            await runtime.find("slow").stop()
            assert log.lines == ["start cut"]
        assert not runtime.metrics().actors


async def test_cancelling_a_stop_at_any_await_leaves_it_under_way() -> None:
    log = Log()
    at, cancelled = 1, True
    while cancelled:
        async with open_runtime() as runtime:
            ref = await runtime.spawn(Counter, log)
            await ref.tell(Nap(1))
            await settle()
            cancelled = await cancelled_at(at, ref.stop)
            assert (await ref.watch()).reason == "stopped"
        assert log.take() == ["counter started", "counter naps", "counter awake", "counter stopped"]
        at += 1
    assert at > 2


async def test_stop_overtakes_the_messages_in_the_mailbox() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        ref.tell_nowait(Nap(1))
        await settle()
        for _ in range(500):
            ref.tell_nowait(Add())
        await ref.stop()
        assert ref.metrics().mailbox.dead == 500


# Watching


async def test_every_watcher_learns_the_end() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        downs = list[Down]()
        async with trio.open_nursery() as nursery:
            for _ in range(3):

                @nursery.start_soon
                async def _watch() -> None:
                    downs.append(await ref.watch())

            await settle()
            await ref.stop()
        assert downs == [Down(ref, "stopped", None)] * 3


async def test_watching_a_stopped_actor_tells_at_once_how_it_ended() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.stop()
        with trio.testing.assert_checkpoints():
            assert await ref.watch() == Down(ref, "stopped", None)


async def test_the_down_of_an_actor_stopped_long_after_a_crash_names_no_error() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, restart="permanent")
        await crash(ref)
        await ref.ask(Get())
        await ref.stop()
        assert await ref.watch() == Down(ref, "stopped", None)


# Looks


async def test_a_ref_shows_name_state_and_depth() -> None:
    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter, name="abacus", restart="permanent")
        await crash(ref)
        await settle()
        await ref.tell(Nap())
        await settle()
        await ref.tell(Add())
        assert repr(ref) == "<ActorRef abacus [actor] running, 1/1000 queued, 1 in hand, 1 restarts>"
        assert (ref.name, ref.state) == ("abacus", State.RUNNING)


async def test_a_ref_equals_itself_alone_and_can_be_a_key() -> None:
    async with open_runtime() as runtime:
        a, b = await runtime.spawn(Counter), await runtime.spawn(Counter)
        assert a != b
        assert {a: 1, b: 2}[runtime.find("counter")] == 1


async def test_the_state_of_an_actor_is_what_its_ref_says() -> None:
    async with open_runtime() as runtime:
        children = [child(SlowStart, name="slow"), child(Counter, name="a", grace=1)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runtime.spawn, Supervisor("s", intensity=1, backoff=9, children=children))
            await settle()
            slow, ref = runtime.find("s/slow"), runtime.find("s/a")
            assert (slow.state, ref.state) == (State.STARTING, State.NEW)
        assert (slow.state, ref.state) == (State.RUNNING, State.RUNNING)
        await ref.tell(Nap())
        await settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ref.stop)
            await settle()
            stopping = ref.state
        assert (stopping, ref.state) == (State.STOPPING, State.STOPPED)
