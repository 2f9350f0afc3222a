"""How long does the first token take? From the call that sends the request until the token is in hand, µs."""

from actrio.benchmarks._harness import Scenario, Side
from actrio.benchmarks.providers._beside import beside_both
from actrio.benchmarks.providers._exchange import Client, Exchange
from actrio.benchmarks.providers._sides import first_token

_ANSWER = Exchange(tokens=16)


def _scenarios(at_once: int, percent: int, *, full: int, quick: int) -> tuple[Scenario, ...]:
    def side(client: Client) -> Side:
        return first_token(client, _ANSWER, at_once, percent)

    streams = "one stream at a time" if at_once == 1 else f"{at_once} streams at once"
    question = f"How long does the first token take, {streams}? From request to token, percentile {percent}, µs."
    return beside_both(
        f"ttft-{at_once}-p{percent}", question, side, full=full, quick=quick, reach_sdk=None, reach_bare=None
    )


SCENARIOS: tuple[Scenario, ...] = (
    *_scenarios(1, 50, full=200, quick=100),
    *_scenarios(1, 99, full=200, quick=100),
    *_scenarios(100, 50, full=400, quick=200),
    *_scenarios(100, 99, full=400, quick=200),
)
