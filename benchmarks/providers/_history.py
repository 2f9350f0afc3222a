"""What does a request cost, by the length of its history? Processor time with a short answer, connection open, µs."""

from functools import partial

from actrio.benchmarks._harness import Scenario, Side
from actrio.benchmarks.providers._actrio import with_actrio
from actrio.benchmarks.providers._beside import beside_both
from actrio.benchmarks.providers._exchange import Client, Exchange
from actrio.benchmarks.providers._sides import request_cost

_ANSWER_TOKENS = 4
_SHORT, _MIDDLING, _LONG = 2, 100, 400

# A request with a long history may cost 1.5 times one with a short one.
_FLAT = 1 / 1.5


def _side(messages: int, client: Client) -> Side:
    return request_cost(client, Exchange(messages=messages, tokens=_ANSWER_TOKENS), 1)


def _scenarios(messages: int, *, full: int, quick: int) -> tuple[Scenario, ...]:
    question = f"What does a request with {messages} messages cost? Processor time, connection open, µs."
    return beside_both(
        f"history-{messages}", question, partial(_side, messages), full=full, quick=quick, reach_sdk=None
    )


_AT_LENGTH = _scenarios(_LONG, full=20, quick=10)

SCENARIOS: tuple[Scenario, ...] = (
    *_scenarios(_SHORT, full=100, quick=50),
    *_scenarios(_MIDDLING, full=50, quick=20),
    *_AT_LENGTH,
    Scenario(
        name="history-flat",
        question=f"How much dearer is a request with {_LONG} messages than with {_SHORT}, both with actrio? µs.",
        unit="µs",
        kind="cost",
        actrio=_AT_LENGTH[0].actrio,
        baseline=_side(_SHORT, with_actrio),
        full=20,
        quick=10,
        reach=_FLAT,
    ),
)
