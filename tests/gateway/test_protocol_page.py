"""The page of the protocol says what the records say."""

import json
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from actrio.gateway._answers import ServerFrame
from actrio.gateway._codec import decode_client, decode_server
from actrio.gateway._frames import ClientFrame

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
KINDS = [*get_args(ClientFrame), *get_args(ServerFrame)]


def test_the_page_has_every_kind_and_no_other() -> None:
    assert set(SECTIONS) == {kind.__struct_config__.tag for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__struct_config__.tag))
def test_a_kind_s_fields_are_those_of_its_record(kind: type[msgspec.Struct]) -> None:
    section = SECTIONS[str(kind.__struct_config__.tag)]
    fields = re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", section, re.MULTILINE)
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    assert fields == [(one.name, said) for one, (_, said) in zip(info.fields, fields, strict=True)]
    assert [said == "required" for _, said in fields] == [one.required for one in info.fields]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__struct_config__.tag))
def test_a_kind_s_example_is_one(kind: type[msgspec.Struct]) -> None:
    example = re.findall(r"^    (\{.*)$", SECTIONS[str(kind.__struct_config__.tag)], re.MULTILINE)[0]
    decode = decode_client if kind in get_args(ClientFrame) else decode_server
    decoded = decode(example)
    assert type(decoded) is kind
    assert json.loads(msgspec.json.encode(decoded)) == json.loads(example)
