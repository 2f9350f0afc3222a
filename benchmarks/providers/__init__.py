"""The providers suite: what a model's streamed answer costs beside doing without actrio, and beside the model's SDK.

A mock server in a process of its own answers at once and costs next to nothing, so what is measured is the client.

- `_server`, `_server_program`: that server. `_exchange`: a request and its answer, and what a client is.
- `_actrio`, `_bare`, `_sdk`: the clients. `_sides`: what is measured of one. `_beside`: actrio beside the other two.
- `_token`, `_first_token`, `_history`, `_transport`: the scenarios.
"""

from actrio.benchmarks._harness import Suite
from actrio.benchmarks.providers import _first_token, _history, _token, _transport
from actrio.benchmarks.providers._actrio import with_actrio
from actrio.benchmarks.providers._exchange import KEY, MODEL, Ask, Client, Exchange
from actrio.benchmarks.providers._sdk import with_sdk
from actrio.benchmarks.providers._server import serving
from actrio.benchmarks.providers._sides import first_token, request_cost, token_cost

__all__ = [
    "KEY",
    "MODEL",
    "SUITE",
    "Ask",
    "Client",
    "Exchange",
    "first_token",
    "request_cost",
    "serving",
    "token_cost",
    "with_actrio",
    "with_sdk",
]

_NOTES = """\
-bare: httpx2, a split and msgspec, with nothing around them; 0.77 is at most 1.3 times its cost. -sdk: the openai SDK's
typed stream. history-flat: 400 messages beside 2, both actrio's own; 0.67 is at most 1.5 times the cost. wire: the bare
program over actrio's transport and over httpx2's. µs are processor time of this process, all threads, without the
server; only those of ttft-N-pN are time on the clock, from the call to the first token, with N streams at a time."""

SUITE: Suite = Suite(
    name="providers",
    beside="bare httpx2 and the openai SDK",
    scenarios=(*_token.SCENARIOS, *_first_token.SCENARIOS, *_history.SCENARIOS, *_transport.SCENARIOS),
    setting=serving,
    rounds=5,
    notes=_NOTES,
)
