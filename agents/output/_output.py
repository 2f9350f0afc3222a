"""What an agent's answer is to be, and reading it out of what the model wrote."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from types import UnionType
from typing import Any, Final, Generic, TypeVar, Union, cast, get_args, get_origin, is_typeddict

import msgspec
from attrs import has

from actrio.agents._errors import InvalidOutputType
from actrio.agents.output._scanner import BrokenJson, JsonScanner
from actrio.agents.tools import decode_model, hoist, is_model, model_schema
from actrio.agents.tools._signature import plain_words
from actrio.providers import JsonFormat

T = TypeVar("T")

# A model that is held to a schema answers with an object; what is none goes into one, under this key.
WRAPPED: Final = "value"

_REF: Final = "#/$defs/{name}"


class OutputInvalid(ValueError):
    """What the model wrote is not of the type. The text says what and where: ``$.path: reason``.

    Attribute: ``partial``, what could be read of it as plain dicts and lists, None if nothing.
    """

    def __init__(self, problem: str, partial: Any) -> None:
        super().__init__(problem)
        self.partial = partial


class OutputType(Generic[T]):
    """A type that answers are to be of.

    An attrs class, a dataclass, a struct of msgspec's, a TypedDict, a union, a list, a dict, a literal, an enum, a
    number, a model of pydantic's. Of a union with several classes the model is to say which it answers with: by an
    object that has the class's name as ``kind``, and the value.

    Args:
        agent: Whom errors name.
        kind: The type.

    Raises:
        InvalidOutputType: JSON cannot carry it.
    """

    def __init__(self, agent: str, kind: type[T]) -> None:
        named = _as_named(kind)
        try:
            (schema,), parts = msgspec.json.schema_components([named], schema_hook=model_schema, ref_template=_REF)
        except (TypeError, NotImplementedError, RecursionError) as error:
            raise InvalidOutputType(agent, kind, plain_words(str(error))) from error
        whole = _resolved(schema, parts)
        self._kind: Any = named
        self._named = named is not kind
        self._wrapped = whole.get("type") != "object" or "properties" not in whole
        if self._wrapped:
            whole = {"type": "object", "properties": {WRAPPED: schema}, "required": [WRAPPED]}
        if parts:
            whole = {**whole, "$defs": parts}
        whole = hoist(whole)
        self.schema: Mapping[str, Any] = whole
        self.format: JsonFormat = _as_format(whole, getattr(kind, "__name__", "answer"))

    def read(self, text: str) -> T:
        """The value in what a model wrote. Prose and code fences around the JSON are left out.

        Raises:
            OutputInvalid: there is none of the type.
        """
        scanner = JsonScanner()
        try:
            scanner.feed(text)
            value = scanner.end()
        except BrokenJson as error:
            raise OutputInvalid(f"$: it is no JSON: {error}", error.partial) from None
        if self._wrapped:
            if set(value) != {WRAPPED}:
                raise OutputInvalid(f"$: expected an object with the key {WRAPPED!r} alone", value)
            return self._convert(value[WRAPPED], value)
        return self._convert(value, value)

    def _convert(self, value: Any, partial: Any) -> T:
        try:
            found = msgspec.convert(value, self._kind, dec_hook=decode_model, str_keys=True)
        except msgspec.ValidationError as error:
            reason, at, path = str(error).rpartition(" - at `")
            place = path.replace("`", "") if at else "$"
            if self._wrapped:
                place = place.replace("$", f"$.{WRAPPED}", 1)
            raise OutputInvalid(f"{place}: {reason if at else error}", partial) from None
        except Exception as error:
            # What a class of the user's raises when it is made.
            raise OutputInvalid(f"$: {type(error).__name__}: {error}", partial) from error
        return cast("T", found.value if self._named else found)


def _as_named(kind: Any) -> Any:
    """A union of several classes as one of structs that have their names, so that they can be told apart."""
    members = get_args(kind) if get_origin(kind) in (Union, UnionType) else ()
    if sum(isinstance(member, type) and _has_fields(member) for member in members) < 2:
        return kind
    structs = [
        msgspec.defstruct(f"{_name(member)}Answer", [("value", member)], tag_field="kind", tag=_name(member))
        for member in members
    ]
    return Union[tuple(structs)]  # noqa: UP007 - of as many as there are


def _has_fields(kind: Any) -> bool:
    return has(kind) or is_dataclass(kind) or issubclass(kind, msgspec.Struct) or is_model(kind) or is_typeddict(kind)


def _name(member: Any) -> str:
    return "nothing" if member is type(None) else str(getattr(member, "__name__", member))


def _resolved(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return dict(parts[reference.rpartition("/")[2]] if reference is not None else schema)


class _FreeKeys(Exception):
    """An object of a schema may have any keys."""


def _as_format(schema: Mapping[str, Any], name: str) -> JsonFormat:
    """Strict if the schema can be: servers that hold a model to one want every object closed, and all keys required."""
    named = name if name.isascii() and name.isidentifier() and len(name) <= 64 else "answer"
    try:
        return JsonFormat(_closed(schema), name=named, strict=True)
    except _FreeKeys:
        return JsonFormat(schema, name=named, strict=False)


def _closed(schema: Any) -> Any:
    """The schema with every object closed and every key required. Raises: _FreeKeys."""
    if isinstance(schema, list):
        return [_closed(one) for one in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    closed: dict[str, Any] = {}
    for key, part in cast("dict[str, Any]", schema).items():
        if key in ("properties", "$defs"):
            closed[key] = {name: _closed(one) for name, one in part.items()}
        elif key != "default":
            closed[key] = _closed(part)
    if closed.get("type") == "object":
        if not closed.get("properties"):
            raise _FreeKeys
        closed |= {"additionalProperties": False, "required": list(closed["properties"])}
    return closed
