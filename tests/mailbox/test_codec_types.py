"""What each type looks like in JSON, what it takes back, and which types the codec refuses to carry."""

import dataclasses
import enum
import json
import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Final, Generic, Literal, NewType, TypeVar, cast
from uuid import UUID

import attrs
import pytest
from attrs import field, frozen
from typing_extensions import TypeAliasType

from actrio.mailbox._codec import Codec
from actrio.mailbox._problem import CodecError, MessageTypeError
from actrio.mailbox._tags import Unknown

T = TypeVar("T")
K = TypeVar("K")
UserId = NewType("UserId", int)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Word(enum.StrEnum):
    YES = "yes"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@frozen
class Point:
    x: int
    y: int = 0


@dataclasses.dataclass(frozen=True)
class Span:
    start: int
    end: int = 10
    marks: list[int] = dataclasses.field(default_factory=list[int])
    inner: "tuple[Span, ...]" = ()


@frozen
class Box(Generic[T]):
    content: T
    others: tuple[T, ...] = ()


@frozen
class Pair(Box[K], Generic[K, T]):
    second: T | None = None


@frozen
class Named(Pair[str, int]):
    name: str = ""


@frozen
class Tree:
    leaf: int
    by_name: "dict[str, Tree]" = field(factory=dict["str", "Tree"])
    twin: "Tree | None" = None


codec = Codec()
EAST = timezone(timedelta(hours=5, minutes=30))
SPAN_DATA = json.loads(
    '{"start": 1, "end": 10, "marks": [2], "inner": [{"start": 3, "end": 10, "marks": [], "inner": []}]}'
)
TREE_DATA = json.loads(
    '{"leaf": 1, "by_name": {"a": {"leaf": 2, "by_name": {}, "twin": null}},'
    ' "twin": {"leaf": 3, "by_name": {}, "twin": null}}'
)
MOMENT = datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=EAST)


# Types with a value of theirs and the data it is written as.
WRITTEN: list[tuple[Any, Any, Any]] = [
    (int, 10**100, 10**100),
    (float, 0.1, 0.1),
    (str, "ü\0🙂", "ü\0🙂"),
    (bool, True, True),
    (type(None), None, None),
    (bytes, b"\0\xff", "AP8="),
    (datetime, MOMENT, "2024-02-29T12:30:01.000005+05:30"),
    (datetime, datetime(2024, 1, 1), "2024-01-01T00:00:00"),  # noqa: DTZ001  # one without a zone is a value too
    (date, date(2024, 2, 29), "2024-02-29"),
    (time, time(1, 2, 3, tzinfo=UTC), "01:02:03+00:00"),
    (timedelta, timedelta(days=-1, microseconds=1), "-PT86399.999999S"),
    (UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Colour, Colour.RED, "red"),
    (Word, Word.YES, "yes"),
    (Level, Level.HIGH, 2),
    (Access, Access.READ | Access.WRITE, 3),
    (Literal["a", 1, True], 1, 1),
    (Literal["a", 1, True], True, True),
    (Literal[Colour.RED], Colour.RED, "red"),
    (list[int], [1, 2], [1, 2]),
    (Sequence[int], (1, 2), [1, 2]),
    (tuple[int, ...], (1, 2), [1, 2]),
    (tuple[int, str], (1, "a"), [1, "a"]),
    (set[str], {"b", "a", "c"}, ["a", "b", "c"]),
    (frozenset[int], frozenset({3, 1}), [1, 3]),
    (AbstractSet[int], frozenset({1}), [1]),
    (dict[str, float], {"a": 1.5}, {"a": 1.5}),
    (dict[int, int], {(1 << 2048) - 1: 0}, {str((1 << 2048) - 1): 0}),
    (Mapping[int, str], {-1: "a"}, {"-1": "a"}),
    (dict[Colour, int], {Colour.RED: 1}, {"red": 1}),
    (dict[date, int], {date(2024, 1, 1): 1}, {"2024-01-01": 1}),
    (Any, {"a": [None, 1.5, "x", {}]}, {"a": [None, 1.5, "x", {}]}),
    (object, [1], [1]),
    (int | None, None, None),
    (int | str | list[int], [1], [1]),
    (int | float, 1.0, 1.0),
    (Point | None, Point(1), {"x": 1, "y": 0}),
    (Point | list[Point], [Point(1, 2)], [{"x": 1, "y": 2}]),
    (UserId, UserId(5), 5),
    (Annotated[int, "metres"], 5, 5),
    (Annotated[list[Annotated[int, "m"]] | None, "x"], [5], [5]),
    (Point, Point(1, 2), {"x": 1, "y": 2}),
    (Span, Span(1, marks=[2], inner=(Span(3),)), SPAN_DATA),
    (Box[int], Box(1, (2, 3)), {"content": 1, "others": [2, 3]}),
    (Box[Box[int | None]], Box(Box(None)), {"content": {"content": None, "others": []}, "others": []}),
    (Pair[str, int], Pair("a", ("b",), 1), {"content": "a", "others": ["b"], "second": 1}),
    (Named, Named("a", (), 1, "n"), {"content": "a", "others": [], "second": 1, "name": "n"}),
    (Tree, Tree(1, {"a": Tree(2)}, Tree(3)), TREE_DATA),
]


