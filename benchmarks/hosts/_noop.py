"""How long does a call take of an async function that does next to nothing, through each host? µs."""

from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.hosts._calls import beside_portal

SCENARIOS: tuple[Scenario, ...] = beside_portal("noop", "How long does the call of a function take that does nothing")
