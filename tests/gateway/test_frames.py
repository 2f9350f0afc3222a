"""Frames: what is written is read back, what is none is refused in words, and nothing else ever comes out."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.gateway import ProtocolError
from actrio.gateway._answers import Error, ServerFrame, TextPiece, Unfamiliar
from actrio.gateway._codec import decode_client, decode_server, encode
from actrio.gateway._frames import ClientFrame, UserMessage

KINDS = [kind.__struct_config__.tag for kind in get_args(ClientFrame)]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = sorted({name for kind in get_args(ClientFrame) for name in kind.__struct_fields__})


def frame(**fields: Any) -> str:
    return json.dumps(fields)


@given(st.text() | st.binary())
def test_no_text_makes_decoding_raise_anything_but_the_protocol_s_own(text: str | bytes) -> None:
    for decode in (decode_client, decode_server):
        try:
            decode(text)
        except ProtocolError as error:
            assert str(error) == f"{error.path}: {error.reason}"  # noqa: PT017 - it need not raise
            assert error.path.startswith("$")  # noqa: PT017


@given(st.sampled_from([*KINDS, "end", "text_chunk", "nothing"]), st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_no_fields_make_decoding_raise_anything_but_the_protocol_s_own(kind: str, fields: dict[str, Any]) -> None:
    for decode in (decode_client, decode_server):
        try:
            decoded = decode(json.dumps({"type": kind, **fields}))
        except ProtocolError as error:
            assert error.path.startswith("$")  # noqa: PT017
        else:
            assert isinstance(decoded, Unfamiliar) or decode(encode(decoded)) == decoded


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "$: not JSON"),
        ("{", "$: not JSON"),
        ("[]", "$: Expected object, got array"),
        ("{}", "$: Object missing required field type"),
        (frame(type="user_message", request_id="1", agent="a"), "$: expected text or content, one of them"),
        (
            frame(type="user_message", request_id="1", agent="a", text="", content=[{"type": "text", "text": ""}]),
            "$: expected text or content, one of them",
        ),
        (
            frame(type="user_message", request_id="1", agent="a", content=[{"type": "image"}]),
            "$.content[0]: expected url or data, one of them",
        ),
        (
            frame(type="user_message", request_id="1", agent="a", content=[{"type": "image", "data": "é"}]),
            "$.content[0].data: Invalid base64 encoded string",
        ),
        (
            frame(type="user_message", request_id="1", agent="a", content=[{"type": "text", "text": "a"}] * 101),
            "$.content: Expected array of length <= 100",
        ),
        (frame(type="subscribe"), "$: expected topic or agent, one of them"),
        (frame(type="unsubscribe", topic="a", agent="b"), "$: expected topic or agent, one of them"),
        (frame(type="user_message", request_id=1, agent="a", text=""), "$.request_id: Expected str, got int"),
        (frame(type="user_message", request_id="", agent="a", text=""), "$.request_id: Expected str of length >= 1"),
        (frame(type="resume", request_id="1", after=-2), "$.after: Expected int >= -1"),
        (frame(type="dance"), "$.type: Invalid value 'dance'"),
        ('{"type": "hello", "version": 1, "token": "\\ud800"}', "$: not JSON"),
        ("\ud800", "$: not UTF-8"),
        (b"{}", "$: frames are text, and this is binary"),
    ],
)
def test_what_is_no_frame_is_refused_with_where_and_why(text: str | bytes, said: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_client(text)
    assert str(caught.value).startswith(said)


def test_a_frame_too_large_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ProtocolError, match="at most 100"):
        decode_client("{" * 101, max_bytes=100)
    with pytest.raises(ProtocolError, match="102 bytes long"):
        decode_client('"' + "é" * 50 + '"', max_bytes=101)


def test_a_frame_too_deep_is_refused_before_it_is_parsed() -> None:
    deep = '{"type":"ask","request_id":"1","agent":"a","message":' + "[" * 40 + "]" * 40 + "}"
    with pytest.raises(ProtocolError, match="nested deeper than 32"):
        decode_client(deep)
    flat = frame(type="ask", request_id="1", agent="a", message=["[[[[[[" * 40, {"a": [[]] * 40}])
    assert decode_client(flat)


def test_measuring_depth_takes_no_longer_for_strings_that_never_end() -> None:
    with pytest.raises(ProtocolError):
        decode_client("[" * 40 + '"' + '\\"' * 400_000)


def test_fields_of_a_newer_peer_are_ignored() -> None:
    text = frame(type="user_message", request_id="1", agent="a", text="Hi.", mood="good")
    assert decode_client(text) == UserMessage("1", "a", "Hi.")


def test_a_kind_of_a_newer_server_keeps_its_place_among_the_events() -> None:
    decoded = decode_server(frame(type="picture", request_id="1", seq=4, count=2, url="x"))
    assert decoded == Unfamiliar("picture", "1", 4, 2)


def test_every_frame_is_read_back_equal() -> None:
    for frame in (TextPiece("1", 3, 2, "Hé"), Error("model", "no", "1", 4), Error("protocol", "$: no")):
        assert decode_server(encode(frame)) == frame


def test_each_kind_has_a_tag_of_its_own() -> None:
    for union in (ClientFrame, ServerFrame):
        tags = [kind.__struct_config__.tag for kind in get_args(union)]
        assert len(set(tags)) == len(tags)
        assert msgspec.json.schema(union)
