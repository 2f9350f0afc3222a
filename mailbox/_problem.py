"""What is wrong with data from outside, and where."""

import math
from collections.abc import Iterable, Sequence
from types import NoneType
from typing import Any, TypeGuard, cast, get_args

from attrs import frozen

from actrio.mailbox._errors import ActrioError

# A path into JSON data: field names and dict keys are str, positions in arrays are int.
Path = tuple[str | int, ...]

MAX_PROBLEMS = 20
# Such an int has 617 digits; Python can be set to convert no more than 640 of them.
MAX_INT_BITS = 2048
MAX_NAME = 40

_JSON_NAMES = {NoneType: "null", dict: "object", list: "array"}


@frozen
class Problem:
    """One thing wrong with a piece of data: `path` such as `$.items[2].name`, and the `reason` in words."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class CodecError(ActrioError):
    """Data that cannot be decoded, or a message that cannot be encoded.

    The text has one line `$.path: reason` a problem. Reasons speak of types, field names and tags; values are left
    out, but for the words of a class's own validator, which are quoted and cut short.

    Attributes:
        problems: What is wrong, at most 20 of them; where there are more, the last one says so.
    """

    problems: tuple[Problem, ...]

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class MessageTypeError(ActrioError):
    """A class or type that the codec cannot carry: a mistake in the program, never in the data.

    Attributes:
        subject: The class or type it is about.
    """

    subject: object

    def __init__(self, subject: object, rule: str) -> None:
        self.subject = subject
        super().__init__(subject, rule)

    def __str__(self) -> str:
        return f"{self.subject if isinstance(self.subject, str) else type_name(self.subject)} {self.args[1]}"


class Mismatch(Exception):
    """Carries problems up from where they were found; never leaves the codec."""

    def __init__(self, reason: str, path: Path = ()) -> None:
        super().__init__(reason)
        self.found: list[tuple[Path, str]] = [(path, reason)]

    @classmethod
    def of(cls, found: Sequence[tuple[Path, str]]) -> "Mismatch":
        """All of `found`, which is not empty, cut to what a `CodecError` lists."""
        mismatch = cls(found[0][1])
        mismatch.found = list(found[: MAX_PROBLEMS + 1])
        return mismatch

    def below(self, key: str | int) -> list[tuple[Path, str]]:
        """The same problems, seen from the container that holds the data under `key`."""
        return [((key, *path), reason) for path, reason in self.found]

    def error(self) -> CodecError:
        problems = [Problem(show_path(path), reason) for path, reason in self.found[:MAX_PROBLEMS]]
        if len(self.found) > MAX_PROBLEMS:
            problems[-1] = Problem("$", "and more problems, which are not listed")
        return CodecError(problems)


@frozen
class Refused:
    """Stands in written data for a value that has no JSON form, until `check_plain` reports it with its path."""

    reason: str


def is_object(data: object) -> TypeGuard[dict[str, Any]]:
    return type(data) is dict


def is_array(data: object) -> TypeGuard[list[Any]]:
    return type(data) is list


def check_plain(data: object, max_depth: int) -> None:
    """Raise `Mismatch` unless `data` is plain JSON data: what JSON can hold and decoding gives back equal.

    That is None, bool, int (to 2048 bits), finite float, str without lone surrogates, and lists and str-keyed dicts
    of those, nested at most `max_depth` deep; exactly these types, no subclasses.
    """
    check = _PlainCheck(max_depth)
    check.visit(data)
    if check.found:
        raise Mismatch.of(check.found)


class _PlainCheck:
    def __init__(self, max_depth: int) -> None:
        self.max_depth = max_depth
        self.found: list[tuple[Path, str]] = []
        self._path: list[str | int] = []

    def visit(self, value: object) -> None:
        if is_object(value):
            self._enter(value.items(), str)
        elif is_array(value):
            self._enter(enumerate(value), int)
        elif (reason := _against(value)) is not None:
            self.found.append((tuple(self._path), reason))

    def _enter(self, items: Iterable[tuple[object, object]], key_kind: type) -> None:
        path = self._path
        if len(path) >= self.max_depth:
            # Going on could be without end: a list may be inside itself.
            raise Mismatch(f"nested deeper than {self.max_depth} levels", tuple(path[:10]))
        for key, item in items:
            if len(self.found) > MAX_PROBLEMS:
                return
            if type(key) is key_kind and (key_kind is int or _against(key) is None):
                path.append(cast("str | int", key))
                self.visit(item)
                path.pop()
            else:
                reason = _against(key) if isinstance(key, Refused) or type(key) is str else None
                self.found.append((tuple(path), f"as key: {reason or f'expected str, got {kind_name(key)}'}"))


def _against(value: object) -> str | None:
    """Why `value`, which is neither list nor dict, is not plain JSON data; None when it is."""
    kind = type(value)
    if kind is str:
        text = cast(str, value)
        return None if text.isascii() or _is_utf8(text) else "text with a lone surrogate, which UTF-8 cannot hold"
    if kind is int:
        return None if cast(int, value).bit_length() <= MAX_INT_BITS else f"int of more than {MAX_INT_BITS} bits"
    if kind is float:
        return None if math.isfinite(cast(float, value)) else f"{value} has no JSON form"
    if kind is bool or value is None:
        return None
    return value.reason if isinstance(value, Refused) else f"expected JSON data, got {kind_name(value)}"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def kind_name(value: object) -> str:
    """The type of `value` as error texts call it."""
    return data_name(type(value))


def data_name(kind: type) -> str:
    return _JSON_NAMES.get(kind) or type_name(kind)


def type_name(kind: object) -> str:
    """A class by its own name, any other type as it is written in annotations."""
    if isinstance(kind, type) and not get_args(kind):
        return kind.__qualname__.rpartition("<locals>.")[2]
    return cut(str(kind).replace("typing.", ""))


def cut(text: str, limit: int = 80) -> str:
    """At most `limit` characters of `text`, on one line."""
    line = " ".join(text[: 2 * limit].split())
    return line if len(line) <= limit and len(text) <= 2 * limit else line[: limit - 1] + "…"


def quote(name: str) -> str:
    """A name from outside as Python would write it, cut to what a name has at most."""
    return repr(name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…")


def name_list(names: Iterable[object], limit: int = 10) -> str:
    """Names, tags or constants as Python writes them, the first `limit` of them."""
    quoted = [quote(name) if isinstance(name, str) else repr(name) for name in names]
    more = f" and {len(quoted) - limit} more" if len(quoted) > limit else ""
    return ", ".join(quoted[:limit]) + more


def show_path(path: Path) -> str:
    """`("items", 2, "odd key")` as `$.items[2]['odd key']`."""
    return "$" + "".join(_show_step(step) for step in path)


def _show_step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isidentifier() and len(step) <= MAX_NAME else f"[{quote(step)}]"
