from collections.abc import Callable

import pytest
import trio
import trio.testing

from actrio.providers import Finished, ModelEvent, TextDelta
from actrio.providers._stream import EventStream

Arrived = Callable[[ModelEvent], None]


def stream_of(*batches: list[ModelEvent] | Exception) -> EventStream:
    """A stream to which these batches come; one that is an exception is raised."""
    coming = iter(batches)

    async def more(arrived: Arrived) -> None:
        await trio.lowlevel.checkpoint()
        batch = next(coming)
        if isinstance(batch, Exception):
            raise batch
        for event in batch:
            arrived(event)

    return EventStream(more)


async def test_events_come_in_order_and_it_stops_after_finished_again_and_again() -> None:
    stream = stream_of([TextDelta("a"), TextDelta("b")], [], [TextDelta("c"), Finished("stop")])

    assert [event async for event in stream] == [TextDelta("a"), TextDelta("b"), TextDelta("c"), Finished("stop")]
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_an_error_is_raised_once_and_then_the_stream_stops() -> None:
    stream = stream_of([TextDelta("a")], ValueError("broke"))
    assert await anext(stream) == TextDelta("a")

    with pytest.raises(ValueError, match="broke"):
        await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_events_that_came_before_an_error_are_given_out_before_it() -> None:
    async def more(arrived: Arrived) -> None:
        await trio.lowlevel.checkpoint()
        arrived(TextDelta("a"))
        raise ValueError("broke")

    stream = EventStream(more)

    assert await anext(stream) == TextDelta("a")
    with pytest.raises(ValueError, match="broke"):
        await anext(stream)


async def test_a_cancelled_wait_ends_the_stream() -> None:
    stream = stream_of([TextDelta("a")], [TextDelta("b")])

    with trio.CancelScope() as scope:
        scope.cancel()
        await anext(stream)

    assert scope.cancelled_caught
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_second_consumer_is_refused_and_does_not_disturb_the_first() -> None:
    go_on = trio.Event()

    async def more(arrived: Arrived) -> None:
        await go_on.wait()
        arrived(Finished("stop"))

    stream = EventStream(more)
    got: list[ModelEvent] = []

    async def consume() -> None:
        got.append(await anext(stream))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError, match="one consumer"):
            await anext(stream)
        go_on.set()

    assert got == [Finished("stop")]


async def test_a_stream_closed_before_its_end_says_so() -> None:
    stream = stream_of([TextDelta("a"), Finished("stop")])
    await anext(stream)

    stream.close()

    with pytest.raises(trio.ClosedResourceError, match="left before the answer had ended"):
        await anext(stream)


async def test_a_stream_closed_after_its_end_stops() -> None:
    stream = stream_of([Finished("stop")])
    await anext(stream)

    stream.close()

    with pytest.raises(StopAsyncIteration):
        await anext(stream)