@pytest.mark.parametrize(("kind", "value", "data"), WRITTEN)
def test_a_value_is_written_and_comes_back_equal_and_of_the_same_type(kind: Any, value: Any, data: Any) -> None:
    plain = codec.unstructure(value, as_type=kind)
    assert plain == data
    assert type(plain) is type(data)
    for back in (codec.structure(plain, as_type=kind), codec.decode(codec.encode(value, as_type=kind), as_type=kind)):
        assert back == value
        assert type(back) is type(value)


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        (int, "1", "expected int, got str"),
        (int, 1.0, "expected int, got float"),
        (int, True, "expected int, got bool"),
        (float, True, "expected float, got bool"),
        (float, "1", "expected float, got str"),
        (float, 10**400, "int too large for a float"),
        (float, float("inf"), "inf has no JSON form"),
        (bool, 1, "expected bool, got int"),
        (str, None, "expected str, got null"),
        (str, b"", "expected JSON data, got bytes"),
        (str, "\ud800", "text with a lone surrogate, which UTF-8 cannot hold"),
        (Any, 1 << 2048, "int of more than 2048 bits"),
        (Any, (1,), "expected JSON data, got tuple"),
        (bytes, "a", "expected base64 text, got other text"),
        (bytes, [97], "expected base64 text, got array"),
        (datetime, "yesterday", "expected an ISO 8601 datetime, got other text"),
        (datetime, 0, "expected an ISO 8601 datetime, got int"),
        (timedelta, "P1Y", "expected an ISO 8601 duration, got other text"),
        (UUID, "1", "expected a UUID, got other text"),
        (Colour, "green", "expected one of 'red', 'blue', got another str"),
        (Level, True, "expected one of 1, 2, got bool"),
        (Level, 1.0, "expected one of 1, 2, got float"),
        (Literal[1, "a"], True, "expected one of 1, 'a', got bool"),
        (Literal[1, "a"], 2, "expected one of 1, 'a', got another int"),
        (list[int], "12", "expected array, got str"),
        (list[int], {}, "expected array, got object"),
        (tuple[int, str], [1], "expected 2 elements, got 1"),
        (dict[str, int], [], "expected object, got array"),
        (dict[int, int], {"01": 1}, "as key: expected int, got other text"),
        (dict[Colour, int], {"green": 1}, "as key: expected one of 'red', 'blue', got another str"),
        (Any, {1: 2}, "as key: expected str, got int"),
        (int | None, "1", "expected int or null, got str"),
        (int | str, 1.5, "expected int or str, got float"),
        (Point, [1, 2], "expected object, got array"),
        (UserId, "5", "expected int, got str"),
    ],
)
def test_nothing_is_coerced(kind: Any, data: Any, reason: str) -> None:
    with pytest.raises(CodecError) as error:
        codec.structure(data, as_type=kind)
    assert [problem.reason for problem in error.value.problems] == [reason]


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (int, "1", "expected int, got str"),
        (int, True, "expected int, got bool"),
        (float, float("nan"), "nan has no JSON form"),
        (float, float("-inf"), "-inf has no JSON form"),
        (float, 2**53 + 1, "int that no float equals"),
        (float, 10**400, "int that no float equals"),
        (date, MOMENT, "expected date, got datetime"),
        (datetime, date(2024, 1, 1), "expected datetime, got date"),
        (
            datetime,
            datetime(2024, 1, 1, tzinfo=timezone(timedelta(microseconds=1))),
            "datetime that its text does not give back",
        ),
        (bytes, bytearray(b"a"), "expected bytes, got bytearray"),
        (Colour, "red", "expected Colour, got str"),
        (Word, "yes", "expected Word, got str"),
        (Literal["a"], ["a"], "expected one of 'a', got array"),
        (list[int], (1,), "expected list, got tuple"),
        (tuple[int, ...], [1], "expected tuple, got array"),
        (tuple[int, str], (1, "a", 2), "expected 2 elements, got 3"),
        (set[int], frozenset({1}), "expected set, got frozenset"),
        (dict[int, int], {True: 1}, "as key: expected int, got bool"),
        (dict[int, int], {1 << 2048: 1}, "as key: int of more than 2048 bits"),
        (Any, Point(1), "expected JSON data, got Point"),
        (Any, (1, 2), "expected JSON data, got tuple"),
        (Any, {Word.YES: 1}, "as key: expected str, got Word"),
        (str, "\udfff", "text with a lone surrogate, which UTF-8 cannot hold"),
        (int | str, 1.5, "expected int or str, got float"),
        (Point, Span(1), "expected Point, got Span"),
        (Unknown, Point(1), "expected Unknown, got Point"),
    ],
)
def test_what_would_not_come_back_equal_is_not_written(kind: Any, value: Any, reason: str) -> None:
    with pytest.raises(CodecError) as error:
        codec.unstructure(value, as_type=kind)
    assert [problem.reason for problem in error.value.problems] == [reason]


