"""How long does an item of a memory channel take that is read through each host? From the first to the last, µs."""

from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.hosts import _streams
from actrio.benchmarks.hosts._streams import beside_channel

SCENARIOS: tuple[Scenario, ...] = beside_channel(
    "channel",
    "How long does an item of a memory channel take that is read",
    None,
    {
        "blocking": _streams.channel_through_host,
        "asyncio": _streams.channel_through_asyncio("thread"),
        "guest": _streams.channel_through_asyncio("guest"),
    },
    _streams.channel_through_portal,
)
