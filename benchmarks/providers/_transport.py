"""What does actrio's transport cost beside httpx2's own? Processor time a token and a request, µs.

Both under the same program, the bare one, and the same client of httpx2.
"""

from actrio.benchmarks._harness import Scenario, Side
from actrio.benchmarks.providers._bare import bare, bare_over_actrio
from actrio.benchmarks.providers._exchange import Exchange
from actrio.benchmarks.providers._sides import request_cost, token_cost

_SHORT = Exchange(tokens=1)


def _scenario(
    name: str, question: str, sides: tuple[Side, Side], *, full: int, quick: int | None, at_most: float
) -> Scenario:
    return Scenario(
        name=name,
        question=f"{question} µs.",
        unit="µs",
        kind="cost",
        actrio=sides[0],
        baseline=sides[1],
        full=full,
        quick=quick,
        at_most=at_most,
    )


def _token(at_once: int, exchange: Exchange, which: str, *, full: int, quick: int | None, at_most: float) -> Scenario:
    return _scenario(
        f"wire-token-{at_once}",
        f"What does a token cost on the transport alone, {which}? Processor time, requests and connections included,",
        (token_cost(bare_over_actrio, exchange, at_once), token_cost(bare, exchange, at_once)),
        full=full,
        quick=quick,
        at_most=at_most,
    )


def _request(at_once: int, *, full: int, quick: int | None) -> Scenario:
    return _scenario(
        f"wire-request-{at_once}",
        f"What does a request cost on the transport alone, {at_once:,} at a time? Processor time, connections open,",
        (request_cost(bare_over_actrio, _SHORT, at_once), request_cost(bare, _SHORT, at_once)),
        full=full,
        quick=quick,
        at_most=600,
    )


SCENARIOS: tuple[Scenario, ...] = (
    _token(1, Exchange(tokens=2_000), "one stream of 2,000 at a time", full=6, quick=2, at_most=4),
    _token(1_000, Exchange(), "1,000 streams of 100 at once", full=1_000, quick=None, at_most=12),
    _request(1, full=200, quick=100),
    _request(100, full=200, quick=200),
    _request(1_000, full=1_000, quick=None),
)
