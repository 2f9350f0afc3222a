import pytest
import trio
import trio.testing

from actrio.mailbox._nursery import open_nursery


async def fail(error: Exception) -> None:
    await trio.lowlevel.checkpoint()
    raise error


async def test_the_error_of_the_block_comes_out_as_it_is() -> None:
    ours = ValueError("ours")

    async def block() -> None:
        async with open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise ours

    with pytest.raises(ValueError, match="ours") as caught:
        await block()
    assert caught.value is ours


async def test_the_one_error_of_a_task_comes_out_as_it_is() -> None:
    theirs = ValueError("theirs")

    async def block() -> None:
        async with open_nursery() as nursery:
            nursery.start_soon(fail, theirs)
            await trio.sleep_forever()

    with pytest.raises(ValueError, match="theirs") as caught:
        await block()
    assert caught.value is theirs


async def test_no_error_is_lost_if_there_are_two() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("theirs")

    async def block() -> None:
        async with open_nursery() as nursery:
            nursery.start_soon(fail_when_cancelled)
            await trio.testing.wait_all_tasks_blocked()
            raise ValueError("ours")

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="ours"), pytest.RaisesExc(ValueError, match="theirs")):
        await block()


async def test_cancellation_from_outside_passes_through(autojump_clock: trio.testing.MockClock) -> None:
    with trio.move_on_after(1) as scope:
        async with open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.sleep_forever()

    assert scope.cancelled_caught


async def test_a_group_that_the_block_raises_stays_one() -> None:
    ours = ExceptionGroup("ours", [ValueError()])
    with pytest.RaisesGroup(ValueError) as caught:
        async with open_nursery():
            raise ours

    assert caught.value is ours
