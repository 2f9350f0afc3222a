"""What became of tool calls, over all restarts of the agent that made them."""

from collections import Counter

from actrio.agents.tools._use import Outcome


class ToolCounts:
    """Counts, for those who run tools to add to.

    Attributes:
        calls: {(tool, outcome): how many}; a name that is no tool's counts as "(unknown)", as models make up many.
        retries: How often an idempotent tool was tried again.
        blocked: {tool: how often it kept all tasks waiting}.
        abandoned: {a mark for each abandoned thread that has not ended: its tool}.
    """

    __slots__ = ("abandoned", "blocked", "calls", "retries")

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, Outcome]] = Counter()
        self.retries: int = 0
        self.blocked: Counter[str] = Counter()
        self.abandoned: dict[object, str] = {}
