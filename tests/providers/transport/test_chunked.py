from itertools import pairwise

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actrio.providers.transport._chunked import MAX_SIZE_LINE, MAX_TRAILERS, ChunkedDecoder

BODY = b"5\r\nhello\r\nC;name=value\r\n, chunked\r\n!\r\n0\r\nx-checksum: 1\r\n folded\r\n\r\n"
PAYLOAD = b"hello, chunked\r\n!"


def decode(pieces: list[bytes]) -> tuple[bytes, str]:
    """Feed the pieces, then the end of the connection: the payload, and how it ended."""
    decoder = ChunkedDecoder()
    payload = b""
    for number, piece in enumerate(pieces, start=1):
        payload += decoder.feed(piece)
        if decoder.failure is not None:
            return payload, "broken"
        if decoder.ended:
            return payload, "excess" if decoder.excess or number < len(pieces) else "ended"
    decoder.feed_eof()
    assert decoder.failure is not None
    return payload, "cut off"


def decode_with_h11(pieces: list[bytes]) -> tuple[bytes, str]:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    connection.next_event()
    payload, fed = b"", iter([*pieces, b""])
    closed = False
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return payload, "cut off" if closed else "broken"
        if isinstance(event, h11.Data):
            payload += event.data
        elif isinstance(event, h11.EndOfMessage):
            return payload, "excess" if connection.trailing_data[0] or any(fed) else "ended"
        else:
            data = next(fed)
            closed = not data
            connection.receive_data(data)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


def in_chunks(payloads: list[bytes], *, capitals: bool, extension: bytes, spaces: bytes) -> bytes:
    size = b"%X" if capitals else b"%x"
    return b"".join(
        size % len(payload) + extension + spaces + b"\r\n" + payload + b"\r\n" for payload in payloads if payload
    )


def test_a_body_means_the_same_wherever_it_is_cut() -> None:
    for place in range(len(BODY)):
        assert decode(cut(BODY, [place])) == (PAYLOAD, "ended")


def test_a_body_means_the_same_byte_for_byte() -> None:
    assert decode([bytes([byte]) for byte in BODY]) == (PAYLOAD, "ended")


def test_all_payload_of_one_read_is_one_object() -> None:
    assert ChunkedDecoder().feed(b"5\r\nhello\r\n1\r\n,\r\n7\r\n wo") == b"hello, wo"


def test_a_body_that_is_cut_off_is_seen_as_such_at_every_byte() -> None:
    for end in range(1, len(BODY)):
        assert decode([BODY[:end]])[1] == "cut off"


@given(
    st.lists(st.binary(max_size=300) | st.sampled_from([b"\r\n", b"a\r\n", b"0\r\n\r\n"]), max_size=12),
    st.lists(st.integers(0, 5000), max_size=12),
    st.booleans(),
    st.sampled_from([b"", b";a", b"; a=b", b";"]),
    st.sampled_from([b"", b" ", b"\t "]),
    st.sampled_from([b"", b"x: y\r\n", b"x: y\n", b"x:\r\n y\r\nz: \xff\r\n"]),
    st.sampled_from([b"", b"excess"]),
)
def test_what_is_put_in_chunks_comes_out_as_it_does_of_h11(
    payloads: list[bytes],
    places: list[int],
    capitals: bool,
    extension: bytes,
    spaces: bytes,
    trailers: bytes,
    excess: bytes,
) -> None:
    body = in_chunks(payloads, capitals=capitals, extension=extension, spaces=spaces) + b"0\r\n" + trailers + b"\r\n"
    pieces = cut(body + excess, places)
    assert decode(pieces) == decode_with_h11(pieces) == (b"".join(payloads), "excess" if excess else "ended")


# What a body is made of, in any order: most of it is garbage, and much of it nearly right.
SIZES = [b"5", b"0", b"a", b"F", b"00", b"g", b"-", b"_", b"+", b"0x", b"1" * 21, b";", b"="]
SPACES = [b" ", b"\t", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\x00", b"\x0b"]
LINES = [b"hello", b"5\r\nhello\r\n", b"0\r\n", b"x: y", b":"]
PARTS = st.sampled_from([*SIZES, *SPACES, *LINES])


@settings(max_examples=600)
@given(st.lists(PARTS | st.binary(max_size=3), max_size=14), st.lists(st.integers(0, 200), max_size=6))
def test_garbage_is_refused_where_h11_refuses_it(parts: list[bytes], places: list[int]) -> None:
    pieces = cut(b"".join(parts), places)
    assert decode(pieces) == decode_with_h11(pieces)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"five\r\nhello\r\n", "illegal chunk header: b'five'"),
        (b"\r\n", "illegal chunk header: b''"),
        (b"5\r\nhello!\r\n", "malformed chunk footer: b'!\\\\r'"),
        (b"0\r\nno colon\r\n\r\n", "illegal header line: b'no colon'"),
        (b"0\r\n folded\r\n\r\n", "illegal header line: b' folded'"),
        (b"5;" + b"x" * MAX_SIZE_LINE, f"is longer than {MAX_SIZE_LINE} bytes: b'5;xxx"),
        (b"0\r\nx: " + b"y" * MAX_TRAILERS, f"longer than {MAX_TRAILERS} bytes"),
    ],
)
def test_an_error_shows_what_came(body: bytes, words: str) -> None:
    decoder = ChunkedDecoder()
    decoder.feed(body)
    with pytest.raises(ValueError, match=words):
        raise decoder.failure or AssertionError


def test_what_came_before_an_error_is_given_out() -> None:
    decoder = ChunkedDecoder()
    assert decoder.feed(b"5\r\nhello\r\nfive\r\n") == b"hello"
    assert decoder.failure is not None


def test_a_line_that_never_ends_is_not_kept_for_ever() -> None:
    decoder = ChunkedDecoder()
    for _ in range(MAX_SIZE_LINE + 1):
        assert decoder.failure is None
        decoder.feed(b"0")
    assert decoder.failure is not None
