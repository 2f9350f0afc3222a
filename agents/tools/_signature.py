"""What a function's signature says to a model: a JSON schema in, checked arguments out."""

import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import FrameType, UnionType
from typing import Annotated, Any, Final, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from attrs import frozen

from actrio.agents.tools._context import ToolContext
from actrio.agents.tools._errors import InvalidTool
from actrio.agents.tools._metadata import as_meta
from actrio.agents.tools._pydantic import ModelInvalid, decode_model, encode_model, model_schema
from actrio.agents.tools._strict import close, hoist, unknown_field

_ADVICE: Final = re.compile(r"Generating JSON schema for custom types requires either:(\s+- [^\n]*)+")

_REF: Final = "#/$defs/{name}"


class BadArguments(Exception):
    """The arguments are not what the tool takes. The text says what and where, for the model."""


@frozen
class Signature:
    """What a tool takes.

    Attributes:
        schema: The JSON schema of its arguments, an object schema.
        injected: The names of parameters that get what the agent was given, and are not in the schema.
        context: The name of the parameter that gets the ``ToolContext``; None if there is none.
    """

    schema: Mapping[str, Any]
    injected: tuple[str, ...]
    context: str | None
    _decoder: msgspec.json.Decoder[Any]
    _names: tuple[str, ...]
    _nested: bool

    def decode(self, arguments: str) -> dict[str, Any]:
        """The arguments by name, structured and checked. No arguments at all is the empty object.

        Raises: BadArguments: with what is wrong, and where.
        """
        raw = arguments or "{}"
        try:
            values = self._decoder.decode(raw)
            problem = unknown_field(msgspec.json.decode(raw), self.schema) if self._nested else None
        except msgspec.ValidationError as error:
            raise BadArguments(_located(error)) from None
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise BadArguments(f"they are no JSON: {error}") from None
        except Exception as error:
            # What a class of the user's raises when it is made.
            raise BadArguments(f"$: {type(error).__name__}: {error}") from error
        if problem is not None:
            raise BadArguments(problem)
        return {name: getattr(values, name) for name in self._names}


def _located(error: msgspec.ValidationError) -> str:
    """``$.path: reason``, from what msgspec says."""
    reason, at, place = str(error).rpartition(" - at `")
    path = place.replace("`", "") if at else "$"
    if isinstance(error.__cause__, ModelInvalid):
        return "; ".join(f"{path}{below}: {why}" for below, why in error.__cause__.problems)
    return f"{path}: {reason if at else error}"


def read_signature(
    name: str,
    function: Callable[..., Any],
    given: frozenset[str],
    descriptions: Mapping[str, str],
    names: Mapping[str, Any] | None = None,
) -> Signature:
    """Read it.

    Args:
        name: What errors call the tool.
        function: Whose signature it is; a method is bound.
        given: Names of parameters that the agent has values for.
        descriptions: What the docstring says of parameters.
        names: What annotations may name beside what is at the top level of the function's module.

    Raises:
        InvalidTool: a parameter has no annotation, is ``*args`` or ``**kwargs`` or positional only, or has a type that
            JSON cannot carry.
    """
    hints = _hints(name, function, names)
    fields: list[Any] = []
    injected: list[str] = []
    context: str | None = None
    for parameter in inspect.signature(function).parameters.values():
        if _is_context(hints.get(parameter.name)):
            context = parameter.name
        elif parameter.name in given:
            injected.append(parameter.name)
        else:
            fields.append(_field(name, parameter, hints, descriptions.get(parameter.name)))
    schema, decoder = _compile(name, fields)
    nested = "$defs" in schema or any(_has_objects(part) for part in schema["properties"].values())
    return Signature(schema, tuple(injected), context, decoder, tuple(one[0] for one in fields), nested)


