"""When the providers of a fallback are opened and closed."""

import pytest
import trio
import trio.testing

from actrio.providers import (
    Fail,
    KeyMissing,
    ServerFailed,
    Stall,
)
from actrio.providers.policy import (
    FallbackProvider,
)
from tests.providers.policy.fallbacks import Closed, scripted, text_of


async def test_one_that_cannot_be_opened_is_passed_over_and_opened_again_later() -> None:
    first = Closed(scripted("a", "First."), KeyMissing("a", "KEY"))
    async with FallbackProvider(first, scripted("b", "Second.")).open() as connection:
        assert [await text_of(connection) for _ in range(3)] == ["Second.", "First.", "First."]

    assert first.opened == 2


async def test_those_who_come_while_it_opens_wait_for_the_one_opening(autojump_clock: trio.testing.MockClock) -> None:
    first = Closed(scripted("a", "First."), opens_s=3)
    async with FallbackProvider(first).open() as connection, trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(text_of, connection)

    assert (first.opened, trio.current_time()) == (1, 3)


async def test_who_asked_first_may_leave_while_it_opens_for_the_others(
    autojump_clock: trio.testing.MockClock,
) -> None:
    first = Closed(scripted("a", "First."), opens_s=3)
    async with FallbackProvider(first).open() as connection:
        with trio.move_on_after(1):
            await text_of(connection)
        assert await text_of(connection) == "First."

    assert (first.opened, trio.current_time()) == (1, 3)


async def test_they_are_closed_in_the_reverse_of_the_order_they_were_opened_in() -> None:
    log: list[str] = []
    first = Closed(scripted("a", "First."), KeyMissing("a", "KEY"), log=log)
    second = Closed(scripted("b", "Second."), log=log)
    async with FallbackProvider(first, second).open() as connection:
        await text_of(connection)
        await text_of(connection)

    assert log == ["b open", "a open", "a closed", "b closed"]


async def test_a_cancelled_owner_leaves_streams_before_what_is_below_them_is_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[str] = []
    with trio.move_on_after(1):
        async with FallbackProvider(Closed(scripted("a", Stall(after=1)), log=log)).open() as connection:
            try:
                await text_of(connection)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(1)
                log.append("stream left")

    assert log == ["a open", "stream left", "a closed"]


async def test_a_cancelled_owner_closes_all_of_them_in_order(autojump_clock: trio.testing.MockClock) -> None:
    log: list[str] = []
    first = Closed(scripted("a", Fail(lambda: ServerFailed("a", 500, ""))), log=log)
    with trio.move_on_after(1):
        async with FallbackProvider(first, Closed(scripted("b", Stall(after=1)), log=log)).open() as connection:
            await text_of(connection)

    assert log == ["a open", "b open", "b closed", "a closed"]


async def test_what_is_still_opening_is_given_up_when_the_owner_closes(autojump_clock: trio.testing.MockClock) -> None:
    first = Closed(scripted("a", "First."), opens_s=1000)
    async with FallbackProvider(first).open() as connection:
        with trio.move_on_after(1):
            await text_of(connection)

    assert trio.current_time() == 1


async def test_one_that_does_not_close_is_cancelled_after_a_while(autojump_clock: trio.testing.MockClock) -> None:
    first = Closed(scripted("a", "First."), close_s=1000)
    async with FallbackProvider(first).open() as connection:
        await text_of(connection)

    assert trio.current_time() == 5


async def test_what_the_owners_block_raises_comes_out_as_it_is() -> None:
    ours = ValueError("ours")

    async def block() -> None:
        async with FallbackProvider(scripted("a", "First.")).open() as connection:
            await text_of(connection)
            raise ours

    with pytest.raises(ValueError, match="ours") as caught:
        await block()
    assert caught.value is ours


async def test_when_its_block_was_left_it_is_closed() -> None:
    async with FallbackProvider(scripted("a", "First.")).open() as connection:
        pass

    with pytest.raises(trio.ClosedResourceError, match="'a' is not open any more"):
        await text_of(connection)
