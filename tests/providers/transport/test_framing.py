import h11
import pytest

from actrio.providers.transport._chunked import ChunkedDecoder
from actrio.providers.transport._decoder import LengthDecoder, UntilCloseDecoder
from actrio.providers.transport._framing import MAX_HEAD, MAX_INTERIM, Exchange, Head

HOST = (b"Host", b"example.com")


def answer_to(method: bytes, answer: bytes, *headers: tuple[bytes, bytes]) -> tuple[Head, bytes]:
    answered = asked(method, *headers).receive(answer)
    assert answered is not None
    return answered


def asked(method: bytes, *headers: tuple[bytes, bytes]) -> Exchange:
    exchange = Exchange(method, b"/", [HOST, *headers])
    exchange.end()
    return exchange


def test_a_request_is_written_as_it_was_given() -> None:
    exchange = Exchange(b"POST", b"/a?b", [HOST, (b"X-Cased", b"Yes"), (b"Content-Length", b"5")])
    assert exchange.start() == b"POST /a?b HTTP/1.1\r\nHost: example.com\r\nX-Cased: Yes\r\nContent-Length: 5\r\n\r\n"
    assert exchange.more(b"he") + exchange.more(b"llo") + exchange.end() == b"hello"


def test_a_body_of_unknown_length_goes_in_chunks() -> None:
    exchange = Exchange(b"POST", b"/", [HOST, (b"Transfer-Encoding", b"chunked")])
    exchange.start()
    assert exchange.more(b"hello") + exchange.more(b"") + exchange.end() == b"5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize("body", [b"hell", b"hello!"])
def test_a_body_of_another_length_than_announced_is_our_mistake(body: bytes) -> None:
    exchange = Exchange(b"POST", b"/", [HOST, (b"Content-Length", b"5")])
    with pytest.raises(h11.LocalProtocolError, match="declared Content-Length"):
        exchange.more(body) + exchange.end()


@pytest.mark.parametrize(
    ("method", "answer", "decoder"),
    [
        (b"GET", b"200 OK\r\ncontent-length: 3\r\n\r\nabc", LengthDecoder),
        (b"GET", b"200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", ChunkedDecoder),
        (b"GET", b"200 OK\r\n\r\n", UntilCloseDecoder),
        (b"HEAD", b"200 OK\r\ntransfer-encoding: chunked\r\n\r\n", LengthDecoder),
        (b"GET", b"204 No Content\r\ncontent-length: 3\r\n\r\n", LengthDecoder),
        (b"GET", b"304 Not Modified\r\ncontent-length: 3\r\n\r\n", LengthDecoder),
    ],
)
def test_how_the_body_is_framed_follows_from_request_and_head(method: bytes, answer: bytes, decoder: type) -> None:
    head, _ = answer_to(method, b"HTTP/1.1 " + answer)
    assert type(head.decoder) is decoder
    assert head.decoder.ended == (head.status != 200 or method == b"HEAD")


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (b"1.1 200 OK\r\ncontent-length: 0\r\n\r\n", True),
        (b"1.1 200 OK\r\ncontent-length: 0\r\nConnection: x, Close\r\n\r\n", False),
        (b"1.0 200 OK\r\ncontent-length: 0\r\n\r\n", False),
        (b"1.1 200 OK\r\n\r\n", False),
        (b"1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", False),
        (b"1.1 204 No Content\r\n\r\n", True),
    ],
)
def test_a_connection_is_kept_only_if_the_answer_leaves_no_doubt(answer: bytes, kept: bool) -> None:
    assert answer_to(b"GET", b"HTTP/" + answer)[0].keep_alive is kept
    assert not answer_to(b"GET", b"HTTP/" + answer, (b"Connection", b"close"))[0].keep_alive


def test_a_head_may_come_byte_for_byte_and_what_follows_it_is_given() -> None:
    exchange = asked(b"GET")
    for byte in b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Fine\r\nX-A: 1\r\ncontent-length: 3\r\n\r":
        assert exchange.receive(bytes([byte])) is None
    answered = exchange.receive(b"\nabc")
    assert answered is not None
    head, rest = answered
    assert (head.status, head.reason, head.version) == (200, b"Fine", b"HTTP/1.1")
    assert head.headers == [(b"X-A", b"1"), (b"content-length", b"3")]
    assert rest == b"abc"


def test_a_head_without_end_is_given_up() -> None:
    exchange = asked(b"GET")
    assert exchange.receive(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * (MAX_HEAD - 30)) is None
    with pytest.raises(h11.RemoteProtocolError, match=f"the head of the answer is longer than {MAX_HEAD} bytes"):
        exchange.receive(b"y" * 30)


def test_interim_answers_without_end_are_given_up() -> None:
    exchange = asked(b"GET")
    with pytest.raises(h11.RemoteProtocolError, match=f"more than {MAX_INTERIM} interim answers"):
        exchange.receive(b"HTTP/1.1 102 Processing\r\n\r\n" * (MAX_INTERIM + 1))


def test_a_head_that_is_cut_off_is_the_servers_mistake() -> None:
    exchange = asked(b"GET")
    exchange.receive(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(h11.RemoteProtocolError, match="closed"):
        exchange.receive(b"")
