"""What a load runs against: the mock model's server, with sockets for 10,000 turns, and answers like real ones."""

import random
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from actrio.benchmarks._sockets import room_for_sockets
from actrio.benchmarks.providers._exchange import KEY, MODEL
from actrio.benchmarks.providers._server import address, serving
from actrio.providers import OpenAIProvider
from actrio.providers.policy import Timeouts

# A connection for each turn, and some room.
_SOCKETS: Final = 10_500

SEED: Final = 1848

# How many different answers there are. An agent keeps to one: each is a provider, with connections of its own.
PROFILES: Final = 24

# Medians and spreads of log-normal distributions, about those of a small hosted model in a quick mood: milliseconds
# until the first token, milliseconds between tokens, tokens. Real ones take longer; the work is the same.
_FIRST_MS: Final = (300.0, 0.5)
_PACE_MS: Final = (25.0, 0.4)
_TOKENS: Final = (30.0, 0.5)

# A busy program may be late in reading; that is measured, and should not end a turn.
_PATIENT: Final = Timeouts(connect_s=None, first_event_s=None, between_events_s=None)


@contextmanager
def loaded_server() -> Generator[None]:
    """The server runs while the block runs."""
    with room_for_sockets(_SOCKETS), serving():
        yield


def quick_model(tokens: int) -> OpenAIProvider:
    """A model that answers at once, in so many tokens."""
    return _model(address(tokens))


def paced_models() -> list[tuple[OpenAIProvider, int]]:
    """Models that take their time, each with how many tokens it answers. The same in every run."""
    draw = random.Random(SEED)  # noqa: S311 - a made-up distribution, not a secret

    def drawn(median: float, spread: float) -> int:
        return max(1, round(median * draw.lognormvariate(0, spread)))

    profiles = [(drawn(*_TOKENS), drawn(*_PACE_MS), drawn(*_FIRST_MS)) for _ in range(PROFILES)]
    return [
        (_model(address(tokens, pace_ms).removesuffix("/v1") + f"/{first_ms}/v1"), tokens)
        for tokens, pace_ms, first_ms in profiles
    ]


def _model(base_url: str) -> OpenAIProvider:
    return OpenAIProvider(MODEL, base_url=base_url, api_key=KEY, retry=None, timeouts=_PATIENT)
