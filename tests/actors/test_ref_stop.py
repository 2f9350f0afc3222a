"""Stopping an actor: what is finished, cut, buried and told."""

from typing import Any

import pytest
import trio

from actrio.actors import Down, State, open_runtime
from actrio.mailbox import ActorStopped
from tests.actors.busy import SlowStart, busy
from tests.actors.crew import Add, Counter, Do, Factory, Get, Log, Nap, cancelled_at, counter, crash, settle


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


async def test_an_actor_that_stops_itself_and_then_tells_itself_has_not_crashed() -> None:
    async def stop_and_tell(actor: Counter) -> None:
        actor.ctx.stop()
        actor.ctx.ref.tell_nowait(Add())

    async with open_runtime() as runtime:
        ref = await runtime.spawn(Counter)
        await ref.tell(Do(stop_and_tell))
        await settle()
        assert await ref.watch() == Down(ref, "stopped itself", None)


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
