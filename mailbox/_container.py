"""How arrays, mappings and unions look in plain JSON data, given the forms of what they hold."""

import re
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
)
from collections.abc import Set as AbstractSet
from itertools import count, repeat
from typing import Any, TypeGuard

from actrio.mailbox._form import ANY, FLOAT, INT, STR, Form, mismatch, refused
from actrio.mailbox._problem import (
    MAX_INT_BITS,
    MAX_PROBLEMS,
    MessageTypeError,
    Mismatch,
    Path,
    Refused,
    data_name,
    is_array,
    is_object,
)

# How each kind of array comes back, and which values may be written as one.
ARRAYS: dict[object, tuple[type, tuple[type, ...]]] = {
    list: (list, (list,)),
    MutableSequence: (list, (list,)),
    tuple: (tuple, (tuple,)),
    Sequence: (tuple, (tuple, list)),
    set: (set, (set,)),
    MutableSet: (set, (set,)),
    frozenset: (frozenset, (frozenset,)),
    AbstractSet: (frozenset, (frozenset, set)),
}
MAPPINGS: dict[object, type] = {dict: dict, MutableMapping: MutableMapping, Mapping: Mapping}

# One text for each int, so that two keys of a document never become one.
_INT_TEXT = re.compile(r"0|-?[1-9][0-9]{0,616}")


def array_form(name: str, origin: object, item: Form) -> Form:
    """Any number of values of one type. Sets are written sorted, so that equal sets give equal bytes."""
    build, accepted = ARRAYS[origin]
    is_set = issubclass(build, set | frozenset)

    def read(data: object, _: object = None) -> Any:
        values = _read_all(count(), _as_list(data), repeat(item.read))
        try:
            return values if build is list else build(values)
        except TypeError:
            raise MessageTypeError(name, "needs elements that can be hashed") from None

    def write(value: object) -> object:
        if not _is_among(value, accepted):
            return refused(build.__name__, value)
        data = [item.write(element) for element in value]
        return sorted(data, key=repr) if is_set else data

    return Form(name, read, write, frozenset({list}), accepted)


def tuple_form(name: str, items: Sequence[Form]) -> Form:
    """A fixed number of values, each of its own type."""
    readers = [item.read for item in items]

    def read(data: object, _: object = None) -> Any:
        elements = _as_list(data)
        if len(elements) != len(items):
            raise Mismatch(f"expected {len(items)} elements, got {len(elements)}")
        return tuple(_read_all(count(), elements, readers))

    def write(value: object) -> object:
        if not _is_among(value, (tuple,)):
            return refused("tuple", value)
        if len(value) != len(items):
            return Refused(f"expected {len(items)} elements, got {len(value)}")
        return [item.write(element) for element, item in zip(value, items, strict=True)]

    return Form(name, read, write, frozenset({list}), (tuple,))


def mapping_form(name: str, origin: object, key: Form, value: Form) -> Form:
    """A mapping with keys that are written as text: str, int, enums and literals of str, moments, bytes."""
    accepted = MAPPINGS[origin]
    key = _INT_KEY if key is INT else STR if key is ANY else key
    if set(key.data) != {str}:
        raise MessageTypeError(name, "has keys that are not written as text")

    def read_pair(pair: tuple[str, Any]) -> tuple[Any, Any]:
        text, item = pair
        try:
            found = key.read(text)
        except Mismatch as error:
            raise Mismatch(f"as key: {error}") from None
        return found, value.read(item)

    def read(data: object, _: object = None) -> Any:
        if not is_object(data):
            raise mismatch("object", data)
        return dict(_read_all(data, data.items(), repeat(read_pair)))

    def write(mapping: object) -> object:
        if not _is_mapping(mapping, accepted):
            return refused("dict", mapping)
        return {key.write(name): value.write(item) for name, item in mapping.items()}

    return Form(name, read, write, frozenset({dict}), (accepted,))


def _is_among(value: object, kinds: tuple[type, ...]) -> TypeGuard[Collection[Any]]:
    return isinstance(value, kinds)


def _is_mapping(value: object, kind: type) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, kind)


def _as_list(data: object) -> list[Any]:
    if is_array(data):
        return data
    raise mismatch("array", data)


def _read_all(keys: Iterable[str | int], items: Iterable[Any], readers: Iterable[Callable[[Any], Any]]) -> list[Any]:
    """Read what a container holds under `keys`; problems with several of its items come together."""
    values: list[Any] = []
    found: list[tuple[Path, str]] = []
    for key, item, read in zip(keys, items, readers, strict=False):
        try:
            values.append(read(item))
        except Mismatch as error:
            found += error.below(key)
            if len(found) > MAX_PROBLEMS:
                break
    if found:
        raise Mismatch.of(found)
    return values


def _read_int_key(data: str, _: object = None) -> int:
    if _INT_TEXT.fullmatch(data):
        return int(data)
    raise Mismatch("expected int, got other text")


def _write_int_key(value: object) -> object:
    number = INT.write(value)
    if isinstance(number, int):
        return str(number) if number.bit_length() <= MAX_INT_BITS else Refused(f"int of more than {MAX_INT_BITS} bits")
    return number


_INT_KEY = Form("int", _read_int_key, _write_int_key, frozenset({str}), (int,))


def union_form(name: str, members: Sequence[Form]) -> Form:
    """One of several types, told apart by what JSON tells apart: null, bool, int, float, text, array and object.

    Members that look the same in JSON are an error.
    """
    readers: dict[type, Callable[[Any], Any]] = {}
    writers: dict[type, Callable[[Any], Any]] = {}
    # An int is read, or written, as a float only where no member is an int.
    for form in sorted(members, key=lambda form: form is FLOAT):
        for kind in form.data:
            if readers.setdefault(kind, form.read) != form.read and not (form is FLOAT and kind is int):
                raise MessageTypeError(name, f"has more than one member that is written as {data_name(kind)}")
        for kind in form.values:
            writers.setdefault(kind, form.write)
    expected = " or ".join(form.name for form in members)

    def read(data: object, _: object = None) -> Any:
        reader = readers.get(type(data))
        if reader is None:
            raise mismatch(expected, data)
        return reader(data)

    def write(value: object) -> object:
        writer = writers.get(type(value)) or next((writers[kind] for kind in writers if isinstance(value, kind)), None)
        return refused(expected, value) if writer is None else writer(value)

    return Form(name, read, write, frozenset(readers), tuple(writers))
