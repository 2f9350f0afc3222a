"""What a piece of JSON adds to which field."""

from typing import Any


class FieldUpdate:  # noqa: PLW1641 - its value may be a list, which has no hash
    """A value of a JSON text has grown, or is complete.

    Attributes:
        path: Where: keys joined by dots, ``[*]`` for the items of a list; ``sections[*].title``. Empty for the whole.
        indexes: Which items of the lists on the way, the outermost first.
        delta: What was added to a string; empty for all other values.
        is_complete: Whether the value is whole: exactly once for each, after all that are in it.
        attempt: 0, 1, …: when the model had to answer again, what came of earlier attempts is void.
    """

    __slots__ = ("_pieces", "_taken", "_value", "attempt", "delta", "indexes", "is_complete", "path")

    def __init__(
        self,
        path: str,
        indexes: tuple[int, ...],
        delta: str,
        value: Any,
        *,
        pieces: list[str] | None = None,
        attempt: int = 0,
    ) -> None:
        self.path: str = path
        self.indexes: tuple[int, ...] = indexes
        self.delta: str = delta
        self.is_complete: bool = pieces is None
        self.attempt: int = attempt
        self._value = value
        self._pieces = pieces
        self._taken = 0 if pieces is None else len(pieces)

    @property
    def value(self) -> Any:
        """The value: of a string that is not complete, what there was of it by then."""
        if self._pieces is not None:
            # Joined when asked for: for every update, a long string would be copied again and again.
            self._value, self._pieces = "".join(self._pieces[: self._taken]), None
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldUpdate) and self._facts() == other._facts()

    def _facts(self) -> tuple[object, ...]:
        return self.path, self.indexes, self.delta, self.value, self.is_complete

    def __repr__(self) -> str:
        end = ", complete" if self.is_complete else ""
        return f"<FieldUpdate {self.path or '(whole)'} {list(self.indexes)}: +{self.delta!r} -> {self.value!r}{end}>"
