"""Message classes as JSON objects, written and read by cattrs.

Each field is given to cattrs with a `Form` of ours, because cattrs' own hooks coerce (`int("1")`), take any iterable
for a list, write a subclass as its base and collect errors without bound; and because its tagged unions want every
union to be named beforehand and know no unknown tags.
"""

from collections.abc import Callable, Iterator
from inspect import get_annotations
from typing import Annotated, Any, Generic, Protocol, TypeVar, get_args, get_origin, get_type_hints

import attrs
import cattrs
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError
from cattrs.gen import (
    make_dict_structure_fn_from_attrs,  # pyright: ignore[reportUnknownVariableType]  # bare Attribute
    make_dict_unstructure_fn_from_attrs,  # pyright: ignore[reportUnknownVariableType]  # the same
    override,
)

from actrio.mailbox._form import Form, mismatch, refused
from actrio.mailbox._problem import (
    MAX_PROBLEMS,
    MessageTypeError,
    Mismatch,
    Path,
    cut,
    is_object,
    kind_name,
    quote,
    type_name,
)
from actrio.mailbox._tags import TagRegistry, record_fields

_CATTRS = cattrs.Converter()


class Record:
    """Reads and writes one class by code that cattrs makes.

    It is made, by `compile`, only after the form that refers to it is known, so that a class may contain itself.
    """

    _read: Callable[..., Any]
    _write: Callable[[Any], dict[str, Any]]

    def __init__(self, kind: Any, tags: TagRegistry, find: Callable[[object], Form], forbid_unknown: bool) -> None:
        self._kind = kind
        self._cls: type = get_origin(kind) or kind
        self._tags = tags
        self._find = find
        self._forbid_unknown = forbid_unknown

    def compile(self) -> None:
        """Make the code. Raises `MessageTypeError` if a field's type is none the codec can carry."""
        fields = [
            item.evolve(type=Annotated[object, override(struct_hook=form.read, unstruct_hook=form.write)])
            for item, form in self._fields()
        ]
        # Fields bring their forms along, so cattrs need not know what the type variables stand for.
        variables = {variable.__name__: object for variable in getattr(self._cls, "__parameters__", ())}
        self._write = make_dict_unstructure_fn_from_attrs(fields, self._cls, _CATTRS, variables)
        self._read = make_dict_structure_fn_from_attrs(
            fields, self._cls, _CATTRS, variables, _cattrs_forbid_extra_keys=self._forbid_unknown
        )

    def _fields(self) -> "Iterator[tuple[attrs.Attribute[Any], Form]]":
        try:
            hints = get_type_hints(self._cls, include_extras=True)
        except (NameError, TypeError, AttributeError) as error:
            raise MessageTypeError(self._cls, f"has annotations that cannot be resolved: {error}") from error
        bindings = _bindings(self._kind)
        for item in record_fields(self._cls):
            if not item.init:
                continue
            owner = next((cls for cls in self._cls.__mro__ if item.name in get_annotations(cls)), self._cls)
            try:
                yield item, self._find(_bind(hints.get(item.name, item.type or Any), bindings[owner]))
            except MessageTypeError as error:
                raise MessageTypeError(f"{type_name(self._kind)}.{item.name}:", str(error)) from error

    def read(self, data: object, _: object = None) -> Any:
        if not is_object(data):
            raise mismatch("object", data)
        if self._tags.tag_key in data and self._cls in self._tags.by_class:
            data = self._without_tag(data)
        try:
            return self._read(data)
        except ClassValidationError as error:
            raise _explain(error) from None

    def _without_tag(self, data: dict[str, Any]) -> dict[str, Any]:
        key = self._tags.tag_key
        tag = data[key]
        if type(tag) is not str or self._tags.by_tag.get(tag) is not self._cls:
            got = quote(tag) if type(tag) is str else kind_name(tag)
            raise Mismatch(f"expected {self._tags.by_class[self._cls]!r}, got {got}", (key,))
        return {name: value for name, value in data.items() if name != key}

    def write(self, value: object) -> object:
        if type(value) is not self._cls:
            return refused(type_name(self._cls), value)
        fields = self._write(value)
        tag = self._tags.by_class.get(self._cls)
        return fields if tag is None else {self._tags.tag_key: tag, **fields}


def _explain(error: ClassValidationError) -> Mismatch:
    """What cattrs collected about one object, as problems of ours."""
    found: list[tuple[Path, str]] = []
    noted, others = error.group_exceptions()
    for problem, note in noted:
        if isinstance(problem, Mismatch):
            found += problem.below(note.name)
        elif isinstance(problem, KeyError):
            found.append(((), f"missing field {note.name!r}"))
        else:
            raise problem  # a mistake in the program, or the stack at its end
    for problem in others:
        if isinstance(problem, ForbiddenExtraKeysError):
            names = sorted(problem.extra_fields)[: MAX_PROBLEMS + 1]
            found += [((), f"unknown field {quote(name)}") for name in names]
        elif isinstance(problem, MessageTypeError | RecursionError):
            raise problem
        else:
            words = problem.args[0] if problem.args and isinstance(problem.args[0], str) else "refused by its class"
            found.append(((), f"{type(problem).__name__}: {cut(words, 100)}"))
    return Mismatch.of(found)


def _bindings(kind: Any) -> dict[type, dict[Any, Any]]:
    """What the type variables in the annotations of a class stand for, and those of each of its bases."""
    cls: type = get_origin(kind) or kind
    own = dict(zip(getattr(cls, "__parameters__", ()), get_args(kind), strict=False))
    bindings = {cls: own}
    for base in cls.__dict__.get("__orig_bases__", cls.__bases__):
        if get_origin(base) not in (Generic, Protocol):
            bindings.update(_bindings(_bind(base, own)))
    return bindings


def _bind(kind: Any, bound: dict[Any, Any]) -> Any:
    if isinstance(kind, TypeVar):
        return bound.get(kind, kind)
    variables = getattr(kind, "__parameters__", ()) if get_origin(kind) is not None else ()
    return kind[tuple(bound.get(variable, variable) for variable in variables)] if variables else kind
