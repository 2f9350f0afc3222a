import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrio.providers.wire._arguments import arguments_object

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
OBJECTS = st.dictionaries(
    st.text(), st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
)


def written(arguments: str) -> bytes:
    return msgspec.json.encode({"input": arguments_object(arguments)})


@given(OBJECTS, st.sampled_from([None, 2]))
def test_an_object_is_written_byte_for_byte_as_the_model_wrote_it(value: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)

    assert written(text) == b'{"input":' + text.encode() + b"}"


@pytest.mark.parametrize("arguments", ["", " \n"])
def test_no_arguments_are_an_empty_object(arguments: str) -> None:
    assert written(arguments) == b'{"input":{}}'


@pytest.mark.parametrize(
    "arguments",
    ['{"city": "Os', "[1, 2]", '"x"', "null", "{}{}", "{'a': 1}", '{"a": NaN}', '{"a": 1e999}', "[" * 100_000, "}"],
)
def test_what_is_no_object_is_put_into_one_that_shows_it(arguments: str) -> None:
    assert json.loads(written(arguments)) == {"input": {"INVALID_JSON": arguments}}


@given(st.text())
def test_whatever_the_model_wrote_the_body_is_json(arguments: str) -> None:
    inside = json.loads(written(arguments))["input"]

    assert isinstance(inside, dict)
    assert not any(isinstance(value, float) and math.isnan(value) for value in inside.values())
