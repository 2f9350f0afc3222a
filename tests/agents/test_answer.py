"""An answer is the same whether its events come one by one or many at once."""

from collections import deque
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.agents import TurnTooLong
from actrio.agents._answer import Answer
from actrio.agents._events import TurnEvent
from actrio.agents._log import TurnLog
from actrio.providers import (
    EventStream,
    Finished,
    ModelEvent,
    ReasoningDelta,
    Restarted,
    TextDelta,
    ToolCallFinished,
    Usage,
    UsageReported,
)
from actrio.providers._events import Arrived

EVENTS = st.lists(
    st.one_of(
        st.builds(TextDelta, st.sampled_from("abc")),
        st.builds(ReasoningDelta, st.sampled_from("abc")),
        st.builds(ToolCallFinished, st.sampled_from("12"), st.just("tool"), st.just("{}")),
        st.just(Restarted("it broke off", 2)),
        st.just(UsageReported(Usage(1, 2))),
    ),
    max_size=12,
)


def in_batches(batches: Iterable[Iterable[ModelEvent]]) -> EventStream:
    left = deque(batches)

    async def more(arrived: Arrived) -> None:
        for event in left.popleft():
            arrived(event)

    return EventStream(more)


async def read(batches: Iterable[Iterable[ModelEvent]], most: int = 100) -> tuple[list[TurnEvent], str, object, bool]:
    log = TurnLog("a", None, most)
    log.start()
    answer = Answer(log)
    too_long = False
    try:
        await answer.read(in_batches(batches), "scripted")
    except TurnTooLong:
        too_long = True
    log.interrupt("the test is over")
    return [event async for event in log.subscribe()], log.text(), answer.calls, too_long


@given(EVENTS, st.integers(1, 20))
async def test_what_comes_at_once_is_read_as_if_it_came_one_by_one(events: list[ModelEvent], most: int) -> None:
    whole = [*events, Finished("stop")]
    assert await read([whole], most) == await read([[event] for event in whole], most)


async def test_of_a_batch_that_is_too_long_what_fits_is_kept() -> None:
    events, text, _, too_long = await read([[TextDelta("a"), TextDelta("b"), TextDelta("c"), Finished("stop")]], 2)
    assert (text, too_long) == ("ab", True)
    assert [event.sequence for event in events] == [0, 1, 2, 3]


async def test_what_came_before_an_error_is_in_the_log() -> None:
    async def more(arrived: Arrived) -> None:
        arrived(TextDelta("a"))
        raise ConnectionError

    log = TurnLog("a", None, 10)
    with pytest.raises(ConnectionError):
        await Answer(log).read(EventStream(more), "scripted")
    assert log.text() == "a"
