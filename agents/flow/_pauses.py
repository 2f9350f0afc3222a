"""Who waits for an answer from outside."""

from collections import deque

from actrio.agents.flow._reaction import Paused


class Pauses:
    """Those that wait, by the name of the answer's type and by key; of equals the first to come is the first served."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], deque[Paused]] = {}  # none is empty

    def add(self, paused: Paused) -> None:
        """One more."""
        self._waiting.setdefault((paused.kind, paused.key), deque()).append(paused)

    def remove(self, paused: Paused) -> None:
        """It waits no longer."""
        waiting = self._waiting[paused.kind, paused.key]
        waiting.remove(paused)
        if not waiting:
            del self._waiting[paused.kind, paused.key]

    def take(self, kind: str, key: str) -> Paused | None:
        """The first that waits for that, who then waits no longer; None if none does."""
        waiting = self._waiting.get((kind, key))
        if waiting is None:
            return None
        paused = waiting[0]
        self.remove(paused)
        return paused

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """What they wait for: (name of the answer's type, key), one for each."""
        return tuple(one for one, waiting in self._waiting.items() for _ in waiting)
