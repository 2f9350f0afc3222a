"""Schemas of what a tool takes, and arguments held to them."""

import dataclasses
import enum
from datetime import date
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import annotated_types
import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.agents import InvalidTool, Tool, ToolContext, tool
from actrio.agents.tools._signature import BadArguments


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Point:
    x: int
    y: float = 0


@dataclasses.dataclass
class Person:
    name: str
    at: Point | None = None
    friends: "list[Person]" = dataclasses.field(default_factory=list)


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    bones: list[Point] = []


class Size(TypedDict):
    width: int
    height: NotRequired[int]


@tool
async def rich(  # noqa: PLR0917 - one of each kind
    color: Color,
    person: Person,
    pet: Cat | Dog,
    size: Size,
    mode: Literal["fast", "slow"] = "fast",
    points: list[Point] = [],  # noqa: B006 - as users write it
    weights: dict[str, float] | None = None,
    day: date = date(2020, 1, 2),
    anything: Any = None,
    whatever: object = 0,
) -> None:
    """Take all kinds of things."""


GOOD = '"color": "red", "person": {"name": "a"}, "pet": {"type": "Cat", "lives": 9}, "size": {"width": 1}'


def decode(made: Tool[..., Any], raw: str) -> dict[str, Any]:
    return made.signature().decode(raw)


def refusal(made: Tool[..., Any], raw: str) -> str:
    with pytest.raises(BadArguments) as caught:
        decode(made, raw)
    return str(caught.value)


def test_the_schema_says_kinds_defaults_and_that_nothing_else_is_taken() -> None:
    schema = rich.definition().parameters

    assert schema["required"] == ["color", "person", "pet", "size"]
    assert schema["additionalProperties"] is False
    told = schema["properties"]
    assert told["mode"] == {"enum": ["fast", "slow"], "default": "fast"}
    assert told["points"] == {"type": "array", "items": {"$ref": "#/$defs/Point"}, "default": []}
    assert told["day"]["default"] == "2020-01-02"
    assert told["anything"] == {"default": None}
    assert told["whatever"] == {"default": 0}
    assert schema["$defs"]["Color"]["enum"] == ["blue", "red"]
    assert schema["$defs"]["Person"]["properties"]["friends"]["items"] == {"$ref": "#/$defs/Person"}
    assert all(one["additionalProperties"] is False for one in schema["$defs"].values() if "properties" in one)


def test_arguments_become_what_the_function_is_annotated_with() -> None:
    more = '"points": [{"x": 1}], "weights": {"a": 1, "b": 2.5}, "day": "2021-01-01", "mode": "slow"'
    values = decode(rich, f"{{{GOOD}, {more}}}")

    assert values["color"] is Color.RED
    assert values["person"] == Person("a")
    assert values["pet"] == Cat(9)
    assert values["size"] == {"width": 1}
    assert values["points"] == [Point(1)]
    assert values["weights"] == {"a": 1.0, "b": 2.5}
    assert (values["day"], values["mode"], values["anything"]) == (date(2021, 1, 1), "slow", None)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('"mode": "now"', "$.mode: Invalid enum value 'now'"),
        ('"points": [{"x": 1}, {"x": "1"}]', "$.points[1].x: Expected `int`, got `str`"),
        ('"points": [{"x": true}]', "$.points[0].x: Expected `int`, got `bool`"),
        ('"points": [{"x": 1.5}]', "$.points[0].x: Expected `int`, got `float`"),
        ('"points": [{"y": 1}]', "$.points[0]: Object missing required field `x`"),
        ('"weights": {"a": "1"}', "$.weights[...]: Expected `float`, got `str`"),
        ('"day": "soon"', "$.day: Invalid RFC3339 encoded date"),
        ('"color": null', "$.color: Expected `str`, got `null`"),
        ('"extra": 1', "$: Object contains unknown field `extra`"),
        ('"points": [{"x": 1, "z": 1}]', "$.points[0]: Object contains unknown field `z`"),
        ('"person": {"name": "a", "age": 3}', "$.person: Object contains unknown field `age`"),
        ('"person": {"name": "a", "at": {"x": 1, "z": 1}}', "$.person.at: Object contains unknown field `z`"),
        ('"person": {"name": "a", "friends": [{"name": "b", "b": 1}]}', "$.person.friends[0]: Object contains"),
        ('"pet": {"type": "Dog", "lives": 9}', "$.pet: Object contains unknown field `lives`"),
        ('"pet": {"type": "Dog", "bones": [{"x": 1, "q": 1}]}', "$.pet.bones[0]: Object contains unknown field `q`"),
        ('"pet": {"type": "Cow"}', "$.pet.type: Invalid value 'Cow'"),
        ('"size": {"width": 1, "depth": 1}', "$.size: Object contains unknown field `depth`"),
    ],
)
def test_arguments_that_are_not_of_the_schema_are_refused_with_the_place(more: str, problem: str) -> None:
    assert refusal(rich, f"{{{GOOD}, {more}}}").startswith(problem)


