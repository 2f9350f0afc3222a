"""A turn's events as frames: joined, numbered without a gap, and the same from wherever a reader goes on."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from actrio.agents import ReasoningChunk, StepStarted, TextChunk, TurnEvent, TurnStarted
from actrio.gateway._answers import TextPiece
from actrio.gateway._mapping import TurnMapping

TEXT = '{"title": "Rain and snow", "sizes": [1, 2, 3]}'
EVENTS: list[TurnEvent] = [
    TurnStarted(0, "a", None),
    StepStarted(1, 1),
    ReasoningChunk(2, "Hm."),
    *[TextChunk(n + 3, character) for n, character in enumerate(TEXT)],
]


def texts(frames: list[object]) -> list[TextPiece]:
    return [frame for frame in frames if isinstance(frame, TextPiece)]


def test_pieces_that_are_ready_at_once_are_one_frame() -> None:
    (piece,) = texts(list(TurnMapping("r", None).feed(EVENTS)))
    assert (piece.text, piece.seq, piece.count) == (TEXT, len(EVENTS) - 1, len(TEXT))


@given(st.lists(st.integers(0, len(EVENTS)), max_size=6), st.integers(-1, len(EVENTS) - 1), st.booleans())
def test_however_they_come_and_wherever_a_reader_goes_on_nothing_is_lost_or_repeated(
    cuts: list[int], after: int, fields: bool
) -> None:
    mapping = TurnMapping("r", None, after=after, fields=fields)
    bounds = [0, *sorted(cuts), len(EVENTS)]
    frames = [frame for start, end in pairwise(bounds) for frame in mapping.feed(EVENTS[start:end])]
    at = after
    for frame in frames:
        assert isinstance(frame.seq, int)
        assert frame.seq - getattr(frame, "count", 1) == at
        at = frame.seq
    assert at == len(EVENTS) - 1
    assert "".join(piece.text for piece in texts(list(frames))) == TEXT[max(0, after - 2) :]


@given(st.integers(2, len(EVENTS) - 1))
def test_fields_before_and_after_a_loss_are_those_of_the_whole(after: int) -> None:
    whole = texts(list(TurnMapping("r", None, fields=True).feed(EVENTS)))
    before = texts(list(TurnMapping("r", None, fields=True).feed(EVENTS[: after + 1])))
    rest = texts(list(TurnMapping("r", None, after=after, fields=True).feed(EVENTS)))

    def said(pieces: list[TextPiece]) -> tuple[str, list[str]]:
        changes = [change for piece in pieces for change in piece.fields]
        return "".join([one.delta for one in changes]), [one.path for one in changes if one.is_complete]

    (delta, paths), (more, later) = said(before), said(rest)
    assert (delta + more, paths + later) == said(whole)
