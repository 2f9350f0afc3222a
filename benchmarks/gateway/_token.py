"""What does a token cost from the model to a client? All of an answer is ready at once; both ends together, µs.

The model gives a token whenever it is asked, so there are always more. The gateway joins what came while it sent the
frame before; the bare server of ``each`` sends a frame a token, and that of ``same`` the frames that the gateway sent.
``rate`` is the same on the clock: tokens a second of all connections together. ``first`` is from the question until the
first token is in hand; ``alone`` beside answers of a single token, with which nothing is joined.
"""

from typing import Final

from actrio.benchmarks._harness import Scenario
from actrio.benchmarks.gateway._beside import REACH, Question, sides
from actrio.benchmarks.gateway._flow import Flow

_FLOW: Final = Flow(tokens=100)

# With all that follows it at its heels, the first token may take so many times as long as one that comes alone.
_NOT_DELAYED: Final = 1 / 1.5


def _scenarios(connections: int, *, full: int, quick: int | None, rounds: int | None = None) -> tuple[Scenario, ...]:
    which = "one connection" if connections == 1 else f"{connections:,} connections"
    by = sides(_FLOW, connections)
    rate = f"How many tokens arrive, ready at once, {which}? All together"
    cost = f"What does a token cost, ready at once, {which}? Processor time of both ends"
    first = f"How long does the first token take, the others right after it, {which}? From question to token"
    rows = [
        (Question(f"rate-{connections}-each", rate, "rate", REACH), by.each),
        (Question(f"rate-{connections}-same", rate, "rate"), by.same),
        (Question(f"token-{connections}-each", cost, "cost", REACH), by.each),
        (Question(f"token-{connections}-same", cost, "cost"), by.same),
    ]
    if connections <= 100:  # with a thousand it is how long they wait for each other
        rows += [
            (Question(f"first-{connections}-p{p}", f"{first}, percentile {p}", f"first-p{p}"), by.each)
            for p in (50, 99)
        ]
    if connections == 1:
        alone = sides(Flow(tokens=1), 1).gateway
        rows.append((Question("first-1-alone", f"{first}, percentile 50", "first-p50", _NOT_DELAYED), alone))
    return tuple(one.row(by.gateway, baseline, full=full, quick=quick, rounds=rounds) for one, baseline in rows)


SCENARIOS: tuple[Scenario, ...] = (
    *_scenarios(1, full=200, quick=30),
    *_scenarios(100, full=300, quick=100),
    *_scenarios(1_000, full=1_000, quick=None, rounds=3),
)
