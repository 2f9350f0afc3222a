"""What an agent did, on top of what its actor did."""

from collections import Counter
from collections.abc import Callable
from typing import Literal, TypeAlias

from attrs import field, fields, frozen

from actrio.actors import ActorMetrics, Durations
from actrio.actors._histogram import Histogram
from actrio.agents.tools import Outcome, ToolCounts
from actrio.providers import GovernedStatistics, Usage

TurnOutcome: TypeAlias = Literal["completed", "failed", "cancelled"]


@frozen(kw_only=True)
class AgentMetrics(ActorMetrics):
    """One agent, since it was spawned, over all its restarts. Times are on Trio's clock.

    Attributes:
        turns: {outcome: how many turns ended so}.
        steps: How often its model was called.
        usage: All tokens read and written.
        cost: What they cost, as far as prices are known.
        time_to_first_token: Seconds from the start of a turn to its first text.
        tokens_per_second: Tokens written in all, by the seconds in which the model wrote them; 0 if there were none.
        tool_calls: {(tool, outcome): how many}; a name that is no tool's counts as "(unknown)".
        tool_retries: How often idempotent tools were tried again.
        blocked: {tool: how often it kept all tasks waiting}.
        abandoned: {tool: how many of its threads could not be stopped, and have not ended yet}.
        outputs_rejected: How often an answer was not of the output type.
        model: What the policy of its model has done, its waits for rate limits too; the same for all agents that share
            the model in this runtime. None if it has none, or was not needed yet.
    """

    turns: dict[TurnOutcome, int] = field(factory=dict[TurnOutcome, int])
    steps: int = 0
    usage: Usage = field(factory=Usage)
    cost: float = 0.0
    time_to_first_token: Durations = field(factory=Durations)
    tokens_per_second: float = 0.0
    tool_calls: dict[tuple[str, Outcome], int] = field(factory=dict[tuple[str, Outcome], int])
    tool_retries: int = 0
    blocked: dict[str, int] = field(factory=dict[str, int])
    abandoned: dict[str, int] = field(factory=dict[str, int])
    outputs_rejected: int = 0
    model: GovernedStatistics | None = None


class AgentCounts:
    """The counts behind it, for whoever does something to add to."""

    __slots__ = (
        "cost",
        "first_text",
        "outputs_rejected",
        "statistics",
        "steps",
        "tools",
        "turns",
        "usage",
        "writing_s",
    )

    def __init__(self) -> None:
        self.turns: Counter[TurnOutcome] = Counter()
        self.steps: int = 0
        self.usage: Usage = Usage()
        self.cost: float = 0.0
        self.first_text: Histogram = Histogram()
        self.writing_s: float = 0.0  # seconds from the first text of a step to its end
        self.outputs_rejected: int = 0
        self.tools: ToolCounts = ToolCounts()
        self.statistics: Callable[[], GovernedStatistics] | None = None  # of the open model

    def snapshot(self, actor: ActorMetrics) -> AgentMetrics:
        """With what its actor did."""
        return AgentMetrics(
            **{one.name: getattr(actor, one.name) for one in fields(ActorMetrics)},
            turns=dict(self.turns),
            steps=self.steps,
            usage=self.usage,
            cost=self.cost,
            time_to_first_token=self.first_text.snapshot(),
            tokens_per_second=self.usage.output_tokens / self.writing_s if self.writing_s else 0.0,
            tool_calls=dict(self.tools.calls),
            tool_retries=self.tools.retries,
            blocked=dict(self.tools.blocked),
            abandoned=dict(Counter(self.tools.abandoned.values())),
            outputs_rejected=self.outputs_rejected,
            model=None if self.statistics is None else self.statistics(),
        )