def test_containers_without_parameters_hold_plain_data() -> None:
    kinds: list[Any] = [list, dict, tuple]
    for kind, value in zip(kinds, ([1, "a", None], {"a": [1]}, ([1], 2)), strict=True):
        assert codec.structure(codec.unstructure(value, as_type=kind), as_type=kind) == value


def test_subclasses_of_int_float_and_str_are_written_as_what_they_equal() -> None:
    class Metres(float):
        def __repr__(self) -> str:
            return "metres"

    assert codec.encode([Level.LOW, Metres(1.5), Word.YES], as_type=list[int | float | str]) == b'[1,1.5,"yes"]'


def test_an_int_in_a_float_field_is_the_float_it_equals() -> None:
    assert codec.encode(3, as_type=float) == b"3.0"
    assert type(codec.decode(b"3", as_type=float)) is float
    assert type(codec.decode(b"3", as_type=int | float)) is int
    assert type(codec.structure(3, as_type=float | str)) is float


def test_equal_sets_give_equal_bytes() -> None:
    forward = {8 * number for number in range(20)}
    backward = {8 * number for number in reversed(range(20))}
    assert list(forward) != list(backward)
    assert codec.encode(forward, as_type=set[int]) == codec.encode(backward, as_type=set[int])
    assert codec.decode(b"[1,1]", as_type=set[int]) == {1}


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (complex, "complex is no type the codec can carry"),
        (Decimal, "Decimal is no type the codec can carry"),
        (list[complex], "complex is no type the codec can carry"),
        (T, "~T is no type the codec can carry"),
        (Box, "Box.content: ~T is no type the codec can carry"),
        (5, "5 is no type the codec can carry"),
        ([], r"\[\] is no type, or cannot be hashed"),
        (str | bytes, "has more than one member that is written as str"),
        (Point | dict[str, int], "has more than one member that is written as object"),
        (list[int] | tuple[int, ...], "has more than one member that is written as array"),
        (Point | Span, "needs Point to be registered: the classes of a union are told apart by tags"),
        (dict[float, int], "has keys that are not written as text"),
        (Literal[b"x"], "has constants that are not None, bool, int or str"),
        (enum.Enum("Odd", {"A": (1, 2)}), "Odd has members whose values are not bool, int, float or str"),
    ],
)
def test_a_type_that_cannot_be_carried_is_an_error_of_the_program(kind: Any, rule: str) -> None:
    with pytest.raises(MessageTypeError, match=rule) as error:
        codec.structure({}, as_type=kind)
    assert error.value.subject is not None


