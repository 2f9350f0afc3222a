"""What holds for the codec whatever it is given, tried by hypothesis."""

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from enum import Enum
from typing import Any, Literal, cast
from uuid import UUID

import attrs
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from actrio.mailbox._codec import Codec
from actrio.mailbox._problem import CodecError, is_array, is_object
from actrio.mailbox._tags import Unknown

# The machine's speed is not what is tested.
settings.register_profile("codec", deadline=None, max_examples=100)
quick = settings(settings.get_profile("codec"))


class Mood(Enum):
    GOOD = "good"
    BAD = 2


@frozen
class Leaf:
    value: int | float | str | None = None
    blob: bytes = b""
    mood: Mood = Mood.GOOD


@frozen
class Branch:
    parts: "tuple[Leaf | Branch, ...]" = ()
    by_number: dict[int, Leaf] = attrs.field(factory=dict[int, Leaf])
    words: frozenset[str] = frozenset()
    extra: Any = None
    kept: Unknown | Leaf | None = None
    when: datetime | None = None


codec = Codec()
codec.register(Leaf)
codec.register(Branch)

UNKNOWN_TAGS = ["new", "newer"]

# JSON values of all shapes, and dicts that come near to being messages.
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
field_names = st.sampled_from(["type", *(item.name for cls in (Leaf, Branch) for item in attrs.fields(cls))])
values = st.recursive(
    scalars | st.sampled_from(["Leaf", "Branch", "good", "AA==", "2024-01-01", "1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(field_names | st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)

more_fields = st.dictionaries(st.text(max_size=3), values, max_size=2)
zones = st.none() | st.integers(-86_000, 86_000).map(lambda seconds: timezone(timedelta(seconds=seconds)))
leaves = st.builds(
    Leaf,
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    st.binary(max_size=10),
    st.sampled_from(Mood),
)
branches = st.recursive(
    st.builds(Branch),
    lambda inner: st.builds(
        Branch,
        parts=st.lists(leaves | inner, max_size=3).map(tuple),
        by_number=st.dictionaries(st.integers(), leaves, max_size=2),
        words=st.frozensets(st.text(max_size=5), max_size=3),
        extra=values,
        kept=st.none() | leaves | st.builds(Unknown, st.sampled_from(UNKNOWN_TAGS), st.just({"a": [1]})),
        when=st.none() | st.datetimes(timezones=zones),
    ),
    max_leaves=5,
)

# Types together with strategies for their values; the hashable ones may be elements of a set.
hashable_types: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (str, st.text()),
    (bool, st.booleans()),
    (bytes, st.binary()),
    (datetime, st.datetimes(timezones=zones)),
    (date, st.dates()),
    (time, st.times(timezones=zones)),
    (timedelta, st.timedeltas()),
    (UUID, st.uuids()),
    (Mood, st.sampled_from(Mood)),
    (Literal["a", 1, False], st.sampled_from(["a", 1, False])),
]


# Held as Any, because type checkers do not take a variable for a type.
a_list, a_tuple, a_dict, a_frozenset = (cast(Any, kind) for kind in (list, tuple, dict, frozenset))


def _containers(inner: st.SearchStrategy[tuple[Any, Any]]) -> st.SearchStrategy[tuple[Any, Any]]:
    return st.one_of(
        inner.map(lambda pair: (a_list[pair[0]], st.lists(pair[1], max_size=3))),
        inner.map(lambda pair: (a_tuple[pair[0], ...], st.lists(pair[1], max_size=3).map(tuple))),
        inner.map(lambda pair: (a_dict[str, pair[0]], st.dictionaries(st.text(), pair[1], max_size=3))),
        inner.map(lambda pair: (a_dict[int, pair[0]], st.dictionaries(st.integers(), pair[1], max_size=3))),
        inner.map(lambda pair: (pair[0] | None, st.none() | pair[1])),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda pairs: (a_tuple[tuple(pair[0] for pair in pairs)], st.tuples(*(pair[1] for pair in pairs)))
        ),
        st.lists(inner, min_size=1, max_size=4).map(_record),
    )


def _record(pairs: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    fields = {f"field_{number}": attrs.field(type=pair[0]) for number, pair in enumerate(pairs)}
    cls = attrs.make_class("Record", fields, frozen=True)
    return cls, st.builds(cls, *(pair[1] for pair in pairs))


basic = st.sampled_from(hashable_types)
sets = basic.map(lambda pair: (a_frozenset[pair[0]], st.frozensets(pair[1], max_size=4)))
typed_values = st.recursive(basic | sets, _containers, max_leaves=6).flatmap(
    lambda pair: st.tuples(st.just(pair[0]), pair[1])
)


@quick
@given(typed_values)
def test_any_value_comes_back_equal_through_data_and_through_bytes(typed: tuple[Any, Any]) -> None:
    kind, value = typed
    data = codec.unstructure(value, as_type=kind)
    assert json.loads(json.dumps(data)) == data
    assert codec.structure(data, as_type=kind) == value
    assert codec.decode(codec.encode(value, as_type=kind), as_type=kind) == value


@quick
@given(branches, st.booleans())
def test_any_message_comes_back_equal_in_either_mode(message: Branch, forward_compatible: bool) -> None:
    document = codec.encode(message)
    assert codec.decode(document, forward_compatible=forward_compatible) == message
    assert codec.encode(codec.decode(document)) == document


def _check_error(error: CodecError) -> None:
    assert 1 <= len(error.problems) <= 20
    assert all(problem.path.startswith("$") and problem.reason for problem in error.problems)
    assert len(str(error).splitlines()) == len(error.problems)


@quick
@given(values, st.booleans(), st.sampled_from([None, Leaf, Branch, Leaf | Branch | None, Unknown, dict[str, Leaf]]))
def test_any_json_value_gives_a_message_or_a_codec_error(data: Any, forward_compatible: bool, kind: Any) -> None:
    try:
        message = codec.structure(data, as_type=kind, forward_compatible=forward_compatible)
    except CodecError as error:
        _check_error(error)
    else:
        again = codec.unstructure(message, as_type=kind)
        assert codec.structure(again, as_type=kind, forward_compatible=forward_compatible) == message


@quick
@given(values.map(lambda data: json.dumps(data).encode()) | st.binary(), st.booleans())
def test_any_bytes_give_a_message_or_a_codec_error(document: bytes, forward_compatible: bool) -> None:
    try:
        message = codec.decode(document, forward_compatible=forward_compatible)
    except CodecError as error:
        _check_error(error)
    else:
        assert codec.decode(codec.encode(message), forward_compatible=forward_compatible) == message


@quick
@given(branches.map(codec.encode), st.data())
def test_a_damaged_document_gives_a_message_or_a_codec_error(document: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(document)))
    end = data.draw(st.integers(start, min(len(document), start + 5)))
    damaged = document[:start] + data.draw(st.binary(max_size=5)) + document[end:]
    try:
        message = codec.decode(damaged)
    except CodecError as error:
        _check_error(error)
    else:
        assert isinstance(message, Leaf | Branch)


python_values = st.recursive(
    scalars
    | st.floats()
    | st.binary()
    | st.builds(object)
    | st.text(st.characters())
    | st.sampled_from([Mood.GOOD, Leaf()]),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers() | st.none(), inner),
    max_leaves=10,
)


