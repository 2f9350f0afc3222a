"""Actors under supervisors that the tests of supervision share."""

from typing import Any

from actrio.actors import Strategy, Supervisor, child
from tests.actors.crew import Counter, Log


def three(log: Log, strategy: Strategy = "one_for_one", **settings: Any) -> Supervisor:
    """A supervisor "s" of three counters "a", "b" and "c"."""
    children = [child(Counter, log, name, name=name) for name in "abc"]
    return Supervisor("s", strategy, children=children, **settings)


class Flaky(Counter):
    """A counter whose starts fail as a list says."""

    def __init__(self, fails: list[bool], log: Log | None = None, label: str = "flaky") -> None:
        super().__init__(log or Log(), label)
        self.fails = fails

    async def started(self) -> None:
        await super().started()
        if self.fails and self.fails.pop(0):
            raise OSError("no start")
