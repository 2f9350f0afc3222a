"""How long does a piece of a turn's text take, natively and through each host? From its first to its last, µs."""

from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.hosts import _streams
from actrio.benchmarks.hosts._streams import beside_channel

SCENARIOS: tuple[Scenario, ...] = beside_channel(
    "text",
    "How long does a piece of a turn's text take",
    _streams.text_natively,
    {
        "blocking": _streams.text_through_host,
        "asyncio": _streams.text_through_asyncio("thread"),
        "guest": _streams.text_through_asyncio("guest"),
    },
    _streams.text_through_portal,
)
