"""Schemas whose objects have the fields that they name and no other, and what a value has beyond them. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

_PREFIX: Final = "#/$defs/"

_DATA: Final = ("const", "default", "enum", "examples")

_KINDS: Final[Mapping[type, tuple[str, ...]]] = {
    dict: ("object",),
    list: ("array",),
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    type(None): ("null",),
}


def close(schema: Any) -> Any:
    """The schema with every object closed that names its fields, and does not say that it may have others."""
    if isinstance(schema, list):
        return [close(one) for one in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    closed: dict[str, Any] = {}
    for key, part in cast("dict[str, Any]", schema).items():
        if key in ("properties", "$defs"):
            closed[key] = {name: close(one) for name, one in part.items()}
        else:
            closed[key] = part if key in _DATA else close(part)
    if "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def hoist(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with all definitions at its root, where references look for them.

    The schema of a pydantic model brings its own, wherever it stands. One whose name is taken gets another.
    """
    parts: dict[str, Any] = dict(schema.get("$defs", {}))
    whole: dict[str, Any] = _without_parts({key: part for key, part in schema.items() if key != "$defs"}, parts)
    for name in tuple(parts):
        parts[name] = _without_parts(parts[name], parts)
    return {**whole, "$defs": parts} if parts else whole


def _without_parts(schema: Any, parts: dict[str, Any]) -> Any:
    """The schema with the definitions in it moved to `parts`."""
    if isinstance(schema, list):
        return [_without_parts(one, parts) for one in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    own = dict(cast("dict[str, Any]", schema))
    brought: dict[str, Any] = own.pop("$defs", {})
    names = {name: _free_name(name, part, parts) for name, part in brought.items()}
    references = {_PREFIX + name: _PREFIX + new for name, new in names.items()}
    for name, part in brought.items():
        parts[names[name]] = _renamed(part, references)
    return {key: _without_parts(_renamed(part, references), parts) for key, part in own.items()}


def _free_name(name: str, part: Any, parts: Mapping[str, Any]) -> str:
    number, wanted = 1, name
    while name in parts and parts[name] != part:
        number += 1
        name = f"{wanted}{number}"
    return name


def _renamed(schema: Any, references: Mapping[str, str]) -> Any:
    if isinstance(schema, str):
        return references.get(schema, schema)
    if isinstance(schema, list):
        return [_renamed(one, references) for one in cast("list[object]", schema)]
    if isinstance(schema, dict):
        return {key: _renamed(part, references) for key, part in cast("dict[str, Any]", schema).items()}
    return schema


def unknown_field(value: Any, schema: Mapping[str, Any]) -> str | None:
    """The first field of a value that its schema does not have, as ``$.path: reason``; None if there is none.

    Args:
        value: Plain JSON that is of the schema but for such fields.
        schema: A closed one, with all its definitions at the root.
    """
    return _unknown(value, schema, schema.get("$defs", {}), "$")


def _unknown(value: Any, schema: Any, parts: Mapping[str, Any], path: str) -> str | None:
    schema = _resolved(schema, parts)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices is not None:
        found = [_unknown(value, one, parts, path) for one in choices if _may_be(value, _resolved(one, parts))]
        return None if None in found or not found else found[0]
    for name, part, below in _members(value, schema):
        if part is False:
            return f"{path}: Object contains unknown field `{name}`"
        problem = _unknown(below, part, parts, f"{path}{name if isinstance(value, list) else f'.{name}'}")
        if problem is not None:
            return problem
    return None


def _members(value: Any, schema: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Each member of an object or array: its name, its schema (False: it may not be there), its value."""
    if isinstance(value, dict):
        named, other = schema.get("properties", {}), schema.get("additionalProperties", {})
        for name, below in cast("dict[str, Any]", value).items():
            yield name, named.get(name, other), below
    elif isinstance(value, list):
        first, other = schema.get("prefixItems", ()), schema.get("items", {})
        for number, below in enumerate(cast("list[object]", value)):
            yield f"[{number}]", first[number] if number < len(first) else other or {}, below


def _resolved(schema: Any, parts: Mapping[str, Any]) -> Mapping[str, Any]:
    while isinstance(schema, dict) and "$ref" in schema:
        schema = parts.get(cast("dict[str, Any]", schema)["$ref"].removeprefix(_PREFIX), {})
    return cast("Mapping[str, Any]", schema) if isinstance(schema, dict) else {}


def _may_be(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value can be of a schema, by its kind and by the tag that tells classes apart."""
    if "type" in schema and schema["type"] not in _KINDS[type(value)]:
        return False
    if not isinstance(value, dict):
        return True
    fields = cast("dict[str, Any]", value)
    tags = {name: part for name, part in schema.get("properties", {}).items() if "enum" in part or "const" in part}
    return all(fields[name] in part.get("enum", [part.get("const")]) for name, part in tags.items() if name in fields)
