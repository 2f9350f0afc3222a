from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest
from attrs import frozen

from actrio.agents import InvalidOutputType
from actrio.agents.output import OutputInvalid, OutputType


@frozen
class Section:
    title: str
    words: int = 0


@frozen
class Report:
    """A report."""

    title: str
    sections: list[Section]
    tone: Literal["dry", "warm"] | None = None


@dataclass
class Point:
    x: float
    y: float


class Card(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1)]


class Entry(TypedDict):
    key: str


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Report, '{"title": "T", "sections": [{"title": "S"}]}', Report("T", [Section("S")])),
        (Point, '```json\n{"x": 1, "y": 2.5}\n```', Point(1.0, 2.5)),
        (Card, 'Here: {"name": "n"}', Card("n")),
        (Entry, '{"key": "k"}', {"key": "k"}),
        (list[Section], '{"value": [{"title": "S"}]}', [Section("S")]),
        (dict[str, int], '{"value": {"a": 1}}', {"a": 1}),
        (int, '{"value": 7}', 7),
        (Colour, '{"value": "red"}', Colour.RED),
        (Literal["a", "b"], '{"value": "b"}', "b"),
        (Report | None, '{"value": null}', None),
        (Report | Section, '{"value": {"kind": "Section", "value": {"title": "S"}}}', Section("S")),
        (Point | Card | Entry, '{"value": {"kind": "Card", "value": {"name": "n"}}}', Card("n")),
        (Point | Card | None, '{"value": {"kind": "nothing", "value": null}}', None),
    ],
    ids=str,
)
def test_an_answer_is_read_as_the_type(kind: Any, text: str, value: object) -> None:
    assert OutputType("a", kind).read(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        (Report, '{"title": "T", "sections": [{"title": 1}]}', "$.sections[0].title: Expected `str`, got `int`"),
        (Report, '{"title": "T"}', "$: Object missing required field `sections`"),
        (Report, "I do not know.", "$: it is no JSON: at character 14: expected JSON that begins with {, it ended"),
        (Card, '{"name": ""}', "$.name: Expected `str` of length >= 1"),
        (int, '{"value": "7"}', "$.value: Expected `int`, got `str`"),
        (int, '{"number": 7}', "$: expected an object with the key 'value' alone"),
        (
            Point | Card,
            '{"value": {"kind": "Card", "value": {}}}',
            "$.value.value: Object missing required field `name`",
        ),
        (Point | Card, '{"value": {"kind": "Line"}}', "$.value.kind: Invalid value 'Line'"),
    ],
)
def test_what_is_not_of_the_type_is_refused_with_what_and_where(kind: Any, text: str, problem: str) -> None:
    with pytest.raises(OutputInvalid) as caught:
        OutputType("a", kind).read(text)

    assert str(caught.value) == problem


def test_the_schema_is_closed_so_that_servers_can_hold_the_model_to_it() -> None:
    wanted = OutputType("a", Report).format

    assert (wanted.name, wanted.strict) == ("Report", True)
    assert wanted.schema is not None
    assert wanted.schema["required"] == ["title", "sections", "tone"]
    assert wanted.schema["additionalProperties"] is False
    section = wanted.schema["$defs"]["Section"]
    assert section["required"] == ["title", "words"]
    assert section["properties"]["words"] == {"type": "integer"}


def test_a_schema_with_free_keys_is_sent_as_it_is() -> None:
    wanted = OutputType("a", dict[str, int]).format

    assert not wanted.strict
    assert wanted.schema == {
        "type": "object",
        "properties": {"value": {"type": "object", "additionalProperties": {"type": "integer"}}},
        "required": ["value"],
    }


def test_a_property_of_any_name_stays() -> None:
    @frozen
    class Odd:
        default: str
        properties: int

    schema = OutputType("a", Odd).format.schema

    assert schema is not None
    assert set(schema["properties"]) == {"default", "properties"}


@pytest.mark.parametrize("kind", [complex, object()])
def test_a_type_that_json_cannot_carry_is_refused_when_the_agent_is_made(kind: Any) -> None:
    with pytest.raises(InvalidOutputType, match="of agent 'a' is not a type that JSON can carry"):
        OutputType("a", kind)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (dict[int, str], '{"1": "a"}', {1: "a"}),
        (dict[date, int], '{"2025-01-31": 1}', {date(2025, 1, 31): 1}),
    ],
)
def test_keys_are_read_as_their_type(kind: Any, text: str, value: Any) -> None:
    assert OutputType("a", kind).read(f'{{"value": {text}}}') == value


def test_a_key_that_is_not_of_its_type_is_refused_with_its_place() -> None:
    with pytest.raises(OutputInvalid, match=r"^key in \$\.value: "):
        OutputType("a", dict[int, str]).read('{"value": {"a": "b"}}')
