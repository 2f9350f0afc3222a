import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers.transport._decoder import LengthDecoder, UntilCloseDecoder


@given(st.binary(min_size=1, max_size=50), st.binary(max_size=5), st.integers(0, 50))
def test_a_body_of_a_length_ends_after_that_many_bytes(body: bytes, after: bytes, place: int) -> None:
    decoder = LengthDecoder(len(body))
    place %= len(body)
    assert decoder.feed(body[:place]) == body[:place]
    before = decoder.ended
    assert decoder.feed(body[place:] + after) == body[place:]
    assert (before, decoder.ended, decoder.excess) == (False, True, bool(after))


def test_a_body_of_no_length_has_ended_at_once() -> None:
    assert LengthDecoder(0).ended


def test_a_body_that_is_cut_off_says_what_came_and_what_was_expected() -> None:
    decoder = LengthDecoder(9)
    decoder.feed(b"hello")
    decoder.feed_eof()
    with pytest.raises(ValueError, match=r"received 5 bytes, expected 9"):
        raise decoder.failure or AssertionError


def test_a_body_until_the_close_ends_there() -> None:
    decoder = UntilCloseDecoder()
    assert decoder.feed(b"hello") == b"hello"
    before = decoder.ended
    decoder.feed_eof()
    assert (before, decoder.ended, decoder.failure) == (False, True, None)
