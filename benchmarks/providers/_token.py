"""What does a streamed token cost? Processor time of this process, requests and connections included, µs.

The server sends each answer at once, as fast as it is read; only for `paced` it writes one token each 20 ms, so that
each of them wakes the reader.
"""

from actrio.benchmarks._harness import Scenario, Side
from actrio.benchmarks.providers._beside import SDK_REACH, beside_both
from actrio.benchmarks.providers._exchange import Client, Exchange
from actrio.benchmarks.providers._sides import token_cost


def _scenarios(
    name: str,
    which: str,
    exchange: Exchange,
    at_once: int,
    *,
    full: int,
    quick: int | None,
    reach_sdk: float | None = SDK_REACH,
) -> tuple[Scenario, ...]:
    def side(client: Client) -> Side:
        return token_cost(client, exchange, at_once)

    question = f"What does a token cost, {which}? Processor time, requests and connections included, µs."
    return beside_both(name, question, side, full=full, quick=quick, reach_sdk=reach_sdk)


SCENARIOS: tuple[Scenario, ...] = (
    *_scenarios("token-1", "one stream of 2,000 at a time", Exchange(tokens=2_000), 1, full=6, quick=2),
    *_scenarios("token-100", "100 streams of 100 at once", Exchange(), 100, full=200, quick=100),
    *_scenarios("token-1000", "1,000 streams of 100 at once", Exchange(), 1_000, full=1_000, quick=None),
    # Waking a task costs as much as decoding many tokens, on every side, so no such ratio is to be had beside the SDK.
    *_scenarios(
        "paced-50",
        "50 streams of 50 at once, one each 20 ms",
        Exchange(tokens=50, pace_ms=20),
        50,
        full=50,
        quick=50,
        reach_sdk=None,
    ),
)
