"""The state of a run, as its handlers see it."""

from collections.abc import Iterator, MutableMapping
from typing import Any

from actrio.agents.flow._reaction import current_reaction


class State(MutableMapping[str, Any]):
    """Named values that all handlers of a run share: ``run.state["count"] = 3``.

    To be saved they have to be plain data. While a restored handler goes again through what it did before it was
    saved, what it sets is passed over, for it is in the state already. So put new values in place of old ones, rather
    than changing a list or dict that is in it.
    """

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def load(self, values: dict[str, Any]) -> None:
        """Have these values, whoever asks."""
        self._values = dict(values)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if not _replaying():
            self._values[key] = value

    def __delitem__(self, key: str) -> None:
        if not _replaying():
            del self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


def _replaying() -> bool:
    reaction = current_reaction.get()
    return reaction is not None and reaction.replaying