@pytest.mark.parametrize("more", ['"anything": {"q": [{"r": 1}]}', '"whatever": {"q": {}}', '"weights": {"q": 1}'])
def test_what_may_have_any_fields_has_them(more: str) -> None:
    decode(rich, f"{{{GOOD}, {more}}}")


@pytest.mark.parametrize("raw", ["{", "nonsense", '{"a": NaN}', '{"a": 1} and more', "\x00", "[" * 100_000, '"\ud800"'])
def test_what_is_no_json_is_refused(raw: str) -> None:
    refusal(rich, raw)


@given(st.text() | st.builds("{{{},{}}}".format, st.just(GOOD), st.text()))
def test_arguments_are_taken_or_refused_whatever_they_are(raw: str) -> None:
    try:
        decode(rich, raw)
    except BadArguments as error:
        assert str(error)  # noqa: PT017 - either is right


def test_no_arguments_at_all_are_the_empty_object() -> None:
    @tool
    async def ping(count: int = 3) -> None: ...

    assert decode(ping, "") == {"count": 3}


def test_the_function_gets_the_very_default_that_it_has() -> None:
    missing = object()

    @tool
    async def find(what: Any = missing) -> None: ...

    assert decode(find, "{}")["what"] is missing
    assert "default" not in find.definition().parameters["properties"]["what"]


@attrs.define
class Even:
    number: int = attrs.field()

    @number.validator
    def _check(self, _: object, value: int) -> None:
        if value % 2:
            raise ValueError("it is odd")


@dataclasses.dataclass
class Broken:
    number: int

    def __post_init__(self) -> None:
        raise LookupError(f"nothing is {self.number}")


def test_what_a_class_of_the_users_raises_is_a_refusal() -> None:
    @tool
    async def take(even: Even | None = None, broken: Annotated[Broken | None, "x"] = None) -> None: ...

    assert refusal(take, '{"even": {"number": 3}}') == "$.even: it is odd"
    assert refusal(take, '{"broken": {"number": 3}}') == "$: LookupError: nothing is 3"


def test_annotated_gives_descriptions_and_bounds() -> None:
    @tool
    async def take(
        count: Annotated[int, "How many.", annotated_types.Ge(1)],
        name: Annotated[str, msgspec.Meta(max_length=3)] = "",
        items: Annotated[list[int], annotated_types.Len(1, 2), "Which."] = [],  # noqa: B006
    ) -> None:
        """Take.

        Args:
            count: Not this, as Annotated is nearer.
            name: The name.
            items: Not this.
        """

    told = take.definition().parameters["properties"]
    assert told["count"] == {"type": "integer", "description": "How many.", "minimum": 1}
    assert told["name"]["description"] == "The name."
    assert (told["items"]["minItems"], told["items"]["maxItems"], told["items"]["description"]) == (1, 2, "Which.")
    assert refusal(take, '{"count": 0}') == "$.count: Expected `int` >= 1"
    assert refusal(take, '{"count": 1, "name": "long"}').startswith("$.name: Expected `str` of length <= 3")


def test_what_the_agent_gives_is_not_in_the_schema() -> None:
    @tool
    async def find(what: str, table: Any, ctx: ToolContext, again: ToolContext | None = None, *, unit="m") -> None: ...  # type: ignore[no-untyped-def]

    signature = find.signature(frozenset({"table", "unit", "other"}))

    assert set(signature.schema["properties"]) == {"what"}
    assert set(signature.injected) == {"table", "unit"}
    with pytest.raises(BadArguments, match="unknown field `table`"):
        signature.decode('{"what": "x", "table": 1}')


def positional(number: int, /) -> None: ...


def several(*numbers: int) -> None: ...


def options(**more: int) -> None: ...


def bare(number) -> None: ...  # type: ignore[no-untyped-def]


def unknown(one: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821


class Opaque:
    pass


def opaque(one: Opaque) -> None: ...


def two(one: Point | Even) -> None: ...


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (positional, "a model names every argument"),
        (several, "a model names every argument"),
        (options, "a model names every argument"),
        (bare, "its parameter 'number' has no annotation"),
        (unknown, "name 'Nowhere' is not defined. Define what they name at the top level of its module"),
        (opaque, "JSON cannot carry what it takes"),
        (two, "JSON cannot carry what it takes"),
    ],
)
def test_a_function_that_a_model_cannot_call_is_refused_with_the_reason(function: Any, problem: str) -> None:
    with pytest.raises(InvalidTool) as caught:
        tool(function).definition()

    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arguments_are_taken_or_refused_however_deep_they_are() -> None:
    @tool
    async def store(data: dict[str, Any], at: Point = Point(0)) -> None: ...

    refused: list[bool] = []
    for depth in range(700, 1_000):  # at some it is the check for unknown fields that gives up
        try:
            decode(store, '{"data":' + '{"a":' * depth + "1" + "}" * (depth + 1))
            refused.append(False)
        except BadArguments:
            refused.append(True)

    assert {*refused} == {False, True}
