"""How long does an ``ask`` of an actor take, natively and through each host? One after the other, µs."""

from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.hosts._calls import beside_portal

SCENARIOS: tuple[Scenario, ...] = beside_portal("ask", "How long does an ask of an actor take")
