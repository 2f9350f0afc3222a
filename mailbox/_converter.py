"""Finding the form of any type a message may hold."""

import threading
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Final, NewType, Union, get_args, get_origin

from actrio.mailbox._container import ARRAYS, MAPPINGS, array_form, mapping_form, tuple_form, union_form
from actrio.mailbox._form import ANY, FORMS, STR, Form, constant_form, mismatch, refused
from actrio.mailbox._problem import (
    MessageTypeError,
    Mismatch,
    Refused,
    is_object,
    kind_name,
    name_list,
    quote,
    type_name,
)
from actrio.mailbox._record import Record
from actrio.mailbox._tags import TagRegistry, Unknown, is_record


class Converter:
    """Finds the form of any type a message may hold, for classes registered so far; each is made once, on first use.

    Safe to use from several threads.
    """

    def __init__(self, tags: TagRegistry, forward_compatible: bool) -> None:
        self.tags = tags
        self.forward_compatible = forward_compatible
        self._lock = threading.Lock()
        self._ready: dict[Any, Form] = {}  # Invariant: every record that a form in here can reach is compiled.
        self._forms: dict[Any, Form] = {}
        self._pending: list[Record] = []
        self._building: set[Any] = set()

    def form(self, kind: object) -> Form:
        """The form of `kind`, or `MessageTypeError` if it, or anything it holds, is no type the codec can carry."""
        try:
            form = self._ready.get(kind)
        except TypeError:
            raise MessageTypeError(kind, "is no type, or cannot be hashed") from None
        if form is None:
            with self._lock:
                form = self._ready[kind] = self._compile(kind)
        return form

    def read_message(self, data: Any) -> Any:
        """Read data of any registered class, and in forward-compatible mode data with any other tag."""
        return self.form(self._class_by_tag(data, self.tags.by_tag, self.forward_compatible)).read(data)

    def _compile(self, kind: object) -> Form:
        try:
            form = self._find(kind)
            while self._pending:
                self._pending.pop().compile()
        except Exception:
            # What was found on the way may hold records that are not compiled.
            self._forms.clear()
            self._pending.clear()
            self._building.clear()
            raise
        return form

    def _find(self, kind: object) -> Form:
        """The form of `kind`, whose records may have to be compiled yet."""
        kind = _unwrap(kind)
        form = FORMS.get(kind) or self._forms.get(kind)
        if form is None:
            if kind in self._building:
                raise MessageTypeError(kind, "contains itself, which only a class may")
            self._building.add(kind)
            form = self._forms[kind] = self._build(kind)
            self._building.discard(kind)
        return form

    def _build(self, kind: Any) -> Form:
        origin = get_origin(kind) or kind
        if origin in ARRAYS or origin in MAPPINGS:
            return self._container(kind, origin)
        if origin in (Union, UnionType):
            return self._union(kind)
        if kind is Unknown:
            return Form("Unknown", self._read_any_tag, self._write_unknown, frozenset({dict}), (Unknown,))
        if is_record(origin):
            record = Record(kind, self.tags, self._find, not self.forward_compatible)
            self._pending.append(record)
            return Form(type_name(kind), record.read, record.write, frozenset({dict}), (origin,))
        return constant_form(kind)

    def _container(self, kind: Any, origin: object) -> Form:
        name, args = type_name(kind), get_args(kind)
        if origin in MAPPINGS:
            key, value = args or (Any, Any)
            return mapping_form(name, origin, self._find(key), self._find(value))
        if origin is tuple and args and args[-1] is not Ellipsis:
            return tuple_form(name, [self._find(arg) for arg in args])
        return array_form(name, origin, self._find(args[0] if args else Any))

    def _union(self, kind: Any) -> Form:
        members = list(dict.fromkeys(_members(kind)))
        if Any in members or object in members:
            return ANY
        forms = {member: self._find(member) for member in members}
        records = [member for member in members if is_record(get_origin(member) or member)]
        if len(records) > 1:
            tagged = self._tagged_union(type_name(kind), {record: forms.pop(record) for record in records})
            return union_form(type_name(kind), [tagged, *forms.values()])
        return union_form(type_name(kind), list(forms.values()))

    def _tagged_union(self, name: str, forms: dict[type, Form]) -> Form:
        """Registered classes, told apart by their tags; `Unknown` among them takes every other tag."""
        strangers = [cls for cls in forms if cls not in self.tags.by_class and cls is not Unknown]
        if strangers:
            rule = f"needs {type_name(strangers[0])} to be registered: the classes of a union are told apart by tags"
            raise MessageTypeError(name, rule)
        classes = {tag: cls for tag, cls in self.tags.by_tag.items() if cls in forms}

        def read(data: Any, _: object = None) -> Any:
            return forms[self._class_by_tag(data, classes, Unknown in forms)].read(data)

        def write(value: object) -> object:
            form = forms.get(type(value))
            return refused(expected, value) if form is None else form.write(value)

        expected = " or ".join(map(type_name, forms))
        return Form(expected, read, write, frozenset({dict}), tuple(forms))

    def _class_by_tag(self, data: Any, classes: dict[str, type], keep_unknown: bool) -> type:
        tag = self._tag(data)
        if tag not in classes and not keep_unknown:
            known = name_list(sorted(classes)) or "none"
            raise Mismatch(f"unknown tag {quote(tag)}; known: {known}", (self.tags.tag_key,))
        return classes.get(tag, Unknown)

    def _tag(self, data: object) -> str:
        key = self.tags.tag_key
        if not is_object(data):
            raise mismatch("object", data)
        if key not in data:
            raise Mismatch(f"missing tag {key!r}")
        tag = data[key]
        if not isinstance(tag, str):
            raise Mismatch(f"expected str, got {kind_name(tag)}", (key,))
        return tag

    def _read_any_tag(self, data: Any, _: object = None) -> Unknown:
        tag = self._tag(data)
        return Unknown(tag, {key: value for key, value in data.items() if key != self.tags.tag_key})

    def _write_unknown(self, value: object) -> object:
        if not isinstance(value, Unknown):
            return refused("Unknown", value)
        if not is_object(value.data) or self.tags.tag_key in value.data:
            return Refused(f"Unknown needs a dict as its data, without {self.tags.tag_key!r}, the key of the tag")
        return {self.tags.tag_key: STR.write(value.tag), **value.data}


def _unwrap(kind: Any) -> Any:
    """What `kind` is a mere name for: `NewType`, `Annotated`, `Final` and type aliases say nothing about data."""
    while True:
        if kind is None:
            kind = NoneType
        elif isinstance(kind, NewType):
            kind = kind.__supertype__
        elif get_origin(kind) in (Annotated, Final):
            kind = get_args(kind)[0]
        elif type(kind).__name__ == "TypeAliasType":  # Python 3.12 has it, 3.11 does not.
            kind = kind.__value__
        else:
            return kind


def _members(kind: Any) -> Iterator[Any]:
    """The members of a union, those of unions in it included."""
    kind = _unwrap(kind)
    if get_origin(kind) in (Union, UnionType):
        for arg in get_args(kind):
            yield from _members(arg)
    else:
        yield kind
