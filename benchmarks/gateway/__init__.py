"""The gateway suite: what an agent's tokens cost over WebSocket, beside trio-websocket with nothing around it.

- `_flow`: what is streamed, and what is noted of each answer. `_model`: gives it, token by token.
- `_client`: through the gateway. `_bare`: the other side. `_sides`: what is measured of either.
- `_beside`: rows of both. `_token`: all tokens ready at once. `_paced`: each at its own time.
"""

from functools import partial

from actrio.benchmarks._harness import Suite
from actrio.benchmarks._sockets import room_for_sockets
from actrio.benchmarks.gateway import _paced, _token

__all__ = ["SUITE"]

# For a thousand connections, both ends of which are in this process, and those of the run before that still close.
_SOCKETS = 8_192

_NOTES = """\
actrio: an agent's turn, the gateway and its client, with all defaults. baseline: trio-websocket at both ends, texts
that are ready before, no agent, no JSON; 0.67 is at most 1.5 times its cost. rate, token and first: all of an answer is
ready at once; -each: bare, one frame a token; -same: bare, the very frames that the gateway sent, tokens joined as it
joined them. paced and late: each token at its own time, so both sides send the same frames, one a token. Both ends are
in one process. µs of token and paced are its processor time, of both ends; of first and late time on the clock.
first-1-alone: beside answers of one token, through the gateway, too."""

SUITE: Suite = Suite(
    name="gateway",
    beside="bare trio-websocket",
    scenarios=(*_token.SCENARIOS, *_paced.SCENARIOS),
    setting=partial(room_for_sockets, _SOCKETS),
    rounds=5,
    notes=_NOTES,
    conclude=_paced.added,
)
