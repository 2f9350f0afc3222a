"""Which message class goes by which tag."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import attrs
from attrs import field, frozen

from actrio.mailbox._problem import MessageTypeError


def _count(data: dict[str, Any]) -> str:
    return f"<{len(data)} fields>"


@frozen
class Unknown:
    """A message of a kind this side does not know, kept as plain data; encoding it gives equal data again.

    Attributes:
        tag: The tag it came with.
        data: Its other fields, undecoded. They are left out of the repr, so that no content gets into logs.
    """

    tag: str
    data: dict[str, Any] = field(repr=_count)


class TagRegistry:
    """The tags of message classes. A class has one tag, which is written, and any number of aliases, which are read."""

    def __init__(self, tag_key: str) -> None:
        self.tag_key = tag_key
        self.by_class: dict[type, str] = {}
        self.by_tag: dict[str, type] = {}  # Invariant: has every tag in `by_class`, and aliases of those classes.

    def add(self, cls: type, tag: str | None, aliases: Iterable[str]) -> None:
        """Register `cls`, or raise `MessageTypeError` and change nothing."""
        _check_class(cls, self.tag_key)
        tag = cls.__name__ if tag is None else tag
        if self.by_class.get(cls, tag) != tag:
            raise MessageTypeError(cls, f"is registered as {self.by_class[cls]!r} already; give {tag!r} as an alias")
        names = (tag, *aliases)
        for name in names:
            if not isinstance(name, str) or not name:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may be untyped
                raise MessageTypeError(cls, f"tags are non-empty str, not {name!r}")
            if (owner := self.by_tag.get(name, cls)) is not cls:
                rule = f"of {cls.__module__} needs a tag of its own: {name!r} is the tag of {_full_name(owner)}"
                raise MessageTypeError(cls, rule)
        self.by_class[cls] = tag
        self.by_tag.update(dict.fromkeys(names, cls))


def _check_class(cls: type, tag_key: str) -> None:
    if cls is Unknown:
        raise MessageTypeError(cls, "stands for every tag that is not registered, and has none itself")
    if not isinstance(cls, type) or not is_record(cls):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may be untyped
        raise MessageTypeError(cls, "messages are attrs classes or dataclasses")
    if getattr(cls, "__parameters__", ()):
        raise MessageTypeError(cls, "is generic; register a subclass that binds its type variables")
    if any(item.name == tag_key for item in record_fields(cls)):
        rule = f"has a field {tag_key!r}, which is the key of the tag; choose another with Codec(tag_key=...)"
        raise MessageTypeError(cls, rule)


def is_record(cls: object) -> bool:
    """Whether `cls` is an attrs class or a dataclass."""
    return isinstance(cls, type) and (attrs.has(cls) or dataclasses.is_dataclass(cls))


def record_fields(cls: type) -> "list[attrs.Attribute[Any]]":
    """The fields of an attrs class or a dataclass, in the terms of attrs."""
    if not attrs.has(cls):
        fields = {item.name: _as_attribute(item) for item in dataclasses.fields(cls)}
        cls = attrs.make_class(cls.__name__, fields)
    return list(attrs.fields(cls))


def _as_attribute(item: "dataclasses.Field[Any]") -> Any:
    default: Any = attrs.NOTHING if item.default is dataclasses.MISSING else item.default
    if item.default_factory is not dataclasses.MISSING:
        default = attrs.Factory(item.default_factory)
    # By keyword, because a field without a default may then follow one with a default, as a dataclass allows.
    return field(default=default, init=item.init, alias=item.name, kw_only=True)


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