def _closed(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return numbers if 0 in numbers else (*numbers, 0)


def _total(rich: Any) -> int:
    return int(rich._private + sum(rich.converter))


def test_defaults_converters_and_fields_without_init_work_as_in_the_class() -> None:
    @frozen
    class Rich:
        _private: int
        cl: str = "cl"
        converter: tuple[int, ...] = field(default=(), converter=_closed)
        total: int = field(init=False, default=attrs.Factory(_total, takes_self=True))
        keyword: str = field(default="k", kw_only=True)

    value = Rich(1, converter=(2, 3))
    data = {"_private": 1, "cl": "cl", "converter": [2, 3, 0], "keyword": "k"}
    assert codec.unstructure(value, as_type=Rich) == data
    assert codec.structure({"_private": 1, "converter": [2, 3]}, as_type=Rich) == value
    assert value.total == 6


def test_a_dataclass_may_have_a_field_without_a_default_after_one_with() -> None:
    @dataclasses.dataclass
    class Late:
        first: int = 1
        second: int = dataclasses.field(kw_only=True)

    assert codec.structure({"second": 2}, as_type=Late) == Late(second=2)
    with pytest.raises(CodecError, match="missing field 'second'"):
        codec.structure({}, as_type=Late)


def test_fields_without_init_may_be_of_any_type() -> None:
    @frozen
    class Cached:
        x: int
        cache: complex = field(init=False, default=0j)

    assert codec.unstructure(Cached(1), as_type=Cached) == {"x": 1}
    assert codec.structure({"x": 1}, as_type=Cached) == Cached(1)


def test_a_type_alias_is_seen_through() -> None:
    make_alias: Any = TypeAliasType  # as a name of its own, which type checkers do not look into
    alias = make_alias("alias", list[int])
    assert codec.structure([1], as_type=alias) == [1]
    assert codec.structure({"a": None}, as_type=cast(Any, dict)[str, alias | None]) == {"a": None}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="an alias that names itself needs the statement of Python 3.12")
def test_an_alias_that_contains_itself_is_refused() -> None:
    scope: dict[str, Any] = {}
    exec("type Deep = list[Deep] | int", scope)
    with pytest.raises(MessageTypeError, match="contains itself, which only a class may"):
        codec.structure([], as_type=scope["Deep"])


def test_final_is_seen_through() -> None:
    @frozen
    class Fixed:
        x: Final[int] = 1

    assert codec.structure({"x": 2}, as_type=Fixed) == Fixed(2)


def test_elements_of_a_set_have_to_be_hashable() -> None:
    @attrs.define
    class Mutable:
        x: int

    with pytest.raises(MessageTypeError, match="needs elements that can be hashed"):
        codec.structure([{"x": 1}], as_type=frozenset[Mutable])
    with pytest.raises(MessageTypeError, match="needs elements that can be hashed"):
        codec.structure({"content": [{"x": 1}]}, as_type=Box[frozenset[Mutable]])


def test_unknown_as_a_type_keeps_any_tagged_object() -> None:
    assert codec.structure({"type": "any", "x": 1}, as_type=Unknown) == Unknown("any", {"x": 1})
    assert codec.structure(None, as_type=Unknown | None) is None
    with pytest.raises(CodecError, match="missing tag 'type'"):
        codec.structure({"x": 1}, as_type=Unknown)
