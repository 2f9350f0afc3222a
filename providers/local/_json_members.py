"""JSON that arrives in pieces: the members of an object as they grow, and the text of a string as it grows.

Pure push scanners: each takes the next piece of the JSON text, of any length, and hands on what it completes. They look
at each character once.
"""

import json
import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

_SPACE: Final = " \t\n\r"


class NotJson(ValueError):
    """What came is not what JSON allows there. `got` is the rest of the piece, from the character that is wrong."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got[:40]!r}")
        self.expected = expected
        self.got = got


class _At(Enum):
    """What may come next between two values."""

    BEGINNING = auto()  # an object, or an array of them
    FIRST_OBJECT = auto()  # of an array
    NEXT_OBJECT = auto()
    FIRST_KEY = auto()  # or the object's end
    NEXT_KEY = auto()
    COLON = auto()
    VALUE = auto()
    AFTER_VALUE = auto()
    AFTER_OBJECT = auto()  # of an array
    END = auto()


# {where: {character: where then}}; a key and a value are scanned where they begin.
_STEPS: Final[dict[_At, dict[str, _At]]] = {
    _At.BEGINNING: {"{": _At.FIRST_KEY, "[": _At.FIRST_OBJECT},
    _At.FIRST_OBJECT: {"{": _At.FIRST_KEY, "]": _At.END},
    _At.NEXT_OBJECT: {"{": _At.FIRST_KEY},
    _At.FIRST_KEY: {"}": _At.AFTER_OBJECT},
    _At.COLON: {":": _At.VALUE},
    _At.AFTER_VALUE: {",": _At.NEXT_KEY, "}": _At.AFTER_OBJECT},
    _At.AFTER_OBJECT: {",": _At.NEXT_OBJECT, "]": _At.END},
}


class MemberScanner:
    """Reads an object, or an array of objects, and hands on the members of each as they grow.

    Args:
        grew: Called with a member's key, the next piece of its value as it stands in the text, and whether the value is
            complete with it. The pieces joined are the value's JSON text. The last may be empty.
    """

    def __init__(self, grew: Callable[[str, str, bool], None]) -> None:
        self._grew = grew
        self._at = _At.BEGINNING
        self._in_array = False
        self._key = ""
        self._value: _ValueScanner | None = None  # the key or value in the middle of which the text has ended
        self._of_key: list[str] | None = None  # the pieces of the key, if it is one

    @property
    def complete(self) -> bool:
        """Whether the end of the outermost object or array has come."""
        return self._at is _At.END

    def feed(self, text: str) -> None:
        """Take the next piece. Raises NotJson; the scanner is of no use after that."""
        position = 0
        while position < len(text):
            if self._value is not None:
                position = self._scan(self._value, text, position)
            elif text[position] in _SPACE:
                position += 1
            else:
                position = self._step(text, position)

    def _step(self, text: str, position: int) -> int:
        character = text[position]
        if character == '"' and self._at in {_At.FIRST_KEY, _At.NEXT_KEY}:
            self._value, self._of_key = _ValueScanner(), []
            return position
        if self._at is _At.VALUE and character not in ",:]}":
            self._value = _ValueScanner()
            return position
        after = _STEPS.get(self._at, {}).get(character)
        if after is None:
            raise NotJson(f"JSON to go on ({self._at.name.lower().replace('_', ' ')})", text[position:])
        self._in_array = self._in_array or after is _At.FIRST_OBJECT
        self._at = _At.END if after is _At.AFTER_OBJECT and not self._in_array else after
        return position + 1

    def _scan(self, value: "_ValueScanner", text: str, position: int) -> int:
        end, complete = value.scan(text, position)
        piece = text[position:end]
        if complete:
            self._value = None
        if self._of_key is None:
            if complete:
                self._at = _At.AFTER_VALUE
            self._grew(self._key, piece, complete)
        else:
            self._of_key.append(piece)
            if complete:
                self._key, self._of_key = _decode_key("".join(self._of_key)), None
                self._at = _At.COLON
        return end


def _decode_key(text: str) -> str:
    try:
        key: str = json.loads(text, strict=False)
    except ValueError:
        raise NotJson("a key", text) from None
    return key


class _ValueScanner:
    """Finds the end of one value. What is inside is not checked."""

    def __init__(self) -> None:
        self._depth = 0  # of arrays and objects
        self._in_string = False
        self._escaped = False  # the character before was a backslash in a string

    def scan(self, text: str, start: int) -> tuple[int, bool]:
        """Give where the value ends in the text, and whether that is its end."""
        for position in range(start, len(text)):
            character = text[position]
            if self._in_string:
                if self._in_text(character):
                    return position + 1, True
            elif character == '"':
                self._in_string = True
            elif character in "[{":
                self._depth += 1
            elif self._depth == 0:
                # A number, true, false or null: its end is seen by what comes after.
                if character in ",]}" or character in _SPACE:
                    return position, True
            elif character in "]}":
                self._depth -= 1
                if self._depth == 0:
                    return position + 1, True
        return len(text), False

    def _in_text(self, character: str) -> bool:
        """Take a character inside a string; whether the value ends with it."""
        if self._escaped:
            self._escaped = False
        elif character == "\\":
            self._escaped = True
        elif character == '"':
            self._in_string = False
            return self._depth == 0
        return False


_PLAIN: Final = re.compile(r'[^"\\]+')
_UNIT: Final = re.compile(r"\\u[0-9a-fA-F]{4}")
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_REPLACEMENT: Final = "\ufffd"


class StringUnescaper:
    r"""Gives the text of a JSON string as it grows: `"caf\u00e9"` in any pieces is `café` in some.

    Half of a surrogate pair without the other half is U+FFFD, since no text can have it.
    """

    def __init__(self) -> None:
        self._begun = False
        self._escape = ""  # the beginning of an escape whose end has not come
        self._high: int | None = None  # the first half of a surrogate pair

    def feed(self, piece: str) -> str:
        """Take the next piece of the string, quotes included, and give the text it completes. Raises NotJson."""
        text: list[str] = []
        position = 0
        if piece and not self._begun:
            if piece[0] != '"':
                raise NotJson("a string", piece)
            self._begun = True
            position = 1
        while position < len(piece):
            if self._escape:
                self._escape += piece[position]
                position += 1
                self._end_escape(text)
            elif plain := _PLAIN.match(piece, position):
                self._give(text, plain.group())
                position = plain.end()
            elif piece[position] == "\\":
                self._escape = "\\"
                position += 1
            else:
                self._give(text, "")
                position += 1
        return "".join(text)

    def _end_escape(self, text: list[str]) -> None:
        escape = self._escape
        if escape[1] != "u":
            if escape[1] not in _ESCAPES:
                raise NotJson("an escape", escape)
            self._give(text, _ESCAPES[escape[1]])
        elif len(escape) == 6:
            self._give_unit(text, escape)
        else:
            return
        self._escape = ""

    def _give_unit(self, text: list[str], escape: str) -> None:
        """Give what an escape of four digits means: half a character if it is one of a surrogate pair."""
        if not _UNIT.fullmatch(escape):
            raise NotJson("an escape", escape)
        unit = int(escape.removeprefix("\\u"), base=16)
        if 0xDC00 <= unit < 0xE000 and self._high is not None:
            whole = 0x10000 + ((self._high - 0xD800) << 10) + (unit - 0xDC00)
            self._high = None
            text.append(chr(whole))
            return
        self._give(text, "" if 0xD800 <= unit < 0xDC00 else _REPLACEMENT if 0xDC00 <= unit < 0xE000 else chr(unit))
        if 0xD800 <= unit < 0xDC00:
            self._high = unit

    def _give(self, text: list[str], given: str) -> None:
        """Give text that is none of a pair's second half, so that a first half before it stands alone."""
        if self._high is not None:
            self._high = None
            text.append(_REPLACEMENT)
        text.append(given)
