"""Tools that take and give pydantic models."""

import enum
from datetime import date
from typing import Annotated, Any, Literal

import pydantic
import pytest

from actrio.agents import tool
from actrio.agents.output import OutputType
from actrio.agents.tools._signature import BadArguments
from tests.agents.tools.calls import use


class Unit(enum.Enum):
    M = "m"


class Item(pydantic.BaseModel):
    name: str
    count: int = pydantic.Field(default=1, gt=0)
    unit: Unit = Unit.M


class Gift(pydantic.BaseModel):
    kind: Literal["gift"]
    items: list[Item] = []


class Letter(pydantic.BaseModel):
    kind: Literal["letter"]
    items: dict[str, Item] = {}


class Parcel(pydantic.BaseModel):
    items: list[Item]
    day: date
    within: "list[Parcel]" = []
    content: Annotated[Gift | Letter, pydantic.Field(discriminator="kind")] | None = None


@tool
async def send(parcel: Parcel, more: list[Item] | None = None) -> Parcel:
    return parcel


GOOD = '{"items": [{"name": "tea", "unit": "m"}], "day": "2020-01-01"}'


def references(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(references, schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
    return own.union(*map(references, schema.values()))


def test_all_references_of_the_schema_lead_to_its_definitions() -> None:
    schema = send.definition().parameters

    found = references(schema)
    assert found == {f"#/$defs/{name}" for name in ("Item", "Gift", "Letter", "Parcel", "Unit")}
    assert {one.removeprefix("#/$defs/") for one in found} <= set(schema["$defs"])
    assert all("$defs" not in part for part in schema["$defs"].values())


def test_all_references_of_an_output_schema_lead_to_its_definitions() -> None:
    wanted = OutputType("a", list[Parcel])

    found = {one.removeprefix("#/$defs/") for one in references(wanted.schema)}
    assert found == set(wanted.schema["$defs"]) == {"Item", "Gift", "Letter", "Parcel", "Unit"}
    (parcel,) = wanted.read('{"value": [' + GOOD + "]}")
    assert parcel.items == [Item(name="tea")]


def test_classes_of_one_name_are_told_apart() -> None:
    def outer(inner: type[pydantic.BaseModel]) -> type[pydantic.BaseModel]:
        return pydantic.create_model("Outer", inner=(inner, ...))

    first = outer(pydantic.create_model("Inner", a=(int, ...)))
    second = outer(pydantic.create_model("Inner", b=(int, ...)))

    async def take(one: Any, two: Any) -> None: ...

    take.__annotations__ = {"one": first, "two": second}
    made = tool(take)

    assert set(made.definition().parameters["$defs"]) == {"Inner", "Inner2"}
    made.signature().decode('{"one": {"inner": {"a": 1}}, "two": {"inner": {"b": 1}}}')
    with pytest.raises(BadArguments, match=r"\$\.two\.inner"):
        made.signature().decode('{"one": {"inner": {"a": 1}}, "two": {"inner": {"b": 1, "a": 1}}}')


async def test_arguments_and_results_are_models() -> None:
    done = await use(send, f'{{"parcel": {GOOD}}}')

    assert done.value == Parcel(items=[Item(name="tea")], day=date(2020, 1, 1))
    assert done.text == (
        '{"items":[{"name":"tea","count":1,"unit":"m"}],"day":"2020-01-01","within":[],"content":null}'
    )


@pytest.mark.parametrize(
    ("parcel", "problem"),
    [
        ('{"items": [{"name": 5}], "day": "2020-01-01"}', "$.parcel.items[0].name: Input should be a valid string"),
        ('{"items": [{"name": "", "count": "1"}], "day": "2020-01-01"}', "$.parcel.items[0].count: Input should be a"),
        ('{"items": [{"name": "", "count": 0}], "day": "2020-01-01"}', "$.parcel.items[0].count: Input should be gr"),
        ('{"items": []}', "$.parcel.day: Field required"),
        ('{"items": 1}', "$.parcel.items: Input should be a valid array; $.parcel.day: Field required"),
        ('{"items": [], "day": "2020-01-01", "x": 1}', "$.parcel: Object contains unknown field `x`"),
        (f'{{"items": [], "day": "2020-01-01", "within": [{GOOD[:-1]}, "x": 1}}]}}', "$.parcel.within[0]: Object cont"),
        (
            '{"items": [], "day": "2020-01-01", "content": {"kind": "letter", "items": {"a": {"name": "", "x": 1}}}}',
            "$.parcel.content.items.a: Object contains unknown field `x`",
        ),
    ],
)
def test_models_are_taken_strictly(parcel: str, problem: str) -> None:
    with pytest.raises(BadArguments) as caught:
        send.signature().decode(f'{{"parcel": {parcel}}}')

    assert str(caught.value).startswith(problem)


def test_a_model_that_takes_other_fields_gets_them() -> None:
    class Open(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")

    @tool
    async def take(one: Open) -> None: ...

    assert take.signature().decode('{"one": {"x": {"y": 1}}}')["one"].x == {"y": 1}


def test_fields_of_a_signature_may_be_described_as_those_of_a_model() -> None:
    @tool
    async def take(
        one: Annotated[int, pydantic.Field(description="One.", gt=3)], two: pydantic.PositiveInt
    ) -> None: ...

    told = take.definition().parameters["properties"]
    assert told["one"] == {"type": "integer", "description": "One.", "exclusiveMinimum": 3}
    assert told["two"]["exclusiveMinimum"] == 0