@quick
@given(python_values, st.sampled_from([None, Any, Leaf, list[int | float | None], dict[str, Any]]))
def test_any_python_value_is_structured_and_unstructured_or_refused(value: Any, kind: Any) -> None:
    try:
        read = codec.structure(value, as_type=kind)
    except CodecError:
        pass
    else:
        assert codec.structure(codec.unstructure(read, as_type=kind), as_type=kind) == read
    try:
        data = codec.unstructure(value, as_type=kind or Any)
    except CodecError:
        pass
    else:
        assert codec.structure(data, as_type=kind or Any) == value


def _grow(data: object, draw: Callable[..., dict[str, Any]]) -> object:
    """A copy in which every object with a known tag may have more fields."""
    if is_array(data):
        return [_grow(item, draw) for item in data]
    if not is_object(data) or data.get("type") in UNKNOWN_TAGS:
        return data
    grown = {key: item if key == "extra" else _grow(item, draw) for key, item in data.items()}
    if "type" in data:
        grown |= {f"new_{name}": item for name, item in draw(more_fields).items()}
    return grown


@quick
@given(branches, st.data())
def test_unknown_fields_anywhere_change_nothing_in_forward_compatible_mode(
    message: Branch, data: st.DataObject
) -> None:
    plain = codec.unstructure(message)
    grown = _grow(plain, data.draw)
    assert codec.structure(grown, forward_compatible=True) == message
    if grown != plain:
        with pytest.raises(CodecError, match=r"unknown field .new_"):
            codec.structure(grown)


@quick
@given(
    st.dictionaries(st.text().filter(lambda key: key != "type"), values),
    st.text().filter(lambda tag: tag not in ("Leaf", "Branch")),
)
def test_a_message_from_the_future_is_passed_on_unchanged(fields: dict[str, Any], tag: str) -> None:
    data = {"type": tag, **fields}
    message = codec.structure(data, forward_compatible=True)
    assert message == Unknown(tag, fields)
    assert codec.unstructure(message) == data
    assert json.loads(codec.encode(message)) == data
