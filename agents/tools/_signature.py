"""What a function's signature says to a model: a JSON schema in, checked arguments out."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, get_origin, get_type_hints

import msgspec
from attrs import frozen

from actrio.agents.tools._context import ToolContext
from actrio.agents.tools._errors import InvalidTool
from actrio.agents.tools._pydantic import decode_model, model_schema

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

    def decode(self, arguments: str) -> dict[str, Any]:
        """The arguments by name, structured and checked. No arguments at all is the empty object.

        Raises: BadArguments: with what is wrong, and where.
        """
        try:
            values = self._decoder.decode(arguments or "{}")
        except msgspec.ValidationError as error:
            raise BadArguments(_located(str(error))) from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadArguments(f"they are no JSON: {error}") from None
        return {name: getattr(values, name) for name in self._names}


def _located(problem: str) -> str:
    """``$.path: reason``, from what msgspec says."""
    reason, at, path = problem.rpartition(" - at `")
    return f"{path.rstrip('`')}: {reason}" if at else f"$: {problem}"


def read_signature(
    name: str, function: Callable[..., Any], given: frozenset[str], descriptions: Mapping[str, str]
) -> Signature:
    """Read it.

    Args:
        name: What errors call the tool.
        function: Whose signature it is; a method is bound.
        given: Names of parameters that the agent has values for.
        descriptions: What the docstring says of parameters.

    Raises:
        InvalidTool: a parameter has no annotation, is ``*args`` or ``**kwargs`` or positional only, or has a type that
            JSON cannot carry.
    """
    hints = _hints(name, function)
    fields: list[Any] = []
    injected: list[str] = []
    context: str | None = None
    for parameter in inspect.signature(function).parameters.values():
        if hints.get(parameter.name) is ToolContext:
            context = parameter.name
        elif parameter.name in given:
            injected.append(parameter.name)
        else:
            fields.append(_field(name, parameter, hints, descriptions.get(parameter.name)))
    schema, decoder = _compile(name, fields)
    return Signature(schema, tuple(injected), context, decoder, tuple(one[0] for one in fields))


def _hints(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception as error:
        raise InvalidTool(name, f"its annotations cannot be read: {error}") from error


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
    if description and not _described(kind):
        kind = Annotated[kind, msgspec.Meta(description=description)]
    if parameter.default is parameter.empty:
        return (parameter.name, kind)
    # A factory, since what is mutable cannot be a default of a struct, and a tool must get its own object.
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
        raise InvalidTool(tool, f"JSON cannot carry what it takes: {_plain(str(error))}") from error
    schema = dict(parts.pop("Arguments"))
    schema.pop("title", None)
    for name, default in _defaults(struct):
        schema["properties"][name] = {**schema["properties"][name], "default": default}
    if parts:
        schema["$defs"] = parts
    return schema, decoder


def _defaults(struct: type[msgspec.Struct]) -> list[tuple[str, Any]]:
    """The default of each field that has one, as JSON; those that JSON cannot carry are left out."""
    defaults: list[tuple[str, Any]] = []
    for one in msgspec.structs.fields(struct):
        if one.default_factory is not msgspec.NODEFAULT:
            try:
                defaults.append((one.encode_name, msgspec.to_builtins(one.default_factory())))
            except TypeError:
                continue
    return defaults


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
