"""What ``Annotated`` says of a parameter, in the words of others, as msgspec takes it."""

from typing import Annotated, Any, Final, get_args, get_origin

import msgspec

# {class of the package annotated-types, which pydantic's constraints are made of: (its attribute, that of `Meta`)}
_BOUNDS: Final = {
    "Ge": (("ge", "ge"),),
    "Gt": (("gt", "gt"),),
    "Le": (("le", "le"),),
    "Lt": (("lt", "lt"),),
    "Len": (("min_length", "min_length"), ("max_length", "max_length")),
    "MaxLen": (("max_length", "max_length"),),
    "MinLen": (("min_length", "min_length"),),
    "MultipleOf": (("multiple_of", "multiple_of"),),
}


def as_meta(kind: Any) -> Any:
    """The type with its description and bounds as a ``Meta``.

    Known are: a text, which is the description; what annotated-types has; pydantic's ``Field``.
    """
    if get_origin(kind) is not Annotated:
        return kind
    bare, *metadata = get_args(kind)
    said: dict[str, Any] = {}
    others: list[Any] = []
    for one in metadata:
        if isinstance(one, msgspec.Meta):
            others.append(one)
        else:
            said |= _said_by(one)
    if said:
        others.append(msgspec.Meta(**said))
    for one in others:
        bare = Annotated[bare, one]
    return bare


def _said_by(one: Any) -> dict[str, Any]:
    """What is known of it, as arguments of `Meta`."""
    if isinstance(one, str):
        return {"description": one}
    module, kind = type(one).__module__, type(one).__name__
    if module == "annotated_types":
        found = {name: getattr(one, attribute) for attribute, name in _BOUNDS.get(kind, ())}
        return {name: value for name, value in found.items() if value is not None}
    said: dict[str, Any] = {}
    if module == "pydantic.fields":
        for bound in one.metadata:
            said |= _said_by(bound)
        if one.description:
            said["description"] = one.description
    return said
