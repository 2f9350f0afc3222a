"""Errors out of handlers: who gets them, and what they end."""

import pytest
import trio

from actrio.actors import handles, open_runtime
from tests.actors.crew import Add, Boom, Counter, Do, Get, Late, Log, Unknown, crash


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
