"""pydantic models, where a program uses them. Nothing here imports pydantic: whoever has a model has done so."""

import sys
from typing import Any


def is_model(kind: Any) -> bool:
    """Whether a type is a pydantic model."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def decode_model(kind: type, value: Any) -> Any:
    """A value of a type that msgspec does not know, see ``dec_hook`` there. Raises: NotImplementedError, ValueError."""
    if not is_model(kind):
        raise NotImplementedError(f"{kind!r} is not a type that JSON can be read as")
    model: Any = kind
    return model.model_validate(value)


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
