import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers.wire._decoder import PayloadTooLong
from actrio.providers.wire._ndjson import NdjsonSplitter

LINES = st.lists(st.binary(min_size=1).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b"")))
ENDS = st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\n\r\n"])


def split(*chunks: bytes, limit: int = 1000) -> list[bytes]:
    splitter = NdjsonSplitter(limit)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    rest = splitter.rest()
    return [*lines, rest] if rest else lines


def test_lines_cut_at_every_byte_come_out_whole() -> None:
    stream = b'{"a": 1}\n\r\n\n{"b": "\xc3\xa6\r"}\r\n{"c": 3}'
    lines = [b'{"a": 1}', b'{"b": "\xc3\xa6\r"}', b'{"c": 3}']

    assert split(stream) == lines
    assert split(*(bytes([byte]) for byte in stream)) == lines
    for first in range(len(stream)):
        for second in range(first, len(stream)):
            assert split(stream[:first], stream[first:second], stream[second:]) == lines


@given(LINES, st.data())
def test_the_lines_come_out_as_they_went_in_however_they_end_and_are_cut(
    lines: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(line + data.draw(ENDS) for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))

    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert split(*pieces) == [line for line in lines if line]


@given(st.lists(st.binary()))
def test_what_comes_does_not_depend_on_how_it_is_cut(chunks: list[bytes]) -> None:
    assert split(*chunks) == split(b"".join(chunks))


@pytest.mark.parametrize("end", [b"", b"\r"])
def test_a_last_line_without_its_end_is_the_rest_and_is_given_once(end: bytes) -> None:
    splitter = NdjsonSplitter()

    assert list(splitter.feed(b"one\ntwo" + end)) == [b"one"]
    assert splitter.rest() == b"two"
    assert splitter.rest() == b""


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("over", [b"123456\n", b"1234567"], ids=["ended", "not ended"])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_line_of_the_limit_is_given_and_one_over_it_is_refused_after_those_before(
    end: bytes, over: bytes, size: int
) -> None:
    stream = b"a\n12345" + end + over
    splitter = NdjsonSplitter(5)
    chunks = (stream[start : start + size] for start in range(0, len(stream), size))
    lines = (line for chunk in chunks for line in splitter.feed(chunk))

    assert [next(lines), next(lines)] == [b"a", b"12345"]
    with pytest.raises(PayloadTooLong, match="a line is longer than 5 bytes"):
        next(lines)


def test_lines_before_one_that_is_too_long_count_nothing_against_it() -> None:
    assert split(*[b"1234", b"5\n"] * 1000, limit=5) == [b"12345"] * 1000
