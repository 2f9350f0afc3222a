"""How long does the first token take? From the call of ``run`` until the token is in hand, µs."""

from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.agents._agent import through_agents
from actrio.benchmarks.providers import Exchange, first_token, with_actrio, with_sdk
from actrio.benchmarks.providers._beside import beside_sides

_ANSWER = Exchange(tokens=16)


def _scenarios(agents: int, percent: int, *, full: int, quick: int) -> tuple[Scenario, ...]:
    which = "one agent" if agents == 1 else f"{agents} agents at once"
    return beside_sides(
        f"ttft-{agents}-p{percent}",
        f"How long does the first token take, {which}? From the call to the token, percentile {percent}, µs.",
        (
            first_token(through_agents(agents), _ANSWER, agents, percent),
            first_token(with_actrio, _ANSWER, agents, percent),
            first_token(with_sdk, _ANSWER, agents, percent),
        ),
        full=full,
        quick=quick,
        reach_bare=None,
    )


SCENARIOS: tuple[Scenario, ...] = (
    *_scenarios(1, 50, full=200, quick=100),
    *_scenarios(1, 99, full=200, quick=100),
    *_scenarios(100, 50, full=400, quick=200),
    *_scenarios(100, 99, full=400, quick=200),
)
