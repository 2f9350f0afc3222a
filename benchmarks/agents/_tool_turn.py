"""What does a turn with one tool call cost? Two requests and the tool between them, processor time, µs."""

from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.agents._agent import BARE_REACH
from actrio.benchmarks.agents._tool_clients import EXCHANGE, agents_with_a_tool, bare_with_a_tool, sdk_with_a_tool
from actrio.benchmarks.providers import request_cost
from actrio.benchmarks.providers._beside import beside_sides


def _scenarios(agents: int, *, full: int, quick: int) -> tuple[Scenario, ...]:
    which = "one agent" if agents == 1 else f"{agents} agents at once"
    return beside_sides(
        f"tool-turn-{agents}",
        f"What does a turn with one tool call cost, two requests, {which}? Processor time, connections open, µs.",
        (
            request_cost(agents_with_a_tool(agents), EXCHANGE, agents),
            request_cost(bare_with_a_tool, EXCHANGE, agents),
            request_cost(sdk_with_a_tool, EXCHANGE, agents),
        ),
        full=full,
        quick=quick,
        reach_bare=BARE_REACH,
    )


SCENARIOS: tuple[Scenario, ...] = (
    *_scenarios(1, full=100, quick=50),
    *_scenarios(200, full=400, quick=200),
)
