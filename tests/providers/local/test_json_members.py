import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers.local._json_members import MemberScanner, NotJson, StringUnescaper

ANY_TEXT = st.text(st.characters(exclude_categories=()))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)


def cut(text: str, places: list[int]) -> list[str]:
    """The text in pieces, cut at these places, wherever they fall in it."""
    at = sorted({place % (len(text) + 1) for place in places})
    return [text[start:end] for start, end in zip([0, *at], [*at, len(text)], strict=True)]


def members_of(pieces: list[str]) -> list[tuple[str, str]]:
    """The members that a scanner hands on, each with its value's text."""
    members: list[tuple[str, str]] = []
    pending: list[str] = []

    def grew(key: str, piece: str, complete: bool) -> None:
        pending.append(piece)
        if complete:
            members.append((key, "".join(pending)))
            pending.clear()

    scanner = MemberScanner(grew)
    for piece in pieces:
        scanner.feed(piece)
    assert scanner.complete
    assert not pending
    return members


@given(OBJECTS, st.lists(st.integers(0)), st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_the_members_of_an_object_are_the_same_however_it_is_cut(
    value: dict[str, Any], places: list[int], ascii_only: bool, indent: int | str | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)

    members = members_of(cut(text, places))

    assert [(key, json.loads(value)) for key, value in members] == list(value.items())


@given(st.lists(OBJECTS, max_size=3), st.lists(st.integers(0)))
def test_so_are_those_of_the_objects_in_an_array(values: list[dict[str, Any]], places: list[int]) -> None:
    members = members_of(cut(json.dumps(values), places))

    assert [(key, json.loads(value)) for key, value in members] == [item for value in values for item in value.items()]


@given(ANY_TEXT, st.lists(st.integers(0)), st.booleans())
def test_the_text_of_a_string_is_the_same_however_it_is_cut(text: str, places: list[int], ascii_only: bool) -> None:
    written = json.dumps(text, ensure_ascii=ascii_only)
    # What a pair of surrogates means is one character, and a half has no meaning.
    expected = "".join(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace") if ascii_only else text
    unescaper = StringUnescaper()

    assert "".join(map(unescaper.feed, cut(written, places))) == expected


@pytest.mark.parametrize(
    "written", [r'"caf\u00e9 \ud83d\ude00\n\"\\\/\b\f\r\t"', r'"\ud83d"', r'"\ude00x"', r'"\ud83d\ud83d\ude00"']
)
def test_escapes_may_be_cut_anywhere(written: str) -> None:
    expected = json.loads(written).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    for place in range(len(written) + 1):
        unescaper = StringUnescaper()
        assert unescaper.feed(written[:place]) + unescaper.feed(written[place:]) == expected


def test_text_is_given_as_soon_as_it_is_complete() -> None:
    unescaper = StringUnescaper()

    assert [unescaper.feed(piece) for piece in ('"Hel', "lo\\", "n", "\\u00", "e9", '!"')] == [
        "Hel",
        "lo",
        "\n",
        "",
        "é",
        "!",
    ]


@pytest.mark.parametrize("text", ["x", "{]", '{"a" 1}', '{"a":,}', '{"a":1,}', "[1]", "[{},]", '{"a":1}}', "[{}]{"])
def test_what_is_not_json_is_an_error(text: str) -> None:
    with pytest.raises(NotJson, match="expected JSON to go on"):
        members_of([text])


@pytest.mark.parametrize("text", ["1", r'"\x"', r'"\u12g4"', r'"\u+123"'])
def test_what_is_no_string_is_an_error(text: str) -> None:
    with pytest.raises(NotJson):
        StringUnescaper().feed(text)
