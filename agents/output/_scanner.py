"""JSON as it grows: pieces of text in, what they add to which field out. Pure, and each character is looked at once.

The grammar is RFC 8259's, but that a string may have control characters in it, as models write them. Half of a
surrogate pair without the other half is U+FFFD, since no text in UTF-8 can have it: it could not be sent or written.
"""

import re
from collections.abc import Callable
from typing import Any, Final, Literal

from actrio.agents.output._update import FieldUpdate

_SPACE: Final = re.compile(r"[ \t\n\r]+")
_PLAIN: Final = re.compile(r'[^"\\]+')
_NUMBER_PART: Final = re.compile(r"[-+.0-9eE]+")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LITERAL_PART: Final = re.compile(r"[a-z]+")
_LITERALS: Final = {"true": True, "false": False, "null": None}
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_REPLACEMENT: Final = "\ufffd"
_HEX: Final = re.compile(r"[0-9a-fA-F]+")

# As deep as Python's own parser goes with its usual recursion limit, and far deeper than any schema.
MAX_DEPTH: Final = 500


class BrokenJson(ValueError):
    """The text is not JSON.

    Attributes:
        position: Of the first character that cannot be there, counted from the beginning of the text.
        expected: What could have been there.
        found: What is there; empty if the text ends.
        partial: What was read before: objects and lists with what is in them by then; None if nothing.
    """

    def __init__(self, position: int, expected: str, found: str, partial: Any) -> None:
        super().__init__(f"at character {position}: expected {expected}, {f'got {found!r}' if found else 'it ended'}")
        self.position = position
        self.expected = expected
        self.found = found
        self.partial = partial


class _Frame:
    """An object or a list that is open."""

    __slots__ = ("container", "indexes", "key", "path")

    def __init__(self, container: dict[str, Any] | list[Any], path: str, indexes: tuple[int, ...]) -> None:
        self.container = container
        self.path = path
        self.indexes = indexes
        self.key = ""  # of the member that is being read; lists have none

    def with_member(self, value: Any) -> dict[str, Any] | list[Any]:
        """A copy, with the member that is being read as far as it came."""
        if isinstance(self.container, list):
            return [*self.container, value]
        return {**self.container, self.key: value}

    def place(self) -> tuple[str, tuple[int, ...]]:
        """Path and indexes of the member that is being read."""
        if isinstance(self.container, list):
            return f"{self.path}[*]", (*self.indexes, len(self.container))
        return (f"{self.path}.{self.key}" if self.path else self.key), self.indexes


