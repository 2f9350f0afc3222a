"""Chat Completions where an answer is more, or less, than one choice with something in it."""

import json

import pytest

from actrio.providers import Finished, ModelEvent, ProtocolViolation, TextDelta
from actrio.providers.wire._chat_completions import ChatCompletionsDecoder


def chunk(*choices: tuple[int | None, str], reason: str | None = None) -> bytes:
    """One with a text for each index; None: without an index."""
    said = [
        {"delta": {"content": text}, "finish_reason": reason, **({} if index is None else {"index": index})}
        for index, text in choices
    ]
    return b"data: " + json.dumps({"id": "x", "choices": said}).encode() + b"\n\n"


def decode(*chunks: bytes) -> list[ModelEvent]:
    decoder = ChatCompletionsDecoder("desk")
    events: list[ModelEvent] = []
    for one in chunks:
        decoder.feed(one, events.append)
    decoder.end(events.append)
    return events


@pytest.mark.parametrize(
    "chunks",
    [
        [
            chunk((0, "A")),
            chunk((1, "x")),
            chunk((0, "B")),
            chunk((1, "y"), reason="length"),
            chunk((0, ""), reason="stop"),
        ],
        [chunk((0, "A"), (1, "x")), chunk((1, "y"), (0, "B")), chunk((1, ""), (0, ""), reason="stop")],
        [chunk((1, "A")), chunk((0, "x")), chunk((1, "B"), reason="stop")],
        [chunk((0, "A")), chunk((None, "B"), reason="stop")],
        [chunk((None, "A")), chunk((None, "B"), reason="stop")],
    ],
)
def test_of_several_choices_the_one_that_begins_is_the_answer(chunks: list[bytes]) -> None:
    assert decode(*chunks) == [TextDelta("A"), TextDelta("B"), Finished("stop", "x")]


@pytest.mark.parametrize(
    "nothing", [b"data:\n\n", b"data: \n\n", b'data: {"choices":[]}\n\n', b"data: {}\n\n", b"\n\n"]
)
def test_a_chunk_with_nothing_in_it_is_nothing(nothing: bytes) -> None:
    events = decode(nothing, chunk((0, "A")), nothing, chunk((0, ""), reason="stop"), nothing, b"data: [DONE] \n\n")
    assert events == [TextDelta("A"), Finished("stop", "x")]


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b"data: [DONE\n\n", b'data: "[DONE]"\n\n'])
def test_an_end_without_an_answer_is_a_violation(end: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        decode(end)