def plain_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that has the name, the docstring and the annotations: of a partial one, or of a callable object."""
    while isinstance(function, partial):
        function = function.func
    call: Callable[..., Any] = type(function).__call__
    return function if inspect.isroutine(function) or isinstance(function, type) else call


def _hints(name: str, function: Callable[..., Any], names: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        return get_type_hints(plain_function(function), localns=dict(names or {}), include_extras=True)
    except Exception as error:
        problem = f"its annotations cannot be read: {error}. Define what they name at the top level of its module"
        raise InvalidTool(name, problem) from error


def local_names(function: Callable[..., Any], frame: FrameType) -> dict[str, Any]:
    """What the annotations of a function name that is local where it is defined: they may all be texts."""
    if frame.f_locals is frame.f_globals:
        return {}
    annotations: Mapping[str, Any] = getattr(function, "__annotations__", {})
    named = {name for one in annotations.values() for name in re.findall(r"\w+", str(one))}
    return {name: value for name, value in frame.f_locals.items() if name in named}


def _is_context(hint: Any) -> bool:
    if get_origin(hint) is Annotated or get_origin(hint) in (Union, UnionType):
        return any(_is_context(one) for one in get_args(hint))
    return hint is ToolContext


def _has_objects(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_has_objects, cast("list[object]", schema)))
    if not isinstance(schema, dict):
        return False
    return "properties" in schema or any(map(_has_objects, cast("dict[str, Any]", schema).values()))


def _field(
    tool: str, parameter: inspect.Parameter, hints: Mapping[str, Any], description: str | None
) -> tuple[Any, ...]:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
        raise InvalidTool(tool, f"a model names every argument, which {parameter} does not allow")
    if parameter.name not in hints:
        raise InvalidTool(
            tool, f"its parameter {parameter.name!r} has no annotation. A model has to be told what to give"
        )
    kind = hints[parameter.name]
    kind = as_meta(Any if kind is object else kind)
    if description and not _described(kind):
        kind = Annotated[kind, msgspec.Meta(description=description)]
    if parameter.default is parameter.empty:
        return (parameter.name, kind)
    # A factory, since what is mutable cannot be a default of a struct. It gives the very object, as Python does.
    return (parameter.name, kind, msgspec.field(default_factory=_giving(parameter.default)))


def _giving(value: object) -> Callable[[], object]:
    return lambda: value


def _described(kind: Any) -> bool:
    if get_origin(kind) is not Annotated:
        return False
    return any(isinstance(one, msgspec.Meta) and one.description for one in kind.__metadata__)


def _compile(tool: str, fields: list[Any]) -> tuple[dict[str, Any], msgspec.json.Decoder[Any]]:
    try:
        struct = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
        decoder = msgspec.json.Decoder(struct, dec_hook=decode_model)
        (_,), parts = msgspec.json.schema_components([struct], schema_hook=model_schema, ref_template=_REF)
    except (TypeError, NotImplementedError) as error:
        raise InvalidTool(tool, f"JSON cannot carry what it takes: {plain_words(str(error))}") from error
    schema = dict(parts.pop("Arguments"))
    schema.pop("title", None)
    for name, default in _defaults(struct):
        schema["properties"][name] = {**schema["properties"][name], "default": default}
    return close(hoist({**schema, "$defs": parts})), decoder


def _defaults(struct: type[msgspec.Struct]) -> list[tuple[str, Any]]:
    """The default of each field that has one, as JSON; those that JSON cannot carry are left out."""
    defaults: list[tuple[str, Any]] = []
    for one in msgspec.structs.fields(struct):
        if one.default_factory is not msgspec.NODEFAULT:
            try:
                defaults.append((one.encode_name, msgspec.to_builtins(one.default_factory(), enc_hook=encode_model)))
            except (TypeError, NotImplementedError):
                continue
    return defaults


def plain_words(text: str) -> str:
    """On one line, and without what msgspec advises to who uses msgspec."""
    return re.sub(r"\s+", " ", _ADVICE.sub("", text)).strip()
