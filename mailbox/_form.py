"""How single values look in plain JSON data: numbers, text, moments, enums, literals."""

import base64
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import partial
from types import NoneType
from typing import Any, Literal, cast, get_args, get_origin
from uuid import UUID

import msgspec
from attrs import frozen
from cattrs.fns import identity as cattrs_identity

from actrio.mailbox._problem import MessageTypeError, Mismatch, Refused, kind_name, name_list, type_name


@frozen
class Form:
    """How the values of one type are written as plain data and read back.

    Attributes:
        name: What errors call it.
        read: Plain data to value, or `Mismatch`. Its second argument is ignored; cattrs passes one.
        write: Value to plain data, with `Refused` in place of what has no JSON form. Never raises.
        data: The types its data can have; this is what tells the members of a union apart when reading.
        values: The types its values have; this is what tells them apart when writing.
    """

    name: str
    read: Callable[..., Any]
    write: Callable[[Any], Any]
    data: frozenset[type]
    values: tuple[type, ...]


def mismatch(expected: str, got: object) -> Mismatch:
    return Mismatch(f"expected {expected}, got {kind_name(got)}")


def refused(expected: str, got: object) -> Refused:
    return Refused(f"expected {expected}, got {kind_name(got)}")


def _exact(kind: type, name: str) -> Form:
    """The form of a type whose values are JSON data themselves."""

    def read(data: object, _: object = None) -> object:
        if type(data) is kind:
            return data
        raise mismatch(name, data)

    def write(value: object) -> object:
        if type(value) is kind:
            return value
        if isinstance(value, kind) and not isinstance(value, bool):
            return plain(value)
        return refused(name, value)

    return Form(name, read, write, frozenset({kind}), (kind,))


def plain(value: object) -> object:
    """A member of a str, float or int subclass, such as an `IntEnum`, as the plain text or number it equals."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    return value


def _read_float(data: object, _: object = None) -> float:
    if type(data) is float:
        return data
    if type(data) is not int:
        raise mismatch("float", data)
    try:
        return float(data)
    except OverflowError:
        raise Mismatch("int too large for a float") from None


def _write_float(value: object) -> object:
    if isinstance(value, float):
        return float.__float__(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return refused("float", value)
    # An int may stand for a float, but is written only if it comes back equal.
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return number if number == value else Refused("int that no float equals")


def _text(kind: type, hint: str, read_text: Callable[[str], Any], write_text: Callable[[Any], str]) -> Form:
    """The form of a type whose values are written as text."""

    def read(data: object, _: object = None) -> object:
        if type(data) is not str:
            raise mismatch(hint, data)
        try:
            return read_text(data)
        except (ValueError, OverflowError):
            raise Mismatch(f"expected {hint}, got other text") from None

    def write(value: object) -> object:
        # The nearest known class decides: a datetime is a date too, but does not come back from the text of one.
        if next((base for base in type(value).__mro__ if base in FORMS), None) is not kind:
            return refused(kind.__name__, value)
        text = write_text(value)
        # ISO 8601 has no text for some moments, such as those in zones whose offset is no whole number of seconds.
        exact = kind is bytes or read_text(text) == value
        return text if exact else Refused(f"{kind.__name__} that its text does not give back")

    return Form(kind.__name__, read, write, frozenset({str}), (kind,))


def _read_bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _write_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _identity(data: Any, _: object = None) -> Any:
    return data


# `Any` and `object` stand for plain JSON data: `check_plain` looks before anything is read and after it is written.
ANY = Form("JSON data", _identity, cattrs_identity, frozenset({NoneType, bool, int, float, str, list, dict}), (object,))
INT = _exact(int, "int")
STR = _exact(str, "str")
FLOAT = Form("float", _read_float, _write_float, frozenset({float, int}), (float, int))

FORMS: dict[object, Form] = {
    Any: ANY,
    object: ANY,
    NoneType: _exact(NoneType, "null"),
    bool: _exact(bool, "bool"),
    int: INT,
    float: FLOAT,
    str: STR,
    bytes: _text(bytes, "base64 text", _read_bytes, _write_bytes),
    datetime: _text(datetime, "an ISO 8601 datetime", datetime.fromisoformat, datetime.isoformat),
    date: _text(date, "an ISO 8601 date", date.fromisoformat, date.isoformat),
    time: _text(time, "an ISO 8601 time", time.fromisoformat, time.isoformat),
    timedelta: _text(timedelta, "an ISO 8601 duration", partial(msgspec.convert, type=timedelta), msgspec.to_builtins),
    UUID: _text(UUID, "a UUID", UUID, str),
}


def constant_form(kind: Any) -> Form:
    """The form of a `Literal` or an enum; `MessageTypeError` for any other type."""
    if get_origin(kind) is Literal:
        return _literal_form(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum_form(kind)
    raise MessageTypeError(cast(object, kind), "is no type the codec can carry")


def _enum_form(kind: type[Enum]) -> Form:
    """Members are written as their values, and read by value and type, so that neither `True` nor `1.0` is `1`."""
    kinds = frozenset(type(plain(member.value)) for member in kind)
    if not kinds <= {bool, int, float, str}:
        raise MessageTypeError(kind, "has members whose values are not bool, int, float or str")
    choices = name_list(plain(member.value) for member in kind)

    def read(data: object, _: object = None) -> Enum:
        if type(data) not in kinds:
            raise mismatch(f"one of {choices}", data)
        try:
            return kind(data)
        except (ValueError, TypeError, KeyError):  # the last two from a `_missing_` of the enum's own
            raise Mismatch(f"expected one of {choices}, got another {kind_name(data)}") from None

    def write(value: object) -> object:
        return plain(value.value) if isinstance(value, kind) else refused(kind.__name__, value)

    return Form(kind.__name__, read, write, kinds, (kind,))


def _literal_form(literal: object) -> Form:
    """One of a few constants, told apart by value and type; an enum's member is written as its value."""
    constants: tuple[object, ...] = get_args(literal)
    choices = {(type(item), item): plain(item.value if isinstance(item, Enum) else item) for item in constants}
    kinds = frozenset(map(type, choices.values()))
    if not kinds <= {NoneType, bool, int, str}:
        raise MessageTypeError(literal, "has constants that are not None, bool, int or str")
    by_data = {(type(data), data): constant for (_, constant), data in choices.items()}
    values = tuple({type(item) for item in constants})
    expected = f"one of {name_list(choices.values())}"

    def read(data: object, _: object = None) -> object:
        if type(data) not in kinds:
            raise mismatch(expected, data)
        if (type(data), data) not in by_data:
            raise Mismatch(f"expected {expected}, got another {kind_name(data)}")
        return by_data[type(data), data]

    def write(value: object) -> object:
        key = (type(value), value)
        return choices[key] if key[0] in values and key in choices else refused(expected, value)

    return Form(type_name(literal), read, write, kinds, values)
