import pytest

from actrio.agents import TextChunk, TurnInterrupted, TurnTooLong
from actrio.agents._log import TurnLog
from actrio.providers import Usage


async def events_of(log: TurnLog) -> list[str]:
    return [type(event).__name__ async for event in log.subscribe()]


async def test_the_first_end_stands() -> None:
    log = TurnLog("a", None, 10)
    log.start()

    log.interrupt("first")
    log.fail(ValueError("second"))
    log.interrupt("third")

    assert await events_of(log) == ["TurnStarted", "TurnCancelled"]
    with pytest.raises(TurnInterrupted, match="first"):
        log.outcome()


async def test_the_end_has_a_place_even_when_all_others_are_taken() -> None:
    log = TurnLog("a", None, 1)
    log.start()
    log.add_text("one")
    with pytest.raises(TurnTooLong):
        log.add_text("two")
    with pytest.raises(TurnTooLong):
        log.add_usage(Usage(1, 1))

    log.fail(ValueError("end"))

    assert await events_of(log) == ["TurnStarted", "TextChunk", "TurnFailed"]


async def test_a_turn_that_ends_before_it_starts_has_its_end_alone() -> None:
    log = TurnLog("a", None, 10)

    log.interrupt("nobody took it up")

    assert log.text() == ""
    assert await events_of(log) == ["TurnCancelled"]


def test_a_chunk_is_a_frozen_value_that_matches_by_position() -> None:
    chunk = TextChunk(1, "one")

    match chunk:
        case TextChunk(sequence, text):
            assert (sequence, text) == (1, "one")
    assert chunk == TextChunk(1, "one")
    with pytest.raises(AttributeError):
        chunk.text = "two"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
