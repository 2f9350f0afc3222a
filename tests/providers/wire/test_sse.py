import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers.wire._decoder import PayloadTooLong
from actrio.providers.wire._sse import SseSplitter


def split(*chunks: bytes, limit: int = 1000) -> list[bytes]:
    splitter = SseSplitter(limit)
    return [event for chunk in chunks for event in splitter.feed(chunk)]


def reference(stream: bytes) -> list[bytes]:
    """The format as its specification tells it, for the whole stream at once."""
    events: list[bytes] = []
    data: list[bytes] = []
    *lines, _ = re.split(rb"\r\n|\r|\n", stream.removeprefix(b"\xef\xbb\xbf"))
    for line in lines:
        if not line:
            events += [b"\n".join(data)] if data else []
            data = []
        elif line == b"data" or line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
    return events


# Streams of the parts that matter, so that they meet often.
streams = st.lists(
    st.sampled_from(
        [b"data: ", b"data:", b"data", b"event: x", b": ping", b":", b"id", b"a", b" ", b"\xc3", b"\xef\xbb\xbf", b"{}"]
        + 2 * [b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n"]
    ),
    max_size=40,
).map(b"".join)


# Pieces as servers send them, now and then disturbed; most of them take the short way through.
pieces = st.sampled_from(
    4 * [b"data: {}\n\n", b'data: {"a":1}\n\n', b"event: x\ndata: {}\n\n", b"event:\ndata: data: 1\n\n"]
    + [b": ping\n\n", b"data:1\n\n", b"data\n\n", b"data: a\ndata: b\n\n", b"\n", b"id: 1\ndata: 2\n\n", b"data: a\n"]
    + [
        b"data: 1\r\n\r\n",
        b"data: 1\r\r",
        b"data: \n\n",
        b"event: x\n\n",
        b"event: x\ndatax\n\n",
        b"data: \r\n\n",
        b"da",
    ]
    + [
        b"data: 1\rdata: 2\n\n",
        b"event: x\rdata: 1\ndata: 2\n\n",
        b"data: 1\r",
        b"data: 1\n\r\n",
        b"ta: 1\n\n",
        b"\xef",
    ]
    + [b"\xbb\xbfdata: 1\n\n", b"\xef\xbb\xbfdata: 1\n\n", b"data: 1\n\n\n", b"event: x\n", b"x\n\ndata: 1\n\nda"]
)


@given(st.lists(st.lists(pieces, max_size=4).map(b"".join), max_size=8))
def test_the_short_way_gives_what_the_specification_says(chunks: list[bytes]) -> None:
    assert split(*chunks) == reference(b"".join(chunks))


@given(st.lists(pieces, max_size=8))
def test_piece_by_piece_it_gives_what_the_specification_says(chunks: list[bytes]) -> None:
    assert split(*chunks) == reference(b"".join(chunks))


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(0, 40), st.data())
def test_the_limit_does_not_depend_on_the_way(sizes: list[int], limit: int, data: st.DataObject) -> None:
    chunks = [b"data: " + b"x" * size + b"\n\n" for size in sizes]
    if data.draw(st.booleans()):
        stream = b"".join(chunks)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
        chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    if all(size + 6 <= limit for size in sizes):
        assert split(*chunks, limit=limit) == [b"x" * size for size in sizes]
    else:
        with pytest.raises(PayloadTooLong):
            split(*chunks, limit=limit)


@given(streams, st.data())
def test_however_it_is_cut_it_gives_what_the_specification_says(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert split(*chunks) == reference(stream)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_it_can_be_cut_at_every_byte(end: bytes) -> None:
    stream = end.join(
        [b": hello", b"data: Gr\xc3\xbc\xc3\x9fe", b"data:two", b"", b"", b"event: x", b"data", b"", b"data: cut"]
    )
    expected = [b"Gr\xc3\xbc\xc3\x9fe\ntwo", b""]

    assert split(stream) == expected
    assert split(*(bytes([byte]) for byte in stream)) == expected
    for cut in range(len(stream)):
        assert split(stream[:cut], stream[cut:]) == expected


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_a_byte_order_mark_at_the_beginning_is_nothing_wherever_it_is_cut(cut: int) -> None:
    stream = b"\xef\xbb\xbfdata: a\n\ndata: b\n\n"

    assert split(stream[:cut], stream[cut:]) == [b"a", b"b"]


def test_a_line_over_the_limit_is_an_error_that_names_the_limit() -> None:
    assert split(b"data: ", b"x" * 94, b"\n\n", limit=100) == [b"x" * 94]
    for chunks in ([b"data: " + b"x" * 100], [b"x" * 60, b"x" * 60], [b"data: " + b"x" * 100 + b"\n\n"]):
        with pytest.raises(PayloadTooLong, match="100 bytes"):
            split(*chunks, limit=100)


def test_many_lines_of_one_event_count_together() -> None:
    with pytest.raises(PayloadTooLong):
        split(*[b"data: 0123456789\n"] * 10, limit=100)


def test_comments_without_end_keep_nothing() -> None:
    assert split(*[b": ping\n\n"] * 100, b"data: a\n\n", limit=20) == [b"a"]


def test_events_before_an_error_are_not_lost() -> None:
    events = iter(SseSplitter(limit=10).feed(b"data: a\n\ndata: 0123456789\n\n"))

    assert next(events) == b"a"
    with pytest.raises(PayloadTooLong):
        next(events)
