"""Messages at the edges of a process: to plain JSON data and bytes, and back.

Between actors of one process messages travel as they are. On a wire, on disk or as tool arguments they are JSON, in
this form:

===============================  =================================================================================
in Python                        in JSON
===============================  =================================================================================
a registered message             an object of its fields, and its tag under the codec's `tag_key`
another attrs class, dataclass   an object of its fields; fields with `init=False` are left out
`None`, `bool`, `int`, `str`     the same
`float`                          a number; a JSON integer is read as a float too. NaN and infinities are refused
`bytes`                          base64 text
`datetime`, `date`, `time`       ISO 8601 text
`timedelta`, `UUID`              ISO 8601 duration, and the usual text
an enum, `Literal`               its value: bool, int, float or str
`list`, `tuple[A, B]`            an array
`tuple[A, ...]`, `Sequence`      an array; comes back as a tuple
`set`, `frozenset`, `Set`        an array, sorted, so that equal sets give equal bytes
`dict`, `Mapping`                an object; keys are str, int (as decimal text), or what else is written as text
`A | B | None`, `int | str`      the member's form; see `Codec.register` for classes
`Any`, `object`                  plain JSON data as it is
===============================  =================================================================================

`NewType`, `Annotated`, `Final`, type aliases and generic classes with their variables bound are seen through. What
`Any` and `Unknown` hold is shared with the plain data it came from or goes into, not copied.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from actrio.mailbox._problem import CodecError, MessageTypeError, Mismatch, Problem, check_plain
from actrio.mailbox._tags import TagRegistry, Unknown

if TYPE_CHECKING:
    from actrio.mailbox._converter import Converter

T = TypeVar("T")

Document: TypeAlias = bytes | bytearray | memoryview | str


class Codec:
    """Turns messages of registered classes into plain data or bytes, and back.

    What a codec writes, a codec with the same registrations reads back equal, or it refuses to write it. Nothing is
    coerced: an int field takes neither `"1"` nor `1.0` nor `True`. No class is ever found by a name from data: a tag
    means what was registered for it, and nothing else.

    A codec may be used from several threads once its classes are registered. None of its methods is a checkpoint;
    the work grows with the size of the data, so run large documents in a worker thread.

    Args:
        tag_key: The key that holds the tag in a message's object. No registered class may have a field of that name.
        forward_compatible: Read what a newer peer writes: unknown fields are ignored, and a message with an unknown
            tag is read as `Unknown`. Without it, both are errors. Each call may say otherwise for itself.
        max_depth: How deep arrays and objects may be nested, in both directions.
        max_bytes: How long a document may be, in both directions.
    """

    def __init__(
        self,
        *,
        tag_key: str = "type",
        forward_compatible: bool = False,
        max_depth: int = 100,
        max_bytes: int = 64 * 2**20,
    ) -> None:
        if max_depth < 1 or max_bytes < 1:
            raise ValueError(f"max_depth and max_bytes are at least 1, not {max_depth} and {max_bytes}")
        self.forward_compatible = forward_compatible
        self.max_depth = max_depth
        self.max_bytes = max_bytes
        self._tags = TagRegistry(tag_key)
        self._converters: dict[bool, Converter] = {}  # {forward_compatible: converter}

    def __repr__(self) -> str:
        mode = "forward compatible" if self.forward_compatible else "strict"
        return f"<Codec: {len(self._tags.by_class)} message types, {mode}>"

    @property
    def tag_key(self) -> str:
        return self._tags.tag_key

    @property
    def tags(self) -> Mapping[type, str]:
        """The registered classes and their tags, a live read-only view."""
        return MappingProxyType(self._tags.by_class)

    @overload
    def register(self, cls: type[T], *, tag: str | None = None, aliases: Iterable[str] = ()) -> type[T]: ...

    @overload
    def register(self, *, tag: str | None = None, aliases: Iterable[str] = ()) -> Callable[[type[T]], type[T]]: ...

    def register(self, cls: type[T] | None = None, *, tag: str | None = None, aliases: Iterable[str] = ()) -> object:
        """Let an attrs class or dataclass be a message of its own; also usable as a decorator.

        A registered class is written with its tag wherever it stands. Reading needs the tag where more than one class
        could stand: at the top, and in a field such as `Circle | Square`, whose classes all have to be registered.
        Elsewhere the tag may be missing, but not be another one. A subclass is not taken for its base.

        A field `Circle | Square | Unknown` keeps members with other tags as `Unknown`, in either mode.

        Args:
            cls: The class.
            tag: What the class is called in data; its `__name__` unless given. Give one where the data outlives the
                program: it has to stay when the class is renamed.
            aliases: Other tags that are read as this class, such as old names of it.

        Raises:
            MessageTypeError: The class is not an attrs class or dataclass, is generic, has a field named like the
                tag's key, is registered under another tag, or the tag or an alias belongs to another class. The same
                class with the same tag may be registered again.
        """
        if cls is None:
            return partial(self.register, tag=tag, aliases=tuple(aliases))
        self._tags.add(cls, tag, tuple(aliases))
        self._converters.clear()
        return cls

    def check(self) -> None:
        """Raise `MessageTypeError` unless every registered class, with all it holds, is one the codec can carry.

        Otherwise that shows when such a class is first read or written. To be called after the last registration.
        """
        for cls in self._tags.by_class:
            self._converter().form(cls)

    @overload
    def unstructure(self, message: object) -> dict[str, Any]: ...

    @overload
    def unstructure(self, message: object, as_type: object) -> Any: ...

    def unstructure(self, message: object, as_type: object = None) -> Any:
        """The plain data of a message: a dict that holds its tag. Only dicts, lists, str, int, float, bool and None.

        Args:
            message: A message of a registered class, or an `Unknown`.
            as_type: The type to write `message` as, where it is not a registered message: `list[Report]`, `A | B`.

        Raises:
            CodecError: A value is not of its field's type or has no JSON form, or the data would be nested too deep.
            MessageTypeError: The class is not registered, or a type is none the codec can carry.
        """
        return self._guard(self._write, message, as_type)

    def encode(self, message: object, as_type: object = None) -> bytes:
        """`unstructure` as UTF-8 JSON. Raises the same, and `CodecError` for more than `max_bytes`."""
        import msgspec

        data = msgspec.json.encode(self.unstructure(message, as_type))
        self._check_size(len(data))
        return data

    @overload
    def structure(self, data: object, *, forward_compatible: bool | None = None) -> object: ...

    @overload
    def structure(self, data: object, as_type: type[T], *, forward_compatible: bool | None = None) -> T: ...

    @overload
    def structure(self, data: object, as_type: object, *, forward_compatible: bool | None = None) -> Any: ...

    def structure(self, data: object, as_type: object = None, *, forward_compatible: bool | None = None) -> Any:
        """The message that plain data stands for.

        Args:
            data: Plain data, such as `unstructure` gives.
            as_type: What to read: a class, registered or not, or any type the codec can carry, such as
                `Report | None`. A message of a registered class unless given.
            forward_compatible: Overrides the codec's own setting.

        Raises:
            CodecError: The data is not plain JSON data, or is not of the type; it says where and why.
            MessageTypeError: `as_type`, or a type it holds, is none the codec can carry.
        """
        return self._guard(self._read, data, as_type, forward_compatible)

    @overload
    def decode(self, document: Document, *, forward_compatible: bool | None = None) -> object: ...

    @overload
    def decode(self, document: Document, as_type: type[T], *, forward_compatible: bool | None = None) -> T: ...

    @overload
    def decode(self, document: Document, as_type: object, *, forward_compatible: bool | None = None) -> Any: ...

    def decode(
        self,
        document: Document,
        as_type: object = None,
        *,
        forward_compatible: bool | None = None,
    ) -> Any:
        """`structure` of a JSON document. Raises the same, and `CodecError` for what is not JSON or too long.

        Where an object has a key twice, the last one counts.
        """
        data = self._guard(self._parse, document)
        return self.structure(data, as_type, forward_compatible=forward_compatible)

    def _converter(self, forward_compatible: bool | None = None) -> "Converter":
        mode = self.forward_compatible if forward_compatible is None else forward_compatible
        converter = self._converters.get(mode)
        if converter is None:
            # Here and not at the top, because it brings cattrs: a program with no edges need not load it.
            from actrio.mailbox._converter import Converter

            converter = self._converters[mode] = Converter(self._tags, mode)
        return converter

    def _write(self, message: object, as_type: object) -> Any:
        if as_type is None:
            as_type = type(message)
            if as_type not in self._tags.by_class and as_type is not Unknown:
                rule = "is not registered with this codec; register it, or give as_type to write it without a tag"
                raise MessageTypeError(as_type, rule)
        data = self._converter().form(as_type).write(message)
        check_plain(data, self.max_depth)
        return data

    def _read(self, data: object, as_type: object, forward_compatible: bool | None) -> Any:
        check_plain(data, self.max_depth)
        converter = self._converter(forward_compatible)
        return converter.read_message(data) if as_type is None else converter.form(as_type).read(data)

    def _parse(self, document: Document) -> Any:
        import msgspec

        try:
            raw = memoryview(document.encode() if isinstance(document, str) else document)
            self._check_size(raw.nbytes)
            return msgspec.json.decode(raw)
        except msgspec.DecodeError as error:
            reason = str(error).removeprefix("JSON is malformed: ")
            raise Mismatch(f"not JSON: {reason.replace('Input data was truncated', 'ends too early')}") from None
        except (UnicodeDecodeError, UnicodeEncodeError) as error:
            raise Mismatch(f"not JSON: not UTF-8, {error.reason}") from None

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise CodecError([Problem("$", f"{size} bytes long, and max_bytes is {self.max_bytes}")])

    def _guard(self, work: Callable[..., Any], *args: object) -> Any:
        """Run `work`; the only way for what is wrong with data to leave the codec."""
        try:
            return work(*args)
        except Mismatch as mismatch:
            raise mismatch.error() from None
        except RecursionError:
            raise CodecError([Problem("$", "nested deeper than the stack that is left")]) from None
