import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.agents.output import BrokenJson, FieldUpdate, JsonScanner

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=5), values, max_size=5)


def scan(*pieces: str) -> tuple[Any, list[FieldUpdate]]:
    scanner = JsonScanner()
    updates = [update for piece in pieces for update in scanner.feed(piece)]
    return scanner.end(), updates


def nodes(value: Any, path: str = "", indexes: tuple[int, ...] = ()) -> list[tuple[str, tuple[int, ...], Any]]:
    """All values in a value, each after those in it: what is complete, in the order of the text."""
    found: list[tuple[str, tuple[int, ...], Any]] = []
    if isinstance(value, dict):
        for key, one in value.items():
            found += nodes(one, f"{path}.{key}" if path else key, indexes)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            found += nodes(one, f"{path}[*]", (*indexes, index))
    return [*found, (path, indexes, value)]


def cut(text: str, data: st.DataObject) -> list[str]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(objects, st.booleans(), st.sampled_from([None, 2]), st.data())
def test_however_it_is_cut_the_value_is_the_one_json_reads(
    value: dict[str, Any], ascii_only: bool, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)

    read, _ = scan(*cut(text, data))

    assert read == json.loads(text)
    assert [type(one) for _, _, one in nodes(read)] == [type(one) for _, _, one in nodes(json.loads(text))]


@given(objects, st.data())
def test_every_value_is_complete_once_in_the_order_of_the_text(value: dict[str, Any], data: st.DataObject) -> None:
    _, updates = scan(*cut(json.dumps(value), data))

    complete = [(one.path, one.indexes, one.value) for one in updates if one.is_complete]

    assert complete == nodes(value)


@given(objects, st.data())
def test_the_deltas_of_a_string_joined_are_its_value(value: dict[str, Any], data: st.DataObject) -> None:
    _, updates = scan(*cut(json.dumps(value, ensure_ascii=data.draw(st.booleans())), data))
    grown = ""

    for update in updates:
        grown += update.delta
        if isinstance(update.value, str):
            assert update.value == grown
        if update.is_complete:
            grown = ""


def test_it_can_be_cut_at_every_character() -> None:
    text = '{"a": "Gr\\u00fc\\ud83d\\ude00\\n\\"\\\\", "b": [1, -2.5e3, {"c": null}], "d": true, "e": [], "f": {}}'

    for at in range(len(text)):
        assert scan(text[:at], text[at:])[0] == json.loads(text)
    assert scan(*text)[0] == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        '"\\ud83d"',
        '"\\ud83dx"',
        '"\\ud83d\\n"',
        '"\\ude00\\ud83d"',
        '"\\ud83d\\ud83d\\ude00"',
        '"\\ude00"',
        '"\\uD83D\\uDE00"',
    ],
)
def test_half_a_surrogate_pair_is_a_replacement_character(text: str) -> None:
    expected = json.loads(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    assert scan(*f'{{"a": {text}}}')[0] == {"a": expected}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("Sure, here it is:\n```json\n", "\n```\nAnything else?"),
        ("A set is written {x} or { y }. So: ", " {done}"),
        ("{ {", ""),
    ],
)
def test_what_is_around_the_json_is_left_out(before: str, after: str) -> None:
    text = before + '{"a": [1]}' + after

    assert scan(text)[0] == {"a": [1]}
    assert scan(*text)[0] == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "position", "expected", "partial"),
    [
        ('{"a": 1, b}', 9, "a key in quotes", {"a": 1}),
        ('{"a": 1 "b"}', 8, "a comma or the end of the object", {"a": 1}),
        ('{"a": [1, 2}', 11, "a comma or the end of the list", {"a": [1, 2]}),
        ('{"a": 1, "b": nul }', 14, "true, false or null", {"a": 1}),
        ('{"a": 1, "b": 01}', 14, "a number, and '01' is none", {"a": 1}),
        ('{"a": 1, "b": -}', 14, "a number, and '-' is none", {"a": 1}),
        ('{"a": "\\x"}', 8, 'one of "\\/bfnrtu after a backslash', {"a": ""}),
        ('{"a": "\\u12g4"}', 11, "four hexadecimal digits", {"a": ""}),
        ('{"a": 1,', 8, "more of the JSON that has begun", {"a": 1}),
        ('{"a": [{"b": [1], "c": "two', 27, "more of the JSON that has begun", {"a": [{"b": [1], "c": "two"}]}),
        ("no JSON at all", 14, "JSON that begins with {", None),
        ("", 0, "JSON that begins with {", None),
    ],
)
def test_broken_json_is_an_error_with_its_place_and_what_there_is(
    text: str, position: int, expected: str, partial: Any
) -> None:
    for pieces in ([text], list(text)):
        with pytest.raises(BrokenJson, match=re.escape(f"at character {position}: expected {expected}")) as caught:
            scan(*pieces)
        assert (caught.value.position, caught.value.partial) == (position, partial)


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(BrokenJson, match="no more than 500 levels"):
        scan('{"a":' + "[" * 1_000)


def test_a_number_without_end_is_refused() -> None:
    with pytest.raises(BrokenJson, match="a shorter number"):
        scan('{"a": ' + "9" * 10_000 + "}")


@given(st.lists(st.text() | st.sampled_from(['{"', '":', "[", "]", "}", ",", "\\", "u12", "1", "true", " "])))
def test_whatever_comes_no_other_error_goes_out(pieces: list[str]) -> None:
    error: BrokenJson | None = None
    try:
        scan(*pieces)
    except BrokenJson as broken:
        error = broken

    assert error is None or 0 <= error.position <= sum(map(len, pieces))


def test_each_character_is_looked_at_once() -> None:
    """By the number of updates, not by the clock: a string in n pieces makes n updates, each of its own piece."""
    text = json.dumps({"a": "x" * 20_000})
    pieces = [text[start : start + 4] for start in range(0, len(text), 4)]

    _, updates = scan(*pieces)

    assert len(updates) == len(pieces) - 1 or len(updates) == len(pieces)
    assert sum(len(update.delta) for update in updates) == 20_000


def test_an_update_says_what_it_is() -> None:
    _, updates = scan('{"a": ["x', 'y"]}')

    assert [repr(update) for update in updates] == [
        "<FieldUpdate a[*] [0]: +'x' -> 'x'>",
        "<FieldUpdate a[*] [0]: +'y' -> 'xy', complete>",
        "<FieldUpdate a []: +'' -> ['xy'], complete>",
        "<FieldUpdate (whole) []: +'' -> {'a': ['xy']}, complete>",
    ]
