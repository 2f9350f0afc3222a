"""pydantic models, where a program uses them. Nothing here imports pydantic: whoever has a model has done so."""

import sys
from typing import Any

import msgspec


class ModelInvalid(ValueError):
    """A value is not of a model. Attribute: ``problems``, each a path below the value, ``.a[0].b``, and a reason."""

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{path.lstrip('.')}: {reason}" if path else reason for path, reason in problems))


def is_model(kind: Any) -> bool:
    """Whether a type is a pydantic model."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def decode_model(kind: type, value: Any) -> Any:
    """A value of a type that msgspec does not know, see ``dec_hook`` there. Strict, as all else: no number for a text.

    Raises: NotImplementedError; ModelInvalid.
    """
    if not is_model(kind):
        raise NotImplementedError(f"{kind!r} is not a type that JSON can be read as")
    model: Any = kind
    try:
        # As JSON, since strictness about Python's own types would refuse every date and enum.
        return model.model_validate_json(msgspec.json.encode(value), strict=True)
    except sys.modules["pydantic"].ValidationError as error:
        raise ModelInvalid(tuple((_path(one["loc"]), one["msg"]) for one in error.errors())) from None


def _path(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def encode_model(value: Any) -> Any:
    """A value that msgspec does not know as one that it does, see ``enc_hook`` there. Raises: NotImplementedError."""
    if not is_model(type(value)):
        raise NotImplementedError(f"{type(value)!r} cannot be written as JSON")
    return value.model_dump(mode="json")


def model_schema(kind: type) -> dict[str, Any]:
    """The JSON schema of a type that msgspec does not know, see ``schema_hook`` there. Raises: NotImplementedError."""
    if not is_model(kind):
        raise NotImplementedError(f"{kind!r} has no JSON schema")
    model: Any = kind
    schema: dict[str, Any] = model.model_json_schema()
    return schema