class JsonScanner:
    """Reads one JSON object, and ignores what is before and after it, such as prose and code fences.

    A brace that begins no JSON is taken for prose, as long as nothing in it was read yet.

    Args:
        start: The bracket that it begins with: ``[`` for a list.
        attempt: See ``FieldUpdate``.
    """

    def __init__(self, *, start: Literal["{", "["] = "{", attempt: int = 0) -> None:
        self._start = start
        self._attempt = attempt
        self._step: Callable[[str, int], int] = self._seek
        self._frames: list[_Frame] = []
        self._fed = 0  # characters before the text that is being read
        self._updates: list[FieldUpdate] = []
        self._token = ""  # a number, a literal or the digits after \u, as far as they came
        self._pieces: list[str] = []  # the string that is being read
        self._shown = 0  # how many of its pieces were given out
        self._is_key = False
        self._high = 0  # a high surrogate whose low one has not come
        self.value: Any = None  # the whole, once `done`
        self.done: bool = False

    @property
    def partial(self) -> Any:
        """What was read by now, with what is open as far as it came; None before it begins."""
        if self.done or not self._frames:
            return self.value
        *outer, frame = self._frames
        inside: Any = frame.container
        if self._step in (self._string, self._escape, self._unicode) and not self._is_key:
            inside = frame.with_member("".join(self._pieces))
        for around in reversed(outer):
            inside = around.with_member(inside)
        return inside

    def feed(self, text: str) -> list[FieldUpdate]:
        """Take the next piece and give what it adds, in the order of the text.

        Raises:
            BrokenJson: it is no JSON from some character on. What came before it is in ``partial``.
        """
        self._updates = []
        position, end = 0, len(text)
        while position < end:
            position = self._step(text, position)
        self._fed += end
        if self._shown < len(self._pieces) and not self._is_key:
            self._show()
        return self._updates

    def end(self) -> Any:
        """Say that no more comes, and get the whole value.

        Raises:
            BrokenJson: it is not whole.
        """
        if not self.done:
            expected = "more of the JSON that has begun" if self._frames else "JSON that begins with " + self._start
            raise BrokenJson(self._fed, expected, "", self.partial)
        return self.value

    # Each state takes what it can at a position, and gives the position after it.

    def _seek(self, text: str, position: int) -> int:
        start = text.find(self._start, position)
        if start < 0:
            return len(text)
        self._open(self._start)
        return start + 1

    def _value(self, text: str, position: int) -> int:
        position = self._skip(text, position)
        if position == len(text):
            return position
        found = text[position]
        if found == '"':
            self._start_string(is_key=False)
        elif found in "{[":
            if len(self._frames) >= MAX_DEPTH:
                raise self._broken(text, position, f"no more than {MAX_DEPTH} levels")
            self._open(found)
        elif found in "-0123456789":
            self._step = self._number
            return position
        elif found in "tfn":
            self._step = self._literal
            return position
        else:
            return self._unexpected(text, position, "a value")
        return position + 1

    def _value_or_end(self, text: str, position: int) -> int:
        position = self._skip(text, position)
        if position < len(text) and text[position] == "]":
            return self._close(position)
        self._step = self._value
        return position

    def _key_or_end(self, text: str, position: int) -> int:
        position = self._skip(text, position)
        if position < len(text) and text[position] == "}":
            return self._close(position)
        return self._key(text, position)

    def _key(self, text: str, position: int) -> int:
        position = self._skip(text, position)
        if position == len(text):
            return position
        if text[position] != '"':
            return self._unexpected(text, position, "a key in quotes")
        self._start_string(is_key=True)
        return position + 1

    def _colon(self, text: str, position: int) -> int:
        position = self._skip(text, position)
        if position == len(text):
            return position
        if text[position] != ":":
            return self._unexpected(text, position, "a colon")
        self._step = self._value
        return position + 1

    def _comma_or_end(self, text: str, position: int) -> int:
        position = self._skip(text, position)
        if position == len(text):
            return position
        in_list = isinstance(self._frames[-1].container, list)
        if text[position] == ("]" if in_list else "}"):
            return self._close(position)
        if text[position] != ",":
            raise self._broken(text, position, "a comma or the end of the " + ("list" if in_list else "object"))
        self._step = self._value if in_list else self._key
        return position + 1

    def _string(self, text: str, position: int) -> int:
        plain = _PLAIN.match(text, position)
        if plain is not None:
            self._add(plain[0])
            return plain.end()
        if text[position] == "\\":
            self._step = self._escape
            return position + 1
        self._add("")  # a high surrogate may be left
        self._end_string()
        return position + 1

    def _escape(self, text: str, position: int) -> int:
        found = text[position]
        if found == "u":
            self._step = self._unicode
        elif found in _ESCAPES:
            self._add(_ESCAPES[found])
            self._step = self._string
        else:
            raise self._broken(text, position, 'one of "\\/bfnrtu after a backslash')
        return position + 1

    def _unicode(self, text: str, position: int) -> int:
        digits = _HEX.match(text, position, position + 4 - len(self._token))
        if digits is None:
            raise self._broken(text, position, "four hexadecimal digits")
        self._token += digits[0]
        if len(self._token) == 4:
            self._add_unit(int(self._token, 16))
            self._token = ""
            self._step = self._string
        return digits.end()

    def _number(self, text: str, position: int) -> int:
        part = _NUMBER_PART.match(text, position)
        if part is not None:
            self._token += part[0]
            return part.end()
        number = _NUMBER.fullmatch(self._token)
        if number is None:
            raise self._broken(text, position, f"a number, and {self._token!r} is none", back=len(self._token))
        whole = number[1] is None and number[2] is None
        try:
            value = int(self._token) if whole else float(self._token)
        except ValueError as error:  # Python bounds the digits of an int
            raise self._broken(text, position, f"a shorter number ({error})", back=len(self._token)) from None
        self._token = ""
        self._complete(value)
        return position

    def _literal(self, text: str, position: int) -> int:
        part = _LITERAL_PART.match(text, position)
        if part is not None:
            self._token += part[0]
            return part.end()
        if self._token not in _LITERALS:
            raise self._broken(text, position, "true, false or null", back=len(self._token))
        value, self._token = _LITERALS[self._token], ""
        self._complete(value)
        return position

    def _after(self, text: str, position: int) -> int:
        return len(text)

    # What they do

    def _skip(self, text: str, position: int) -> int:
        space = _SPACE.match(text, position)
        return position if space is None else space.end()

    def _open(self, bracket: str) -> None:
        path, indexes = self._frames[-1].place() if self._frames else ("", ())
        container: dict[str, Any] | list[Any] = {} if bracket == "{" else []
        self._frames.append(_Frame(container, path, indexes))
        self._step = self._key_or_end if bracket == "{" else self._value_or_end

    def _close(self, position: int) -> int:
        self._complete(self._frames.pop().container)
        return position + 1

    def _complete(self, value: Any, delta: str = "") -> None:
        """A value is whole: put it into what it is in."""
        if not self._frames:
            self.value, self.done = value, True
            self._updates.append(FieldUpdate("", (), delta, value, attempt=self._attempt))
            self._step = self._after
            return
        frame = self._frames[-1]
        self._updates.append(FieldUpdate(*frame.place(), delta, value, attempt=self._attempt))
        if isinstance(frame.container, list):
            frame.container.append(value)
        else:
            frame.container[frame.key] = value
        self._step = self._comma_or_end

    def _start_string(self, *, is_key: bool) -> None:
        self._pieces, self._shown, self._is_key = [], 0, is_key
        self._step = self._string

    def _end_string(self) -> None:
        whole = "".join(self._pieces)
        delta = "".join(self._pieces[self._shown :])
        self._pieces, self._shown = [], 0
        if self._is_key:
            self._frames[-1].key = whole
            self._step = self._colon
        else:
            self._complete(whole, delta)

    def _show(self) -> None:
        """Give out what there is of the string that goes on."""
        delta = "".join(self._pieces[self._shown :])
        self._shown = len(self._pieces)
        path, indexes = self._frames[-1].place()
        self._updates.append(FieldUpdate(path, indexes, delta, None, pieces=self._pieces, attempt=self._attempt))

    def _add(self, piece: str) -> None:
        if self._high:
            piece, self._high = _REPLACEMENT + piece, 0
        if piece:
            self._pieces.append(piece)

    def _add_unit(self, unit: int) -> None:
        """Add a UTF-16 code unit: two that are a pair make one character, one alone is replaced."""
        if 0xD800 <= unit < 0xDC00:
            self._add("")
            self._high = unit
        elif not 0xDC00 <= unit < 0xE000:
            self._add(chr(unit))
        elif self._high:
            pair = 0x10000 + ((self._high - 0xD800) << 10) + (unit - 0xDC00)
            self._high = 0
            self._add(chr(pair))
        else:
            self._add(_REPLACEMENT)

    def _unexpected(self, text: str, position: int, expected: str) -> int:
        """A brace in prose, or broken JSON."""
        root = self._frames[0].container
        if len(self._frames) == 1 and not root:
            self._frames.clear()
            self._step = self._seek
            return position
        raise self._broken(text, position, expected)

    def _broken(self, text: str, position: int, expected: str, *, back: int = 0) -> BrokenJson:
        start = position - back
        found = text[position] if not back else self._token
        return BrokenJson(self._fed + start, expected, found, self.partial)
