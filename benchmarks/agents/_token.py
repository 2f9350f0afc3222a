"""What does a token cost through ``turn.text()``? Processor time of this process, requests included, µs."""

from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.agents._agent import BARE_REACH, through_agents
from actrio.benchmarks.providers import Exchange, token_cost, with_actrio, with_sdk
from actrio.benchmarks.providers._beside import beside_sides


def _scenarios(agents: int, exchange: Exchange, *, full: int, quick: int | None) -> tuple[Scenario, ...]:
    which = "one agent" if agents == 1 else f"{agents:,} agents at once"
    return beside_sides(
        f"token-{agents}",
        f"What does a token cost through turn.text(), {which}, {exchange.tokens:,} a turn? Processor time, µs.",
        (
            token_cost(through_agents(agents), exchange, agents),
            token_cost(with_actrio, exchange, agents),
            token_cost(with_sdk, exchange, agents),
        ),
        full=full,
        quick=quick,
        reach_bare=BARE_REACH,
    )


SCENARIOS: tuple[Scenario, ...] = (
    *_scenarios(1, Exchange(tokens=2_000), full=6, quick=2),
    *_scenarios(100, Exchange(), full=200, quick=100),
    *_scenarios(1_000, Exchange(), full=1_000, quick=None),
)
